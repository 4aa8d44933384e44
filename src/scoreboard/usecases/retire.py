"""Retire what was declared, or give it up: the resource goes, what it declared may stay.

Retired is not deleted: scores, ledger and closed seasons are read as before, and declaring it again restores it.
"""

from dataclasses import dataclass

from scoreboard.domain.board import Board
from scoreboard.domain.declaration import Outcome, Resource, require_release
from scoreboard.domain.season_plan import SeasonPlan
from scoreboard.storage import declarations, season_plans
from scoreboard.storage.catalog import Declarable
from scoreboard.storage.database import Transaction
from scoreboard.usecases.declare import Declaration, Declarer, Rehearsed, finish, fit_all, note
from scoreboard.usecases.fit_seasons import Fitted
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_declared import require_stored, view_of


@dataclass(frozen=True, slots=True)
class Farewell:
    """Who lets go of what: a resource by its uid and generation, or a person. ``retain``: only ownership ends."""

    resource: Resource
    key: str
    uid: str | None = None
    generation: int | None = None
    retain: bool = False
    take_over: bool = False
    dry_run: bool = False


async def retire(platform: Platform, wish: Farewell, by: Declarer) -> Declaration:
    """A retired board takes no points and its coming seasons are taken away; a retired kind cannot be begun; a retired
    policy no longer counts; a retired season ends now. Nobody owns it then. The same again changes nothing.

    Raises:
        Refusal: NOT_FOUND when nothing was ever declared under the key; CONFLICT for who may not.
        StoreUnavailable: nothing changed.
    """

    async def work(tx: Transaction) -> Declaration:
        await declarations.lock(tx)
        stored = await require_stored(tx, wish.resource, wish.key)
        over = stored.retired_at is not None or (wish.retain and stored.owner is None)
        if not (over and stored.owner is None):
            require_release(stored.owner, wish.uid, wish.generation, take_over=wish.take_over)
        fitted = Fitted()
        outcome = Outcome.UNCHANGED
        if not over:
            outcome = Outcome.RELEASED if wish.retain else Outcome.RETIRED
            await declarations.set_owner(tx, wish.resource, wish.key, None)
        if outcome is Outcome.RETIRED:
            await declarations.retire(tx, wish.resource, wish.key)
            fitted = await _follow(tx, stored.spec)
        now_stored = await require_stored(tx, wish.resource, wish.key)
        before = None if stored.retired_at is not None else stored.spec
        done = Declaration(outcome, before, await view_of(tx, wish.resource, now_stored), fitted)
        if wish.dry_run:
            raise Rehearsed(done)
        await note(tx, wish.resource, done, stored.owner, by)
        return done

    return await finish(platform, work)


async def _follow(tx: Transaction, spec: Declarable) -> Fitted:
    if isinstance(spec, Board):
        return Fitted(dropped=tuple(await season_plans.pause(tx, spec.key)))
    return await fit_all(tx, spec.boards) if isinstance(spec, SeasonPlan) else Fitted()
