"""The life of seasons: make the next one in time, open it, close the one that has ended, write its final standings."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.season import Season, SeasonStatus, counts_at
from scoreboard.live import leaderboard
from scoreboard.live.bus import CatalogChanged
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import actions, audit, outbox, seasons, standings
from scoreboard.storage.database import Transaction
from scoreboard.usecases.fit_seasons import fit_seasons, forget_leaderboards
from scoreboard.usecases.platform import Platform

_log = structlog.get_logger("scoreboard.seasons")


async def run_seasons(platform: Platform) -> int:
    """Bring every board's seasons up to date. Returns how many seasons changed.

    Safe to run in several workers: each step locks its season and looks again.

    Raises:
        StoreUnavailable: what was done until then stays.
    """
    changed = 0
    for board in await platform.catalog.shown_boards():
        seen, dropped = await platform.database.transact(lambda tx, b=board: _advance(tx, b))  # type: ignore[misc]
        changed += seen
        await forget_leaderboards(platform, dropped)
    boards = await platform.catalog.boards()
    grace = timedelta(seconds=platform.settings.season_close_grace)
    for season in await platform.database.transact(seasons.unfinished):
        owner = boards.get(season.board_key)
        if owner is not None and season.ends_at is not None:
            changed += await _close_when_over(platform, owner, season, grace)
    if changed:
        platform.catalog.invalidate()
    return changed


async def _advance(tx: Transaction, board: Board) -> tuple[int, Sequence[int]]:
    now = await actions.clock(tx)
    fitted = await fit_seasons(tx, board, now)
    changes = [("season.scheduled", season) for season in fitted.made]
    for season in await seasons.of_board(tx, board.key, 10):
        if season.status is SeasonStatus.SCHEDULED and counts_at(season, now):
            await seasons.set_status(tx, season.id, SeasonStatus.OPEN)
            changes.append(("season.opened", season))
    moved = fitted.changed + len(fitted.dropped)
    if changes or moved:
        await outbox.add_control(tx, CatalogChanged(board.key))
    for event, season in changes:
        await audit.record(tx, event, f"{board.key}/{season.id}", detail={"name": season.name})
    return len(changes) + moved, fitted.dropped


async def _close_when_over(platform: Platform, board: Board, season: Season, grace: timedelta) -> int:
    async def work(tx: Transaction) -> int:
        now = await actions.clock(tx)
        if season.ends_at is None or now < season.ends_at + grace:
            return 0
        # Waits for every transaction that still counts in it; none can begin to after this.
        locked = await seasons.lock(tx, season.id)
        if locked is None or locked.status is SeasonStatus.CLOSED:
            return 0
        if locked.ends_at is None or now < locked.ends_at + grace:
            return 0  # it was given another end since
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
