"""Keep what is frozen in Redis: a leaderboard of each frozen board season as of the freeze, beside the real one.

Run by the worker. Who reads before it is there, or after Redis lost it, gets the same from Postgres. A season that was
closed in the freeze is only in Postgres, as all closed seasons are.
"""

from collections.abc import Iterable

import structlog

from scoreboard.domain.board import Board
from scoreboard.domain.freeze import Freeze, freeze_on, touches
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.live import keys, leaderboard, locks
from scoreboard.live.bus import CatalogChanged
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.identifiers import new_id
from scoreboard.storage import actions, past
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.keep_snapshots import take_snapshot
from scoreboard.usecases.platform import Platform

_CHUNK = 500
_LOCK_SECONDS = 5
_log = structlog.get_logger("scoreboard.freeze")


async def freeze_boards(platform: Platform) -> int:
    """Build what is frozen and not there. Returns how many board seasons were built.

    Raises:
        LiveUnavailable, StoreUnavailable: try again later.
    """
    frozen = [board for board in (await platform.catalog.boards()).values() if board.frozen_from is not None]
    if not frozen:
        return 0
    now = await platform.database.transact(actions.clock)
    built = 0
    for board in frozen:
        freeze = freeze_on(board, now)
        if freeze is None:
            continue
        for season in await platform.catalog.seasons(board.key):
            # A season that begins in the freeze is empty for the public: nothing has to be built to know that.
            if touches(freeze, season) and season.starts_at <= freeze.since:
                built += await _build_missing(platform, board, season, freeze)
    return built


async def _build_missing(platform: Platform, board: Board, season: Season, freeze: Freeze) -> bool:
    if season.status is SeasonStatus.CLOSED or await leaderboard.is_ready(platform.live, season.id, freeze.since):
        return False
    await take_snapshot(platform, board, season, freeze.since)
    lock, token = keys.rebuild_lock(season.id, frozen=True), new_id().hex
    if not await locks.hold(platform.live, lock, token, _LOCK_SECONDS):
        return False
    try:
        if not await _build(platform, board, season, freeze, token):
            return False
    finally:
        try:
            await locks.release(platform.live, lock, token)
        except LiveUnavailable:
            _log.info("the lock will lapse by itself", lock=lock)
    _log.info("frozen board built", board=board.key, season=season.id, as_of=freeze.since.isoformat())
    await announce_control(platform, CatalogChanged(board.key))
    return True


async def _build(platform: Platform, board: Board, season: Season, freeze: Freeze, token: str) -> bool:
    """False: Redis lost it meanwhile, or something was corrected; the next look builds it."""
    epoch = new_id().hex
    # Registered before Postgres is read: whoever corrects something after that drops what is being built.
    run_id = await leaderboard.begin_rebuild(platform.live, season.id, epoch, frozen=True)

    async def load(tx: Transaction) -> bool:
        moment = await past.look_back(tx, board, season, freeze.since)
        async for chunk in past.stream(tx, board, moment, _CHUNK):
            if not await leaderboard.load(platform.live, season.id, board, epoch, chunk, frozen=True):
                return False
            await locks.hold(platform.live, keys.rebuild_lock(season.id, frozen=True), token, _LOCK_SECONDS)
        return True

    if not await platform.database.transact(load):
        return False
    ttl = platform.settings.frozen_board_ttl
    return await leaderboard.finish_rebuild(platform.live, season.id, epoch, run_id, freeze.since, ttl=ttl)


async def drop_frozen(platform: Platform, places: Iterable[tuple[int, Board]]) -> None:
    """Forget what is frozen of these (season, board), because what was done before the freeze counts differently now.

    Postgres answers until the worker has built it again.

    Raises:
        LiveUnavailable: a stale one may still be read; try again.
    """
    for season_id, board in places:
        if board.frozen_from is not None:
            await leaderboard.drop(platform.live, season_id, frozen=True)
