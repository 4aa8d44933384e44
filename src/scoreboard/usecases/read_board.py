"""Read a board: from the leaderboard in Redis, from Postgres while it is missing, from the archive once closed.

What comes out is never a mixture: a page is one state of one source.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.standing import Page, Standing, Standings
from scoreboard.live import board_cache, leaderboard
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import standings
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.platform import Platform

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BoardView:
    """A page of a board season. ``stale_since`` is set while Postgres is away, so that nothing newer can exist."""

    board: Board
    season: Season
    page: Page
    stale_since: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class StandingsView:
    """Places of players in a board season."""

    board: Board
    season: Season
    standings: Standings
    stale_since: datetime | None


async def find_season(platform: Platform, board_key: str | None, season_id: int | None) -> tuple[Board, Season]:
    """The board (the default one for None) and its season.

    Raises:
        Refusal: NOT_FOUND; DEPENDENCY_UNAVAILABLE when Postgres is away and the board was never read.
    """
    try:
        board = await platform.catalog.board(board_key or platform.settings.default_board)
        return board, await platform.catalog.season(board.key, season_id)
    except StoreUnavailable as error:
        raise _unavailable() from error


async def read_top(
    platform: Platform, board_key: str | None, limit: int | None = None, season_id: int | None = None
) -> BoardView:
    """The first entries of a board season; ``limit`` None takes the board's own size.

    Raises:
        Refusal: as :func:`find_season`, and DEPENDENCY_UNAVAILABLE with both stores away.
    """
    board, season = await find_season(platform, board_key, season_id)
    count = board.size if limit is None else limit

    async def live() -> Page | None:
        # What lies beyond the board's own size can change without the published state moving on: it is never kept.
        kept = await board_cache.read_top(platform.live, season.id, count) if count <= board.size else None
        if kept is not None:
            telemetry.CACHE_READS.labels("l2").inc()
            return kept
        page = await leaderboard.read_range(platform.live, season.id, board, 0, count - 1)
        if page is not None and count <= board.size:
            await board_cache.keep_top(platform.live, season.id, count, page, platform.settings.l2_ttl)
        return page

    page, source = await _from_either(platform, season, live, lambda tx: _page(tx, board, season, 0, count))
    return BoardView(board, season, page, platform.catalog.stale_since, source)


async def read_page(
    platform: Platform, board_key: str, start: int, count: int, season_id: int | None = None
) -> BoardView:
    """``count`` entries from 0-based ``start`` on. Raises as :func:`read_top`."""
    board, season = await find_season(platform, board_key, season_id)

    async def live() -> Page | None:
        return await leaderboard.read_range(platform.live, season.id, board, start, start + count - 1)

    page, source = await _from_either(platform, season, live, lambda tx: _page(tx, board, season, start, count))
    return BoardView(board, season, page, platform.catalog.stale_since, source)


async def read_standings(
    platform: Platform, board_key: str | None, players: Sequence[UUID], season_id: int | None = None
) -> StandingsView:
    """Where these players stand, None for those who do not. Raises as :func:`read_top`."""
    board, season = await find_season(platform, board_key, season_id)

    async def live() -> Standings | None:
        return await leaderboard.read_players(platform.live, season.id, board, players)

    found, _ = await _from_either(platform, season, live, lambda tx: _standings(tx, board, season, players))
    return StandingsView(board, season, found, platform.catalog.stale_since)


async def read_standing(
    platform: Platform, board_key: str | None, player_id: UUID, season_id: int | None = None
) -> StandingsView:
    """Where one player stands: ``standings.standings[0]`` is None without a score. Raises as :func:`read_top`."""
    return await read_standings(platform, board_key, [player_id], season_id)


async def read_around(
    platform: Platform, board_key: str, player_id: UUID, radius: int, season_id: int | None = None
) -> BoardView:
    """The entries around a player, ``radius`` on each side.

    Raises:
        Refusal: NOT_FOUND when the player has no score there; else as :func:`read_top`.
    """
    view = await read_standing(platform, board_key, player_id, season_id)
    standing = view.standings.standings[0]
    if standing is None:
        raise Refusal(ErrorCode.NOT_FOUND, "This player has no score on this board yet.")
    start = max(0, standing.position - radius)
    return await read_page(platform, board_key, start, standing.position + radius - start + 1, season_id)


async def _from_either(
    platform: Platform,
    season: Season,
    live: Callable[[], Awaitable[T | None]],
    stored: Callable[[Transaction], Awaitable[T]],
) -> tuple[T, str]:
    """Ask Redis, then Postgres. A closed season is only in Postgres."""
    if season.status is not SeasonStatus.CLOSED:
        try:
            answer = await live()
        except LiveUnavailable:
            answer = None
        if answer is not None:
            telemetry.CACHE_READS.labels("leaderboard").inc()
            return answer, "redis"
    try:
        found = await platform.database.transact(stored)
    except StoreUnavailable as error:
        raise _unavailable() from error
    telemetry.CACHE_READS.labels("postgres").inc()
    return found, "postgres"


def _unavailable() -> Refusal:
    return Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, "The board cannot be read at this moment.", 1)


async def _page(tx: Transaction, board: Board, season: Season, start: int, count: int) -> Page:
    if season.status is SeasonStatus.CLOSED:
        entries = await standings.final_page(tx, season, start, count)
        return Page("", 0, await standings.final_total(tx, season), tuple(entries))
    entries = await standings.page(tx, board, season.id, start, count)
    return Page("", 0, await standings.total(tx, season.id), tuple(entries))


async def _standings(tx: Transaction, board: Board, season: Season, players: Sequence[UUID]) -> Standings:
    found: dict[UUID, Standing]
    if season.status is SeasonStatus.CLOSED:
        found = await standings.final_of_players(tx, season, players)
        total = await standings.final_total(tx, season)
    else:
        found = await standings.of_players(tx, board, season.id, players)
        total = await standings.total(tx, season.id)
    return Standings("", 0, total, tuple(found.get(player) for player in players))
