"""A moderator decides about a case: held points count or are void, the account stays or is closed.

For a protected player the first decision is a proposal, and a second person has to want the same.
"""

from uuid import UUID

from scoreboard.domain.review import ReviewCase, ReviewDecision
from scoreboard.domain.review_decision import Reviewer, decide
from scoreboard.storage import review_cases
from scoreboard.storage.database import Transaction
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.case_views import CaseView
from scoreboard.usecases.conclude_case import (
    Concluded,
    conclude,
    lock_case,
    record_conclusion,
    record_step,
    spread_conclusion,
)
from scoreboard.usecases.keyed import Keyed, once, remember
from scoreboard.usecases.list_cases import views_of
from scoreboard.usecases.platform import Platform


async def decide_case(
    platform: Platform, case_id: UUID, decision: ReviewDecision, note: str, by: Actor, keyed: Keyed | None = None
) -> CaseView:
    """Decide, or propose where the player is protected.

    Args:
        platform: stores.
        case_id: the case.
        decision: how it ends.
        note: why, for the next person who reads it.
        by: the moderator.
        keyed: the request's Idempotency-Key.

    Returns:
        The case as it is then.

    Raises:
        Refusal: NOT_FOUND, FORBIDDEN for one's own case or where only an administrator may, CONFLICT when it is
            decided, in somebody else's hands, or cannot end so, and the codes of a key.
        StoreUnavailable: nothing was decided, or the same request finds it decided.
    """
    boards = await platform.catalog.boards()

    async def work(tx: Transaction) -> tuple[CaseView, Concluded | None]:
        locked = await lock_case(tx, case_id)
        step = decide(locked.case, locked.accused, decision, note, Reviewer(by.id, by.role), locked.now)
        concluded = None
        if step.decision is None:
            await review_cases.save_step(tx, step)
        else:
            concluded = await conclude(tx, platform, boards, locked, step)
        [view] = await views_of(tx, boards, [step], locked.now)
        await remember(tx, keyed, view)
        if concluded is None:
            await _record_proposal(tx, step, by)
        else:
            await record_conclusion(tx, concluded, by)
        return view, concluded

    view, concluded = await once(platform, keyed, CaseView, work)
    if concluded is not None:
        await spread_conclusion(platform, concluded)
    return view


async def _record_proposal(tx: Transaction, case: ReviewCase, by: Actor) -> None:
    detail: dict[str, object] = {
        "number": case.number,
        "player": str(case.player_id),
        "decision": str(case.proposed_decision),
        "note": case.note,
    }
    await record_step(tx, "review_case.proposed", case, by, detail)
