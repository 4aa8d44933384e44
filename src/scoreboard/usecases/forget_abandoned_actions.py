"""Forget attempts that nobody finished, a while after their tokens have expired. Run by every worker."""

from datetime import datetime, timedelta

from scoreboard.storage import actions
from scoreboard.usecases.platform import Platform

_WINDOW = timedelta(minutes=10)
_FIRST_LOOK = timedelta(days=7)


class AbandonedActions:
    """Walks along the time in which attempts were begun; each is looked at once.

    A worker that starts begins a week earlier: what was left behind while no worker ran is found again.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._since: datetime | None = None

    async def run(self) -> int:
        """Delete what is due. Returns how many. Raises StoreUnavailable; the next round goes on from there."""
        database = self._platform.database
        now = await database.transact(actions.clock)
        due = now - timedelta(seconds=self._platform.settings.abandoned_actions_kept)
        since = self._since or due - _FIRST_LOOK
        count = 0
        while since < due:
            until = min(since + _WINDOW, due)
            count += await database.transact(lambda tx, a=since, b=until: actions.forget_abandoned(tx, a, b))  # type: ignore[misc]
            self._since = since = until
        return count
