"""What the worker does for reviews in each round: deadlines, priorities, and the figures that operators watch."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product

import structlog

from scoreboard import telemetry
from scoreboard.domain.events import Verdict
from scoreboard.domain.review import CaseSource
from scoreboard.storage import actions, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.release_overdue import Failed, release_overdue
from scoreboard.usecases.weigh_stakes import weigh_stakes

_DAY = timedelta(days=1)
_log = structlog.get_logger("scoreboard.review")


@dataclass(slots=True)
class ReviewWatch:
    """Remembers which overdue cases could not be released. Run by every worker."""

    platform: Platform
    _failed: Failed = field(default_factory=dict)

    async def run(self) -> None:
        """Release what is overdue, bring priorities up to date, and tell how long the queue is, each for itself.

        Raises:
            Exception: the first that one of the three raised, after all have had their turn; the next round does it.
        """
        steps: tuple[tuple[str, Callable[[], Awaitable[object]]], ...] = (
            ("release", lambda: release_overdue(self.platform, failed=self._failed)),
            ("stakes", lambda: weigh_stakes(self.platform)),
            ("figures", lambda: self.platform.database.transact(_measure)),
        )
        first: Exception | None = None
        for name, step in steps:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - the figures are wanted most when something else fails
                _log.warning("a part of the review round failed", part=name, error=type(error).__name__)
                first = first or error
        if first is not None:
            raise first


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
