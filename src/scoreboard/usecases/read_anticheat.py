"""How the anti-cheat does: its policies, the queue, suspensions, cases by day."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.storage import actions, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.storage.review_queue import DayCounts, QueueState
from scoreboard.usecases.platform import Platform

_DAYS = timedelta(days=30)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AntiCheatReport:
    """Policies with the one for whatever none was declared for, figures, and counts of the last thirty days."""

    policies: tuple[AntiCheatPolicy, ...]
    queue: QueueState
    suspensions_last_hour: int
    days: tuple[DayCounts, ...]


async def read_anticheat(platform: Platform, who: UUID) -> AntiCheatReport:
    """The report for somebody; ``queue.mine`` counts their cases. Raises StoreUnavailable."""
    policies = await platform.catalog.policy_choice()

    async def work(tx: Transaction) -> AntiCheatReport:
        now = await actions.clock(tx)
        return AntiCheatReport(
            (*(policies.declared[key] for key in sorted(policies.declared)), policies.fallback),
            await review_queue.state(tx, who, now),
            await review_queue.suspensions_since(tx, now - _HOUR),
            tuple(await review_queue.days(tx, _midnight(now - _DAYS))),
        )

    return await platform.database.transact(work)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
