"""What must be so on the platform before something is declared: what it names is there, what counts stays as it is."""

from dataclasses import fields, replace
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSimError

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.declaration import Fault, Resource, conflict, require_faultless
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.domain.season_plan import Phase, SeasonPlan, overlap, phase_of
from scoreboard.storage import catalog, season_plans, seasons
from scoreboard.storage.catalog import Declarable
from scoreboard.storage.database import Transaction
from scoreboard.storage.declarations import Stored
from scoreboard.usecases.fit_seasons import has_schedule
from scoreboard.usecases.season_boundaries import last_boundary, next_boundary

_CRON_FIELDS = 5
# A score is what its board made of the points; by another rule it would be another number, or stand elsewhere.
_COUNTED_BY = ("order", "operator", "tie_rule")


async def require_declarable(tx: Transaction, spec: Declarable, stored: Stored | None, now: datetime) -> None:
    """Check what only the platform knows; the form of each field was checked before.

    Raises:
        Refusal: VALIDATION_ERROR with pointers, and ``waits_for`` where something named is not there; CONFLICT with
            reason ``immutable``, ``scheduled_board`` or ``overlap``.
    """
    match spec:
        case Board():
            await _check_board(tx, spec, stored, now)
        case ActionKind():
            require_faultless(await _unknown_boards(tx, spec.boards))
        case AntiCheatPolicy():
            known = {kind.key for kind in await catalog.current_kinds(tx)}
            words = "There is no action kind of this name"
            require_faultless(
                [
                    Fault(f"/kinds/{place}", words, (Resource.KINDS, key))
                    for place, key in enumerate(spec.kinds)
                    if key not in known
                ]
            )
        case SeasonPlan():
            await _check_plan(tx, spec, stored, now)


def differing(spec: Declarable, stored: Declarable) -> list[str]:
    """Names of the fields in which two specifications of a kind differ, their version aside."""
    names = (field.name for field in fields(spec) if field.name not in ("key", "version"))
    return [name for name in names if getattr(spec, name) != getattr(stored, name)]


def _immutable(names: list[str], words: str, detail: str) -> None:
    if names:
        raise conflict("immutable", detail, [Fault(f"/{name}", words) for name in names])


async def _unknown_boards(tx: Transaction, keys: tuple[str, ...]) -> list[Fault]:
    known = {board.key for board in await catalog.current_boards(tx)}
    retired = await catalog.retired_boards(tx)
    faults = []
    for place, key in enumerate(keys):
        if key not in known or key in retired:
            words = "This board is retired" if key in retired else "There is no board of this name"
            faults.append(Fault(f"/boards/{place}", words, (Resource.BOARDS, key)))
    return faults


async def _check_board(tx: Transaction, board: Board, stored: Stored | None, now: datetime) -> None:
    require_faultless(_schedule_faults(board, now))
    if stored is not None:
        counted = [name for name in differing(board, stored.spec) if name in _COUNTED_BY]
        if counted and await seasons.has_scores(tx, board.key):
            words = "Scores exist, and they were counted by this; make a new board"
            _immutable(counted, words, "Players have scored here, so how scores are counted stays as it is.")
    if has_schedule(board):
        plans = await season_plans.of_boards(tx, [board.key])
        named = [plan.key for plan in plans if plan.ends_at is None or now < plan.ends_at]
        if named:
            words = f"The season {named[0]} names this board, so it cannot have a schedule of its own as well."
            raise conflict("scheduled_board", words, [Fault("/schedule", "A declared season names this board")])


def _schedule_faults(board: Board, now: datetime) -> list[Fault]:
    schedule = board.schedule
    try:
        ZoneInfo(schedule.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [Fault("/schedule/time_zone", "There is no time zone of this name; use one as Europe/Berlin")]
    if schedule.cron is not None:
        try:
            if len(schedule.cron.split()) != _CRON_FIELDS:  # with a sixth one seasons could begin every second
                raise CronSimError("another number of fields")
            last_boundary(board, now)
            next_boundary(board, now)
        except (CronSimError, StopIteration, OverflowError):
            words = "This never comes; write five fields that name a moment, as in 0 0 * * 1 for every Monday"
            return [Fault("/schedule/cron", words)]
    return []


async def _check_plan(tx: Transaction, plan: SeasonPlan, stored: Stored | None, now: datetime) -> None:
    previous = stored.spec if stored is not None and stored.retired_at is None else None
    changed = differing(plan, previous) if previous is not None else []
    if previous is not None:
        own = [row.season for row in await season_plans.of_plan(tx, plan.key)]
        if own and phase_of(own, now) in (Phase.CLOSING, Phase.ARCHIVED):
            _immutable(changed, "The season is over", "This season is over; declare another one.")
        if any(season.starts_at <= now for season in own):
            words = "The season has begun; end it and declare another one"
            fixed = [name for name in changed if name in ("starts_at", "boards")]
            _immutable(fixed, words, "This season has begun, so its start and its boards stay as they are.")
        if not changed:
            return
    if plan.ends_at is not None and plan.ends_at <= now and (previous is None or "ends_at" in changed):
        words = "This lies in the past, so no action could count; to end a season that runs, retire it"
        require_faultless([Fault("/ends_at", words)])
    require_faultless(await _unknown_boards(tx, plan.boards))
    boards = {board.key: board for board in await catalog.current_boards(tx)}
    places = [place for place, key in enumerate(plan.boards) if has_schedule(boards[key])]
    if places:
        faults = [Fault(f"/boards/{place}", "This board has a schedule of its own") for place in places]
        words = "A board's seasons come from its own schedule or from declared seasons, not from both."
        raise conflict("scheduled_board", words, faults)
    effective = replace(plan, starts_at=max(plan.starts_at, now)) if previous is None else plan
    for other in await season_plans.of_boards(tx, plan.boards):
        if other.key != plan.key and overlap(effective, other):
            words = f"The season {other.key} wants one of these boards at the same time."
            raise conflict("overlap", words, [Fault("/starts_at", f"Overlaps with the season {other.key}")])
