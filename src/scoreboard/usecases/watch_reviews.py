"""What the worker does for reviews in each round: deadlines, priorities, and the figures that operators watch."""

from datetime import timedelta
from itertools import product

from scoreboard import telemetry
from scoreboard.domain.events import Verdict
from scoreboard.domain.review import CaseSource
from scoreboard.storage import actions, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.release_overdue import release_overdue
from scoreboard.usecases.weigh_stakes import weigh_stakes

_DAY = timedelta(days=1)


async def watch_reviews(platform: Platform) -> None:
    """Release what is overdue, bring priorities up to date, and tell how long the queue is. Run by every worker.

    Raises:
        StoreUnavailable: the next round does it.
    """
    await release_overdue(platform)
    await weigh_stakes(platform)
    await platform.database.transact(_measure)


async def _measure(tx: Transaction) -> None:
    now = await actions.clock(tx)
    state = await review_queue.state(tx, None, now)
    telemetry.REVIEW_OPEN.set(state.open)
    telemetry.REVIEW_OVERDUE.set(state.overdue)
    telemetry.REVIEW_OLDEST.set(state.oldest_age_s)
    telemetry.REVIEW_HELD.set(state.held_actions)
    opened = {(source, verdict): number for source, verdict, number in await review_queue.opened_since(tx, now - _DAY)}
    for source, verdict in product(CaseSource, Verdict):
        telemetry.REVIEW_OPENED.labels(source, verdict).set(opened.get((source, verdict), 0))
