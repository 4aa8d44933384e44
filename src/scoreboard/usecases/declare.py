"""Declare a board, an action kind, an anti-cheat policy or a season: once is as often as wanted.

Called for administrators and for the operator. ``configure`` declares many at once, and asks no owner.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.declaration import Outcome, Owner, Resource, owner_after
from scoreboard.domain.player import Role
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.domain.season_plan import SeasonPlan
from scoreboard.live.bus import CatalogChanged
from scoreboard.storage import actions, audit, catalog, declarations, outbox, season_plans
from scoreboard.storage.catalog import Declarable
from scoreboard.storage.database import Transaction
from scoreboard.storage.declarations import Stored
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.check_declared import differing, require_declarable
from scoreboard.usecases.fit_seasons import Fitted, fit_seasons, forget_leaderboards
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_declared import View, require_stored, view_of

_NOUNS = {
    Resource.BOARDS: "board",
    Resource.KINDS: "action_kind",
    Resource.POLICIES: "anticheat_policy",
    Resource.SEASONS: "season_plan",
}
# What is declared stays as it is, whoever owns it then.
_QUIET = (Outcome.UNCHANGED, Outcome.RELEASED)


@dataclass(frozen=True, slots=True)
class Declarer:
    """Who declares: a person, or the operator, who has no account. ``request_id`` leads from the audit to the log."""

    name: str
    role: Role
    id: UUID | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be declared, for which resource, and whether to do it or only to tell what would come of it."""

    spec: Declarable
    claim: Owner | None = None
    take_over: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """What came of it. ``before`` is the version until then; None where there was none, or it was retired."""

    outcome: Outcome
    before: Declarable | None
    view: View
    fitted: Fitted


@dataclass(slots=True)
class Rehearsed(Exception):
    """Ends a transaction that was only to tell what it would do."""

    declaration: Declaration


def resource_of(spec: Declarable) -> Resource:
    """What a specification is of."""
    match spec:
        case Board():
            return Resource.BOARDS
        case ActionKind():
            return Resource.KINDS
        case AntiCheatPolicy():
            return Resource.POLICIES
        case SeasonPlan():
            return Resource.SEASONS


async def declare(platform: Platform, wish: Wish, by: Declarer) -> Declaration:
    """Make this the current version. The same specification again changes nothing; a retired thing is restored.

    Raises:
        Refusal: CONFLICT or VALIDATION_ERROR; see ``domain.declaration`` and ``check_declared`` for the reasons.
        StoreUnavailable: nothing changed.
    """
    resource = resource_of(wish.spec)

    async def work(tx: Transaction) -> Declaration:
        await declarations.lock(tx)
        stored = await declarations.find(tx, resource, wish.spec.key)
        held = None if stored is None else stored.owner
        owner = owner_after(held, wish.claim, by.name, take_over=wish.take_over)
        await require_declarable(tx, wish.spec, stored, await actions.clock(tx))
        outcome = _outcome(wish.spec, stored)
        fitted = Fitted()
        if outcome is not Outcome.UNCHANGED:
            await declarations.put(tx, wish.spec, f"resource {wish.claim.name}" if wish.claim else by.name)
            fitted = await _follow(tx, wish.spec, stored)
        if owner != held:
            await declarations.set_owner(tx, resource, wish.spec.key, owner)
        now_stored = await require_stored(tx, resource, wish.spec.key)
        before = stored.spec if stored is not None and stored.retired_at is None else None
        done = Declaration(outcome, before, await view_of(tx, resource, now_stored), fitted)
        if wish.dry_run:
            raise Rehearsed(done)
        await note(tx, resource, done, held, by)
        return done

    return await finish(platform, work)


def _outcome(spec: Declarable, stored: Stored | None) -> Outcome:
    if stored is None:
        return Outcome.CREATED
    if stored.retired_at is not None:
        return Outcome.RESTORED
    return Outcome.CHANGED if differing(spec, stored.spec) else Outcome.UNCHANGED


async def _follow(tx: Transaction, spec: Declarable, stored: Stored | None) -> Fitted:
    """Let the seasons of boards follow."""
    if isinstance(spec, Board):
        await season_plans.resume(tx, spec.key)
        return await fit_all(tx, [spec.key])
    if isinstance(spec, SeasonPlan):
        before = stored.spec.boards if stored is not None and isinstance(stored.spec, SeasonPlan) else ()
        return await fit_all(tx, {*spec.boards, *before})
    return Fitted()


async def fit_all(tx: Transaction, keys: Iterable[str]) -> Fitted:
    """Bring the seasons of these boards in line. Returns what that changed on all of them."""
    wanted, done = set(keys), Fitted()
    for board in await catalog.current_boards(tx):
        if board.key in wanted:
            one = await fit_seasons(tx, board, await actions.clock(tx))
            done = Fitted(done.made + one.made, done.changed + one.changed, done.dropped + one.dropped)
    return done


async def note(tx: Transaction, resource: Resource, done: Declaration, held: Owner | None, by: Declarer) -> None:
    """Tell the other processes and the audit log, if anything changed. A newer generation alone is not worth a row."""
    stored = done.view.stored
    key, owner = stored.spec.key, stored.owner
    moved = (held and (held.uid, held.name)) != (owner and (owner.uid, owner.name))
    if done.outcome is Outcome.UNCHANGED and not moved:
        return
    detail: dict[str, Any] = {"version": stored.spec.version, "outcome": str(done.outcome), "by": by.name}
    detail["owner"] = None if owner is None else {"uid": owner.uid, "name": owner.name, "generation": owner.generation}
    if done.fitted.made or done.fitted.dropped:
        made = [f"{season.board_key}/{season.id}" for season in done.fitted.made]
        detail |= {"seasons_made": made, "seasons_withdrawn": list(done.fitted.dropped)}
    if done.outcome not in _QUIET:
        await outbox.add_control(tx, CatalogChanged())
    retired = done.outcome is Outcome.RETIRED
    event = "owner_changed" if done.outcome in _QUIET else "declared"
    await audit.record(
        tx,
        f"{_NOUNS[resource]}.{'retired' if retired else event}",
        key,
        actor_id=by.id,
        actor_role=str(by.role),
        detail=detail,
        request_id=by.request_id,
    )


async def finish(platform: Platform, work: Any) -> Declaration:
    """Commit, or only rehearse; after a change everybody drops what they remember. Raises StoreUnavailable."""
    try:
        done: Declaration = await platform.database.transact(work)
    except Rehearsed as rehearsed:
        return rehearsed.declaration
    if done.outcome not in _QUIET:
        platform.catalog.invalidate()
        await announce_control(platform, CatalogChanged())
        await forget_leaderboards(platform, done.fitted.dropped)
    return done
