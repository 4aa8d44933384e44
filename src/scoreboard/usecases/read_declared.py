"""What is declared, with what is true of it now: for administrators and for the operator's status."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.declaration import Resource
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import freeze_on, touches
from scoreboard.domain.policy import AntiCheatPolicy, policy_of
from scoreboard.domain.season import Season, SeasonStatus, counts_at
from scoreboard.domain.season_plan import Phase, SeasonPlan, phase_of
from scoreboard.storage import actions, catalog, declarations, review_queue, season_plans, seasons, standings
from scoreboard.storage.database import Transaction
from scoreboard.storage.declarations import Stored
from scoreboard.storage.season_plans import PlannedSeason
from scoreboard.usecases.platform import Platform


@dataclass(frozen=True, slots=True)
class BoardTruth:
    """The season that counts now, else the next or the newest one, and the players ranked in it.

    ``frozen``: the public sees an older state of it now.
    """

    season: Season | None
    players: int
    frozen: bool


@dataclass(frozen=True, slots=True)
class KindTruth:
    """Boards on which an action would count now, and boards of the kind that are retired."""

    counts_on: tuple[str, ...]
    retired_boards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyTruth:
    """Cases that wait for a person because of kinds that this policy is for."""

    open_cases: int


@dataclass(frozen=True, slots=True)
class PlanTruth:
    """Where a declared season stands. The checksum is over those of all its boards, see :func:`plan_checksum`."""

    phase: Phase
    checksum: bytes | None
    seasons: tuple[PlannedSeason, ...]


Truth = BoardTruth | KindTruth | PolicyTruth | PlanTruth


@dataclass(frozen=True, slots=True)
class View:
    """A declared thing and the truth about it."""

    stored: Stored
    truth: Truth


async def read_declared(platform: Platform, resource: Resource, key: str) -> View:
    """One of them, retired or not. Raises Refusal NOT_FOUND, or StoreUnavailable."""

    async def work(tx: Transaction) -> View:
        return await view_of(tx, resource, await require_stored(tx, resource, key))

    return await platform.database.transact(work)


async def list_declared(
    platform: Platform, resource: Resource, after: str, limit: int, *, retired: bool
) -> tuple[list[View], str | None]:
    """Those with a key above ``after``, by key, and the last key where there are more. Raises StoreUnavailable."""

    async def work(tx: Transaction) -> tuple[list[View], str | None]:
        found = await declarations.page(tx, resource, after, limit + 1, retired=retired)
        views = [await view_of(tx, resource, stored) for stored in found[:limit]]
        return views, found[limit - 1].spec.key if len(found) > limit else None

    return await platform.database.transact(work)


async def require_stored(tx: Transaction, resource: Resource, key: str) -> Stored:
    """What was declared under this key. Raises Refusal NOT_FOUND."""
    stored = await declarations.find(tx, resource, key)
    if stored is None:
        raise Refusal(ErrorCode.NOT_FOUND, "Nothing was ever declared under this key.")
    return stored


async def view_of(tx: Transaction, resource: Resource, stored: Stored) -> View:
    """A declared thing with the truth about it, as this transaction sees it."""
    spec, now = stored.spec, await actions.clock(tx)
    match spec:
        case Board():
            return View(stored, await _of_board(tx, spec, now))
        case ActionKind():
            return View(stored, await _of_kind(tx, spec, now))
        case AntiCheatPolicy():
            return View(stored, await _of_policy(tx, spec))
        case SeasonPlan():
            found = tuple(await season_plans.of_plan(tx, spec.key))
            phase = phase_of([row.season for row in found], now)
            return View(stored, PlanTruth(phase, plan_checksum(found), found))


async def _of_board(tx: Transaction, board: Board, now: datetime) -> BoardTruth:
    known = await seasons.of_board(tx, board.key)
    running = next((season for season in known if counts_at(season, now)), None)
    coming = next((season for season in reversed(known) if season.starts_at > now), None)
    season = running or coming or (known[0] if known else None)
    if season is None:
        return BoardTruth(None, 0, frozen=False)
    closed = season.status is SeasonStatus.CLOSED
    players = await standings.final_total(tx, season) if closed else await standings.total(tx, season.id)
    freeze = freeze_on(board, now)
    return BoardTruth(season, players, frozen=freeze is not None and touches(freeze, season))


async def _of_kind(tx: Transaction, kind: ActionKind, now: datetime) -> KindTruth:
    retired = await catalog.retired_boards(tx)
    running = {season.board_key for season in await seasons.unfinished(tx) if counts_at(season, now)} - retired
    counts_on = tuple(key for key in kind.boards if key in running and kind.enabled)
    return KindTruth(counts_on, tuple(key for key in kind.boards if key in retired))


async def _of_policy(tx: Transaction, policy: AntiCheatPolicy) -> PolicyTruth:
    declared = {each.key: each for each in await catalog.current_policies(tx)}
    if policy.key not in declared:
        return PolicyTruth(0)
    fallback = AntiCheatPolicy("")
    kinds = {kind.key for kind in await catalog.current_kinds(tx)} | set(policy.kinds)
    own = [key for key in kinds if policy_of(declared, key, fallback).key == policy.key]
    general = policy_of(declared, "", fallback).key == policy.key
    return PolicyTruth(await review_queue.open_cases(tx, own, general=general))


def plan_checksum(found: tuple[PlannedSeason, ...]) -> bytes | None:
    """One checksum for the final standings of all boards; None until all of them are there.

    SHA-256 over a line for each board, in the order of their keys: key, season, the checksum of its final standings
    in hexadecimal, separated by ``|``. A correction of a closed season gives another one.
    """
    if not found or any(row.checksum is None for row in found):
        return None
    lines = [
        f"{row.season.board_key}|{row.season.id}|{(row.checksum or b'').hex()}\n"
        for row in sorted(found, key=lambda row: row.season.board_key)
    ]
    return hashlib.sha256("".join(lines).encode()).digest()
