"""Keep the analytics roll-ups: recent minutes often, the day rarely. Counting again is safe."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scoreboard.storage import actions, activity
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform

# A transaction lasts seconds at most, so a minute is complete well before it is this old.
_WINDOW = timedelta(minutes=3)
_DAY_EVERY = timedelta(minutes=1)


@dataclass(slots=True)
class ActivityRollUp:
    """Remembers when the day was counted last and how far back the first round has to go."""

    platform: Platform
    _since: datetime | None = None
    _days_at: datetime | None = None

    async def run(self) -> None:
        """Count the minutes since the last round (a day back at the first one), and the day when it is due.

        Raises:
            StoreUnavailable: the next round makes up for it.
        """

        async def work(tx: Transaction) -> tuple[datetime, bool]:
            now = await actions.clock(tx)
            since = (self._since or now - timedelta(days=1)).replace(second=0, microsecond=0)
            await activity.roll_up(tx, since)
            due = self._days_at is None or now - self._days_at >= _DAY_EVERY
            if due:
                await activity.roll_up_days(tx, since)
            return now, due

        now, days_done = await self.platform.database.transact(work)
        self._since = now - _WINDOW
        if days_done:
            self._days_at = now
