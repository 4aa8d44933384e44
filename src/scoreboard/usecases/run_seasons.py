"""The life of seasons: make the next one in time, open it, close the one that has ended, write its final standings."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.season import Season, SeasonStatus, counts_at
from scoreboard.live import leaderboard
from scoreboard.live.bus import CatalogChanged
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import actions, audit, outbox, seasons, standings
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform

_log = structlog.get_logger("scoreboard.seasons")
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


async def ensure_seasons(tx: Transaction, board: Board, now: datetime) -> list[Season]:
    """Make the season that counts now and, for a repeating schedule, the next one. Returns those that are new."""
    schedule = board.schedule
    if schedule.cron is None:
        wanted = [(schedule.starts_at or datetime(1970, 1, 1, tzinfo=now.tzinfo), schedule.ends_at)]
        if await seasons.of_board(tx, board.key, 1):
            return []
    else:
        began = last_boundary(board, now)
        ends = next_boundary(board, now)
        wanted = [(began, ends), (ends, next_boundary(board, ends))]
    made = [await seasons.add(tx, board.key, season_name(board, starts), starts, ends) for starts, ends in wanted]
    return [season for season in made if season is not None]


async def run_seasons(platform: Platform) -> int:
    """Bring every board's seasons up to date. Returns how many seasons changed.

    Safe to run in several workers: each step locks its season and looks again.

    Raises:
        StoreUnavailable: what was done until then stays.
    """
    changed = 0
    for board in (await platform.catalog.boards()).values():
        changed += await platform.database.transact(lambda tx, b=board: _advance(tx, b))  # type: ignore[misc]
    boards = await platform.catalog.boards()
    grace = timedelta(seconds=platform.settings.season_close_grace)
    for season in await platform.database.transact(seasons.unfinished):
        owner = boards.get(season.board_key)
        if owner is not None and season.ends_at is not None:
            changed += await _close_when_over(platform, owner, season, grace)
    if changed:
        platform.catalog.invalidate()
    return changed


async def _advance(tx: Transaction, board: Board) -> int:
    now = await actions.clock(tx)
    changes = [("season.scheduled", season) for season in await ensure_seasons(tx, board, now)]
    for season in await seasons.of_board(tx, board.key, 10):
        if season.status is SeasonStatus.SCHEDULED and counts_at(season, now):
            await seasons.set_status(tx, season.id, SeasonStatus.OPEN)
            changes.append(("season.opened", season))
    if changes:
        await outbox.add_control(tx, CatalogChanged(board.key))
    for event, season in changes:
        await audit.record(tx, event, f"{board.key}/{season.id}", detail={"name": season.name})
    return len(changes)


async def _close_when_over(platform: Platform, board: Board, season: Season, grace: timedelta) -> int:
    async def work(tx: Transaction) -> int:
        now = await actions.clock(tx)
        if season.ends_at is None or now < season.ends_at + grace:
            return 0
        # Waits for every transaction that still counts in it; none can begin to after this.
        locked = await seasons.lock(tx, season.id)
        if locked is None or locked.status is SeasonStatus.CLOSED:
            return 0
        entries = await standings.save_final(tx, board, season.id)
        checksum = await standings.final_checksum(tx, season.id)
        await seasons.set_status(tx, season.id, SeasonStatus.CLOSED, checksum)
        await outbox.add_control(tx, CatalogChanged(board.key))
        detail = {"entries": entries, "checksum": checksum.hex()}
        await audit.record(tx, "season.closed", f"{board.key}/{season.id}", detail=detail)
        return 1

    closed = await platform.database.transact(work)
    if closed:
        telemetry.SEASONS_CLOSED.inc()
        _log.info("season closed", board=board.key, season=season.id)
        try:
            await leaderboard.drop(platform.live, season.id)
        except LiveUnavailable:
            _log.info("the closed season's leaderboard stays in Redis for now", season=season.id)
    return closed
