"""Held points whose case nobody decided in time are released: players do not pay for our lack of people."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from scoreboard import telemetry
from scoreboard.domain.review_decision import lapse
from scoreboard.storage import actions, review_queue
from scoreboard.storage.database import StoreContended, StoreTimeout, StoreUnavailable, Transaction
from scoreboard.usecases.conclude_case import Concluded, conclude, lock_case, record_conclusion, spread_conclusion
from scoreboard.usecases.platform import Platform

_AT_ONCE = 50
_log = structlog.get_logger("scoreboard.review")
Failed = dict[UUID, datetime]
"""Cases that could not be released, and when each is tried again."""


async def release_overdue(platform: Platform, now: datetime | None = None, failed: Failed | None = None) -> int:
    """Release what waits in cases past their time, unless policy keeps it. Run by every worker.

    A case that cannot be released (a board could not hold the total, its rows are taken) is logged and counted, and the
    others are released all the same.

    Args:
        platform: stores.
        now: the moment by which cases are overdue; None for the database's clock.
        failed: remembered from round to round: these are passed over until ``review_retry_s`` is over.

    Returns:
        How many cases were decided.

    Raises:
        StoreUnavailable: the next round does it.
    """
    waiting: Failed = {} if failed is None else failed

    async def look(tx: Transaction) -> tuple[datetime, list[UUID]]:
        moment = now or await actions.clock(tx)
        for case_id in [case_id for case_id, again in waiting.items() if again <= moment]:
            del waiting[case_id]
        return moment, await review_queue.overdue_holds(tx, moment, _AT_ONCE, waiting)

    decided = 0
    moment, overdue = await platform.database.transact(look)
    for case_id in overdue:
        try:
            decided += await _release(platform, case_id, now)
        except Exception as error:
            if isinstance(error, StoreUnavailable) and not isinstance(error, StoreContended | StoreTimeout):
                raise
            waiting[case_id] = moment + timedelta(seconds=platform.settings.review_retry_s)
            telemetry.REVIEW_RELEASE_FAILURES.inc()
            reason = telemetry.told_by(error)
            _log.error("overdue case not released", case=str(case_id), error=type(error).__name__, reason=reason)
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
