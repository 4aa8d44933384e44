"""A moderator takes a case for a while, so that two do not work on it at once, or gives it back."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.review import ReviewCase
from scoreboard.domain.review_decision import Reviewer, claim, give_back
from scoreboard.storage import actions, review_cases
from scoreboard.storage.database import Transaction
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.case_views import CaseView
from scoreboard.usecases.conclude_case import record_step
from scoreboard.usecases.keyed import Keyed, once, remember
from scoreboard.usecases.list_cases import views_of
from scoreboard.usecases.platform import Platform

_Step = Callable[[ReviewCase, Reviewer, datetime], ReviewCase]


async def claim_case(platform: Platform, case_id: UUID, by: Actor, keyed: Keyed | None = None) -> CaseView:
    """Take a case, or keep it for longer.

    Raises:
        Refusal: NOT_FOUND, FORBIDDEN for one's own case, CONFLICT when it is decided or somebody else has it.
        StoreUnavailable: nothing changed.
    """
    step = partial(claim, lease_s=platform.settings.review_lease_s)
    return await _change(platform, case_id, by, keyed, step, "review_case.claimed")


async def return_case(platform: Platform, case_id: UUID, by: Actor) -> CaseView:
    """Give a case back before its time is over. Raises as :func:`claim_case`."""
    return await _change(platform, case_id, by, None, give_back, "review_case.returned")


async def _change(
    platform: Platform, case_id: UUID, by: Actor, keyed: Keyed | None, step: _Step, event: str
) -> CaseView:
    boards = await platform.catalog.boards()

    async def work(tx: Transaction) -> tuple[CaseView, None]:
        case = await review_cases.lock(tx, case_id)
        if case is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such case.")
        now = await actions.clock(tx)
        changed = step(case, Reviewer(by.id, by.role), now)
        if changed != case:
            await review_cases.save_step(tx, changed)
        [view] = await views_of(tx, boards, [changed], now)
        await remember(tx, keyed, view)
        if changed != case:
            await record_step(tx, event, case, by, {"number": case.number, "player": str(case.player_id)})
        return view, None

    return (await once(platform, keyed, CaseView, work))[0]
