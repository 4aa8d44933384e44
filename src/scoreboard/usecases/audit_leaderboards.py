"""Self-audit: compare a sample of each leaderboard with Postgres, count what differs, rebuild what is wrong."""

from datetime import datetime
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.season import Season
from scoreboard.domain.standing import Standing
from scoreboard.live import leaderboard
from scoreboard.storage import outbox, scores, seasons, standings
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.rebuild_leaderboard import rebuild_season

_Shown = tuple[int, datetime] | None


async def audit_leaderboards(platform: Platform) -> dict[str, int]:
    """Compare the top and a sample of every running board season.

    Scores in flight make both differ for a moment, so a season counts as drifted only when nothing is waiting in the
    outbox and the same difference is seen before and after.

    Returns:
        Differing entries by board key; a season with any is rebuilt.

    Raises:
        LiveUnavailable, StoreUnavailable: nothing can be said.
    """
    boards = await platform.catalog.boards()
    drift: dict[str, int] = {}
    for season in await platform.database.transact(seasons.unfinished):
        board = boards.get(season.board_key)
        if board is None or not await leaderboard.is_ready(platform.live, season.id):
            continue
        differing = await _differing(platform, board, season)
        if differing and (await platform.database.transact(outbox.backlog))[0] == 0:
            differing &= await _differing(platform, board, season)
            if differing:
                await rebuild_season(platform, board, season)
        drift[board.key] = drift.get(board.key, 0) + len(differing)
        telemetry.LEADERBOARD_DRIFT.labels(board.key).set(drift[board.key])
        telemetry.LEADERBOARD_DRIFTED.labels(board.key).inc(len(differing))  # the gauge is 0 again after the rebuild
    return drift


async def _differing(platform: Platform, board: Board, season: Season) -> set[UUID | str]:
    sample = platform.settings.audit_sample

    async def work(tx: Transaction) -> tuple[list[UUID], dict[UUID, _Shown], int]:
        players = await scores.sample(tx, season.id, sample)
        found = await scores.changes(tx, {(season.id, player) for player in players})
        expected: dict[UUID, _Shown] = {
            change.player_id: None if change.score is None else (change.score, change.reached_at)
            for change in found.values()
        }
        return players, expected, await standings.total(tx, season.id)

    players, expected, total = await platform.database.transact(work)
    seen = await leaderboard.read_players(platform.live, season.id, board, players)
    if seen is None:
        return set()
    wrong: set[UUID | str] = {
        player
        for player, standing in zip(players, seen.standings, strict=True)
        if _shown(standing) != expected.get(player)
    }
    return wrong | ({"total"} if seen.total != total else set())


def _shown(standing: Standing | None) -> _Shown:
    return None if standing is None else (standing.entry.score, standing.entry.reached_at)
