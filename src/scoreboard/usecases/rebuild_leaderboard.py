"""Rebuild leaderboards in Redis from Postgres, beside the one that is being read, and switch in one step.

While it runs, every new score is projected into both; rows and scores carry versions, so their order does not matter.
Readers see the old leaderboard, or Postgres, until the new one is complete.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.events import StandingChange
from scoreboard.domain.season import Season
from scoreboard.live import keys, leaderboard, locks
from scoreboard.live.bus import LeaderboardRebuilt
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.identifiers import new_id
from scoreboard.storage import scores, seasons
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.sweep_outbox import sweep_outbox

_CHUNK = 1000
# Renewed while chunks are taken, so that a builder that died is replaced soon.
_LOCK_SECONDS = 5
_TRIES = 5
# Redis takes scores that come in order in half the time: each goes where the last one went. Postgres sorts so many in
# half a second; of far more, the first chunk would not come within the statement timeout.
_SORTED = 500_000
# A small leaderboard that waits until others have noticed Redis must not keep a large one waiting; each takes one of
# the few connections to Postgres.
_AT_ONCE = 2
_log = structlog.get_logger("scoreboard.rebuild")

Progress = Callable[[int, int], None]


class _Lost(Exception):
    """Redis lost the leaderboard that was being built."""


def _silent(done: int, total: int) -> None:
    """Progress for nobody."""


async def rebuild_season(
    platform: Platform, board: Board, season: Season, on_progress: Progress = _silent, *, not_before: float = 0
) -> bool:
    """Rebuild one board season.

    Args:
        platform: stores.
        board: the season's board.
        season: which season; a closed one has no leaderboard.
        on_progress: called with (entries loaded, entries in all).
        not_before: moment of the loop's clock until which others may still take Redis for dead and not project into it.

    Returns:
        False when another process is at it.

    Raises:
        LiveUnavailable, StoreUnavailable: nothing changed for readers; try again.
    """
    lock = keys.rebuild_lock(season.id)
    token = new_id().hex
    if not await locks.hold(platform.live, lock, token, _LOCK_SECONDS):
        return False
    try:
        for _ in range(_TRIES):
            try:
                entries = await _build(platform, board, season, token, on_progress, not_before)
            except _Lost:
                telemetry.LEADERBOARD_REBUILDS.labels("lost").inc()
                continue
            telemetry.LEADERBOARD_REBUILDS.labels("done").inc()
            _log.info("leaderboard rebuilt", board=board.key, season=season.id, entries=entries)
            await announce_control(platform, LeaderboardRebuilt(board.key, season.id))
            return True
        raise LiveUnavailable("Redis kept losing the leaderboard while it was being built")
    finally:
        await _release(platform, lock, token)


async def _release(platform: Platform, lock: str, token: str) -> None:
    try:
        await locks.release(platform.live, lock, token)
    except LiveUnavailable:
        _log.info("the rebuild lock will lapse by itself", lock=lock)


async def _build(
    platform: Platform, board: Board, season: Season, token: str, on_progress: Progress, not_before: float
) -> int:
    epoch = new_id().hex
    # Registered before Postgres is read: what commits later is projected into the new epoch by whoever commits it.
    run_id = await leaderboard.begin_rebuild(platform.live, season.id, epoch)

    loop = asyncio.get_running_loop()
    held_at = loop.time()

    async def take(chunk: Sequence[StandingChange]) -> None:
        nonlocal held_at
        if not await leaderboard.load(platform.live, season.id, board, epoch, chunk):
            raise _Lost
        if loop.time() - held_at > _LOCK_SECONDS / 5:
            held_at = loop.time()
            await locks.hold(platform.live, keys.rebuild_lock(season.id), token, _LOCK_SECONDS)

    async def load(tx: Transaction) -> int:
        total, done = await scores.count(tx, season.id), 0
        on_progress(0, total)
        taking: asyncio.Task[None] | None = None
        try:
            # The next chunk is read while Redis takes this one.
            async for chunk in scores.stream(tx, season.id, _CHUNK, by_score=total <= _SORTED):
                if taking is not None:
                    await taking
                    on_progress(done, max(total, done))
                taking = asyncio.create_task(take(chunk))
                done += len(chunk)
            if taking is not None:
                await taking
        finally:
            if taking is not None:
                taking.cancel()
                await asyncio.gather(taking, return_exceptions=True)
        on_progress(done, max(total, done))
        return done

    entries = await platform.database.transact(load)
    await asyncio.sleep(not_before - loop.time())
    # Whoever committed after the rows were read but could not reach Redis left it in the outbox.
    await sweep_outbox(platform, older_than=0, amended=False)
    if not await leaderboard.finish_rebuild(platform.live, season.id, epoch, run_id):
        raise _Lost
    return entries


async def rebuild_leaderboards(platform: Platform, board_key: str | None, on_progress: Progress) -> int:
    """Rebuild every unfinished season of one board, or of all. Returns how many seasons.

    Raises:
        Refusal: NOT_FOUND for an unknown board.
        LiveUnavailable, StoreUnavailable: what was finished until then stays.
    """
    boards = await platform.catalog.boards()
    if board_key is not None:
        boards = {board_key: await platform.catalog.board(board_key)}
    rebuilt = 0
    for season in await platform.database.transact(seasons.unfinished):
        if season.board_key in boards:
            rebuilt += await rebuild_season(platform, boards[season.board_key], season, on_progress)
    return rebuilt


async def restore_missing(platform: Platform) -> int:
    """Rebuild the leaderboards that Redis does not have, some at a time. Returns how many were missing and are back.

    Raises:
        LiveUnavailable, StoreUnavailable: try again later.
    """
    boards = await platform.catalog.boards()
    missing = [
        season
        for season in await platform.database.transact(seasons.unfinished)
        if season.board_key in boards and not await leaderboard.is_ready(platform.live, season.id)
    ]
    not_before = asyncio.get_running_loop().time() + _others_notice(platform)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def rebuild(season: Season) -> bool:
        async with turn:
            return await rebuild_season(platform, boards[season.board_key], season, not_before=not_before)

    done = await asyncio.gather(*map(rebuild, missing), return_exceptions=True)
    for failure in (each for each in done if isinstance(each, BaseException)):
        raise failure
    return sum(each is True for each in done)


def _others_notice(platform: Platform) -> float:
    """Seconds after which every process has noticed that Redis is back: its last failed call and the pause after it."""
    return platform.settings.redis_timeout + platform.settings.redis_retry_pause
