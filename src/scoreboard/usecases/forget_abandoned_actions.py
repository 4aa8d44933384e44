"""Forget attempts that nobody finished, a while after their tokens have expired. Run by every worker."""

from datetime import UTC, datetime, timedelta

from scoreboard.storage import actions, activity, positions
from scoreboard.storage.activity import Abandoned
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.roll_up_activity import ABANDONED, CREATED, SHORT

_WINDOW = timedelta(minutes=10)
_FIRST_LOOK = timedelta(days=7)


class AbandonedActions:
    """Walks along the time in which attempts were begun; each is looked at once, when the analytics have counted it.

    A worker that starts begins a week earlier: what was left behind while no worker ran is found again.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._since: datetime | None = None

    async def run(self) -> int:
        """Delete what is due. Returns how many. Raises StoreUnavailable; the next round goes on from there."""
        database = self._platform.database
        kept = timedelta(seconds=self._platform.settings.abandoned_actions_kept)
        now, counted = await database.transact(_look)
        due = min(now - kept, counted)
        since = self._since or now - kept - _FIRST_LOOK
        count = 0
        while since < due:
            until = min(since + _WINDOW, due)
            count += await database.transact(lambda tx, a=since, b=until: self._forget(tx, a, b))  # type: ignore[misc]
            self._since = since = until
        return count

    async def _forget(self, tx: Transaction, since: datetime, until: datetime) -> int:
        gone = await actions.forget_abandoned(tx, since, until, SHORT)
        late = [Abandoned(minute, kind, long) for minute, kind, _, long in gone if long]
        if late:
            await activity.add_forgotten(tx, late, timedelta(days=self._platform.settings.activity_minutes_kept))
        return sum(number for _, _, number, _ in gone)


async def _look(tx: Transaction) -> tuple[datetime, datetime]:
    """The database's clock, and until when the attempts are counted."""
    now = await actions.clock(tx)
    places = [await positions.read(tx, CREATED) or 0, await positions.read(tx, ABANDONED) or 0]
    return now, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=min(places))
