"""Keep the analytics: three consumers that each remember how far they are. Run by every worker, and by hand.

Results come from the ledger by number. Attempts, which are not in the ledger, come from their own rows by the moment
at which they were begun, a while later, so that none is still to be committed; those that nobody finished are counted
once they no longer can be. Who loses a race for a step leaves it to the one who won.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scoreboard.domain.activity import LENGTH, Step
from scoreboard.storage import actions, activity, ledger, positions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform

RESULTS = "activity-results"
CREATED = "activity-created"
ABANDONED = "activity-abandoned"
"""Names of the places: a ledger number, and two moments in microseconds."""
SHORT = timedelta(minutes=15)
"""Attempts that may last this long at most are counted as abandoned when it is over; the few that may last longer when
they are deleted. What is said by the row itself is counted by exactly one of both."""
_WINDOW = timedelta(minutes=10)
_FORGET_EVERY = timedelta(minutes=10)
_STEPS = 1000  # windows of attempts in a round, a week: a platform with years of them counts results between two
_RESET_DAYS = 7  # days of one statement: a week of minutes of a hundred kinds takes a second
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class ActivityRollUp:
    """One worker's rounds. What it remembers is only when it last threw old minutes away."""

    platform: Platform
    _forgotten_at: datetime | None = None

    async def run(self) -> None:
        """Count everything that is due.

        Raises:
            StoreUnavailable: the next round goes on from where this one came to.
        """
        # Until the end as it was at the first step, not until there is nothing more: under play there always is.
        step = await count_results(self.platform)
        end = 0 if step is None else step[1]
        while step is not None and step[0] < end:
            step = await count_results(self.platform)
        for consumer in (CREATED, ABANDONED):
            for _ in range(_STEPS):
                if not await self._attempts(consumer):
                    break
        await self._forget()

    async def _attempts(self, consumer: str) -> bool:
        settings = self.platform.settings
        kept = timedelta(days=settings.activity_minutes_kept)

        async def work(tx: Transaction) -> bool:
            committed, unawaited = await activity.settled(tx, settings.rollup_settle)
            due = committed if consumer == CREATED else unawaited - SHORT
            place = await positions.read(tx, consumer)
            if place is None:
                first = await activity.first_attempt(tx, settings.abandoned_actions_kept)
                place = await positions.begin(tx, consumer, (first - _EPOCH) // _MICROSECOND)
            since = _EPOCH + place * _MICROSECOND
            until = min(since + _WINDOW, due)
            step = positions.Move(consumer, place, (until - _EPOCH) // _MICROSECOND)
            if until <= since or not await positions.move(tx, step):
                return False
            if consumer == CREATED:
                await activity.add_created(tx, since, until, kept)
            else:
                await activity.add_abandoned(tx, since, until, kept, SHORT)
            return until < due

        return await self.platform.database.transact(work)

    async def _forget(self) -> None:
        kept = timedelta(days=self.platform.settings.activity_minutes_kept)

        async def work(tx: Transaction) -> datetime | None:
            now = await actions.clock(tx)
            if self._forgotten_at is not None and now - self._forgotten_at < _FORGET_EVERY:
                return None
            await activity.forget_minutes(tx, kept)
            return now

        forgotten_at = await self.platform.database.transact(work)
        if forgotten_at is not None:
            while await self.platform.database.transact(_forget_players):
                pass
            self._forgotten_at = forgotten_at


async def count_results(platform: Platform) -> tuple[int, int] | None:
    """Count the next entries of the ledger.

    Returns:
        How far the count is now, and the ledger's last number; None when there was nothing to count, or somebody else
        counted it.

    Raises:
        StoreUnavailable: nothing was counted.
    """
    settings = platform.settings
    kept = timedelta(days=settings.activity_minutes_kept)

    async def work(tx: Transaction) -> tuple[int, int] | None:
        head, _ = await ledger.head(tx)
        place = await positions.read(tx, RESULTS)
        if place is None:
            place = await positions.begin(tx, RESULTS, 0)
        up_to = min(head, place + settings.rollup_entries)
        if up_to <= place or not await positions.move(tx, positions.Move(RESULTS, place, up_to)):
            return None
        await activity.add_results(tx, place, up_to, kept)
        return up_to, head

    return await platform.database.transact(work)


async def rebuild_activity(platform: Platform, on_progress: Progress) -> int:
    """Count the ledger again from its first entry. Workers may go on, and then help; until it is done too little shows.

    Attempts stay as they were counted, as those that nobody finished are no longer there.

    Args:
        platform: stores.
        on_progress: called with (entries counted, entries in all).

    Returns:
        How many entries there were.

    Raises:
        StoreUnavailable: what was set back is counted by the worker, or by trying again.
    """

    async def begin(tx: Transaction) -> int:
        place = await positions.begin(tx, RESULTS, 0)
        while not await positions.move(tx, positions.Move(RESULTS, place, 0)):
            place = await positions.begin(tx, RESULTS, 0)  # a worker was faster; its step is committed now
        extent = await activity.extent(tx)
        if extent is not None:
            await _reset(tx, *extent)
        await activity.forget_all_players(tx)
        return (await ledger.head(tx))[0]

    total = await platform.database.transact(begin)
    done = 0
    while done < total:
        on_progress(done, total)
        step = await count_results(platform)
        done = step[0] if step is not None else await platform.database.transact(_place)
    on_progress(total, total)
    return total


async def _forget_players(tx: Transaction) -> bool:
    return await activity.forget_players(tx, await _place(tx))


async def _place(tx: Transaction) -> int:
    return await positions.read(tx, RESULTS) or 0


async def _reset(tx: Transaction, first: datetime, last: datetime) -> None:
    for step in Step:
        since = first
        while since <= last:
            until = since + LENGTH[Step.DAY] * _RESET_DAYS
            await activity.reset_results(tx, step, since, until)
            since = until
