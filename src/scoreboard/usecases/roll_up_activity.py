"""Keep the analytics roll-ups: recent minutes often, the day rarely, and older ones where an amendment changed what
counts. Counting again is safe.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from scoreboard.storage import actions, activity, ledger
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform

# A transaction lasts seconds at most, so a minute is complete well before it is this old.
_WINDOW = timedelta(minutes=3)
_DAY_EVERY = timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass(slots=True)
class ActivityRollUp:
    """Remembers when the day was counted last, how far back the next round has to go, and the last entry of the ledger
    that was looked at for amendments.
    """

    platform: Platform
    _since: datetime | None = None
    _days_at: datetime | None = None
    _seen: int | None = None

    async def run(self) -> None:
        """Count the minutes since the last round (a day back at the first one), and the day when it is due.

        Raises:
            StoreUnavailable: the next round makes up for it.
        """

        async def work(tx: Transaction) -> tuple[datetime, bool]:
            now = await actions.clock(tx)
            since = (self._since or now - _DAY).replace(second=0, microsecond=0)
            await activity.roll_up(tx, since)
            due = self._days_at is None or now - self._days_at >= _DAY_EVERY
            if due:
                await activity.roll_up_days(tx, since, now + _DAY)
            return now, due

        now, days_done = await self.platform.database.transact(work)
        self._since = now - _WINDOW
        if days_done:
            self._days_at = now
        await self._recount_amended(now)

    async def _recount_amended(self, now: datetime) -> None:
        """Hour by hour: a correction may reach back for months, and no statement shall grow with it."""

        async def look(tx: Transaction) -> tuple[int, list[datetime]]:
            head, _ = await ledger.head(tx)
            seen = await activity.last_before(tx, now - _DAY) if self._seen is None else self._seen
            return head, await activity.amended_hours(tx, seen, head)

        database = self.platform.database
        head, hours = await database.transact(look)
        for hour in hours:
            await database.transact(partial(activity.recount_hour, hour=hour))
        for day in sorted({hour.replace(hour=0) for hour in hours}):
            await database.transact(partial(activity.roll_up_days, since=day, until=day + _DAY))
        self._seen = head
