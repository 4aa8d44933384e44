"""Self-audit: compare a sample of each leaderboard with Postgres, count what differs, rebuild what is wrong."""

import asyncio
import secrets
from datetime import datetime
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.board import Board, Order
from scoreboard.domain.season import Season
from scoreboard.domain.standing import Standing
from scoreboard.live import leaderboard
from scoreboard.storage import outbox, scores, seasons, standings
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.rebuild_leaderboard import rebuild_season

_SETTLE = 0.2
"""Seconds between the two looks; what is announced at all is announced within milliseconds of its commit."""
_TOP = 20
_LOWEST = UUID(int=0)
_Shown = tuple[int, datetime] | None
_Pair = tuple[_Shown, _Shown] | tuple[int, int]
"""What Postgres has and what Redis shows."""


Places = dict[int, UUID]
"""Up to which player each season was looked at: the next round goes on from there, so that everybody's turn comes."""


async def audit_leaderboards(platform: Platform, places: Places | None = None) -> dict[str, int]:
    """Compare the top and a run of players of every running board season.

    Scores in flight make both differ for a moment. So what differs is looked at a second time, when all that was
    committed before the first look has been announced; drift is what did not change in between and still differs.

    Args:
        platform: stores.
        places: kept by the caller from round to round; without them a round begins at a place picked by chance.

    Returns:
        Differing entries by board key; a season with any is rebuilt.

    Raises:
        LiveUnavailable, StoreUnavailable: nothing can be said.
    """
    places = {} if places is None else places
    boards = await platform.catalog.boards()
    drift: dict[str, int] = {}
    for season in await platform.database.transact(seasons.unfinished):
        board = boards.get(season.board_key)
        if board is None or not await leaderboard.is_ready(platform.live, season.id):
            continue
        differing = await _drifted(platform, board, season, places)
        if differing:
            await rebuild_season(platform, board, season)
        drift[board.key] = drift.get(board.key, 0) + differing
        telemetry.LEADERBOARD_DRIFT.labels(board.key).set(drift[board.key])
        telemetry.LEADERBOARD_DRIFTED.labels(board.key).inc(differing)  # the gauge is 0 again after the rebuild
    return drift


async def _next(tx: Transaction, board: Board, season_id: int, size: int, places: Places) -> list[UUID]:
    """Whoever's turn it is, and the top, which everybody sees."""
    ends = await scores.ends(tx, season_id)
    if ends is None:
        return []
    lowest, highest = (end.int for end in ends)
    after = places.get(season_id) or UUID(int=lowest + secrets.randbelow(highest - lowest + 1))
    run = await scores.run_after(tx, season_id, after, size)
    if len(run) < size:
        run += await scores.run_after(tx, season_id, _LOWEST, size - len(run))
    places[season_id] = run[-1]
    top = await scores.best(tx, season_id, _TOP, ascending=board.order is Order.ASC)
    return list(dict.fromkeys([*run, *top]))


async def _drifted(platform: Platform, board: Board, season: Season, places: Places) -> int:
    """How many entries of a sample are wrong and not only on their way."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    size = platform.settings.audit_sample
    players = await platform.database.transact(lambda tx: _next(tx, board, season.id, size, places))
    suspected = await _differing(platform, board, season, players)
    if not suspected:
        return 0
    await asyncio.sleep(_SETTLE)
    _, oldest = await platform.database.transact(outbox.backlog)
    if oldest >= loop.time() - began:
        return 0  # something from before is still to be announced: the next round sees it
    again = await _differing(platform, board, season, players)
    return sum(again.get(key) == pair for key, pair in suspected.items())


async def _differing(platform: Platform, board: Board, season: Season, players: list[UUID]) -> dict[UUID | str, _Pair]:
    async def work(tx: Transaction) -> tuple[dict[UUID, _Shown], int]:
        found = await scores.changes(tx, {(season.id, player) for player in players})
        expected: dict[UUID, _Shown] = {
            change.player_id: None if change.score is None else (change.score, change.reached_at)
            for change in found.values()
        }
        return expected, await standings.total(tx, season.id)

    expected, total = await platform.database.transact(work)
    seen = await leaderboard.read_players(platform.live, season.id, board, players)
    if seen is None:
        return {}
    pairs: dict[UUID | str, _Pair] = {
        player: (expected.get(player), _shown(standing))
        for player, standing in zip(players, seen.standings, strict=True)
    }
    pairs["total"] = (total, seen.total)
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _shown(standing: Standing | None) -> _Shown:
    return None if standing is None else (standing.entry.score, standing.entry.reached_at)
