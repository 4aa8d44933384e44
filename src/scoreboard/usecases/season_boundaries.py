"""When a board's own schedule lets seasons begin, and what they are called."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from scoreboard.domain.board import Board

# What a schedule without cron never comes to ask for.
_NEVER = "0 0 31 2 *"


# Cron speaks of wall clocks. No zone sets its clock back by more than this.
_LONGEST_SHIFT = timedelta(hours=3)


def _boundaries(board: Board, start: datetime) -> Iterator[datetime]:
    """Moments at which seasons begin, from about ``start`` on, in UTC. Not a moment comes twice."""
    zone, earlier = ZoneInfo(board.schedule.time_zone), None
    for boundary in CronSim(board.schedule.cron or _NEVER, start.astimezone(zone)):
        moment = boundary.astimezone(UTC)
        if earlier is None or moment > earlier:
            yield moment
            earlier = moment


def next_boundary(board: Board, after: datetime) -> datetime:
    """The next moment after ``after`` at which a cron season begins, in UTC; daylight saving counts each once."""
    # From a little earlier: where the clock was set back, the wall time of `after` has been there before.
    return next(moment for moment in _boundaries(board, after - _LONGEST_SHIFT) if moment > after)


def last_boundary(board: Board, before: datetime) -> datetime:
    """The latest moment at or before ``before`` at which a cron season began."""
    zone = ZoneInfo(board.schedule.time_zone)
    # Backwards cron may skip or shift an hour that comes twice, so it only says where to begin to count.
    start = next(CronSim(board.schedule.cron or _NEVER, (before - _LONGEST_SHIFT).astimezone(zone), reverse=True))
    found = start.astimezone(UTC)
    for moment in _boundaries(board, start - _LONGEST_SHIFT):
        if moment > before:
            return found
        found = moment
    return found


def season_name(board: Board, starts_at: datetime) -> str:
    """What people call a season: its first day where the schedule repeats, else plainly the season."""
    if board.schedule.cron is None:
        return "All time" if board.schedule.starts_at is None else board.title
    return starts_at.astimezone(ZoneInfo(board.schedule.time_zone)).strftime("%Y-%m-%d %H:%M")
