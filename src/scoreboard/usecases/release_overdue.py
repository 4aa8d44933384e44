"""Held points whose case nobody decided in time are released: players do not pay for our lack of people."""

from datetime import datetime
from uuid import UUID

from scoreboard.domain.review_decision import lapse
from scoreboard.storage import actions, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.usecases.conclude_case import Concluded, conclude, lock_case, record_conclusion, spread_conclusion
from scoreboard.usecases.platform import Platform

_AT_ONCE = 50


async def release_overdue(platform: Platform, now: datetime | None = None) -> int:
    """Release what waits in cases past their time, unless policy keeps it. Run by every worker.

    Args:
        platform: stores.
        now: the moment by which cases are overdue; None for the database's clock.

    Returns:
        How many cases were decided.

    Raises:
        StoreUnavailable: the next round does it.
    """

    async def look(tx: Transaction) -> list[UUID]:
        return await review_queue.overdue_holds(tx, now or await actions.clock(tx), _AT_ONCE)

    decided = 0
    for case_id in await platform.database.transact(look):
        decided += await _release(platform, case_id, now)
    return decided


async def _release(platform: Platform, case_id: UUID, now: datetime | None) -> bool:
    boards = await platform.catalog.boards()

    async def work(tx: Transaction) -> Concluded | None:
        locked = await lock_case(tx, case_id)
        step = lapse(locked.case, len(locked.held), now or locked.now)
        if step is None:  # another worker, or a person, was faster
            return None
        concluded = await conclude(tx, platform, boards, locked, step)
        await record_conclusion(tx, concluded, None)
        return concluded

    concluded = await platform.database.transact(work)
    if concluded is None:
        return False
    await spread_conclusion(platform, concluded)
    return True
