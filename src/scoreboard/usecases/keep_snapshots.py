"""Take the snapshots from which past boards are folded. Run by the worker; without it past boards are only slower."""

import asyncio
from datetime import datetime, timedelta

import structlog

from scoreboard.domain.board import Board
from scoreboard.domain.season import Season, counts_at
from scoreboard.storage import actions, past, seasons, snapshots
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.platform import Platform

_LOOK_AGAIN = 0.05
_LOOKS = 100  # together longer than a statement may take; a transaction that is older still is waited for next time
_log = structlog.get_logger("scoreboard.snapshots")


async def keep_snapshots(platform: Platform) -> int:
    """Take a snapshot of every running season that grew enough since its last one, or that freezes soon.

    A season that grew by as much as it has players, and by ``snapshot_entries`` at least, gets one: so all snapshots
    together hold no more rows than the ledger.

    Returns:
        How many were taken.

    Raises:
        StoreUnavailable: what was taken until then stays.
    """
    boards = await platform.catalog.boards()
    taken = 0
    for season in await platform.database.transact(seasons.unfinished):
        board = boards.get(season.board_key)
        now = await platform.database.transact(actions.clock)
        if board is None or not counts_at(season, now):
            continue
        entries, players = await platform.database.transact(
            lambda tx, b=board, s=season, n=now: snapshots.growth(tx, b, s, n)  # type: ignore[misc]
        )
        due = max(platform.settings.snapshot_entries, players)
        if entries >= due or (entries and await _freezes_soon(platform, board, season, now)):
            taken += await take_snapshot(platform, board, season, now)
    return taken


async def _freezes_soon(platform: Platform, board: Board, season: Season, now: datetime) -> bool:
    """Whether the board freezes soon, and there is no snapshot of this time yet."""
    soon = timedelta(seconds=platform.settings.freeze_prepare)
    if board.frozen_from is None or not now < board.frozen_from <= now + soon:
        return False
    moment = await platform.database.transact(lambda tx: past.look_back(tx, board, season, now))
    return moment.after < board.frozen_from - soon


async def take_snapshot(platform: Platform, board: Board, season: Season, at: datetime) -> bool:
    """Take the snapshot of a moment, once nothing dated before it can still appear: no transaction of that time is
    under way any more, and none that begins later is dated so early.

    Returns:
        False when it is there already.

    Raises:
        StoreUnavailable: nothing was taken, or such a transaction takes very long; try again.
    """
    if await platform.database.transact(lambda tx: snapshots.exists(tx, board, season, at)):
        return False
    wait = at + timedelta(seconds=platform.settings.freeze_grace) - await platform.database.transact(actions.clock)
    await asyncio.sleep(max(0.0, wait.total_seconds()))
    mark = await platform.database.transact(snapshots.horizon)
    for _ in range(_LOOKS):
        if await platform.database.transact(lambda tx: snapshots.has_passed(tx, mark)):
            break
        await asyncio.sleep(_LOOK_AGAIN)
    else:
        raise StoreUnavailable("a transaction of that time is still under way")

    async def work(tx: Transaction) -> int | None:
        if await snapshots.exists(tx, board, season, at):
            return None
        return await snapshots.take(tx, board, season, at)

    players = await platform.database.transact(work)
    if players is None:
        return False
    _log.info("snapshot taken", board=board.key, season=season.id, at=at.isoformat(), players=players)
    return True
