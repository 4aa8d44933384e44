"""Read a board: from the leaderboard in Redis, from Postgres while it is missing, from the archive once closed.

What comes out is never a mixture: a page is one state of one source. Which state a caller may see is decided in
``domain/freeze``; past states come from the ledger, what is frozen from a leaderboard of its own.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Freeze, Look, Sight
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.standing import Page, Standing, Standings
from scoreboard.live import around, board_cache, leaderboard
from scoreboard.live.around import Around
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.board_state import BoardState, find_state, stored_page, stored_standings, unavailable
from scoreboard.usecases.platform import Platform

T = TypeVar("T")
_PUBLIC = Look()


@dataclass(frozen=True, slots=True)
class BoardView:
    """A page of a board season. ``stale_since`` is set while Postgres is away, so that nothing newer can exist.

    ``as_of`` is the past moment that is shown; None: now. ``freeze`` is the one that is on, for whoever may see through
    it too.
    """

    board: Board
    season: Season
    page: Page
    stale_since: datetime | None
    source: str
    as_of: datetime | None = None
    freeze: Freeze | None = None


@dataclass(frozen=True, slots=True)
class StandingsView:
    """Places of players in a board season; ``as_of`` and ``freeze`` as in :class:`BoardView`."""

    board: Board
    season: Season
    standings: Standings
    stale_since: datetime | None
    as_of: datetime | None = None
    freeze: Freeze | None = None


@dataclass(frozen=True, slots=True)
class OwnStanding:
    """A player's own place. During a freeze the score is what the player has now; rank, percentile and the number of
    players are what everybody sees.
    """

    view: StandingsView
    standing: Standing | None
    score: int | None
    reached_at: datetime | None


async def read_top(
    platform: Platform,
    board_key: str | None,
    limit: int | None = None,
    season_id: int | None = None,
    look: Look = _PUBLIC,
) -> BoardView:
    """The first entries of a board season; ``limit`` None takes the board's own size.

    Raises:
        Refusal: as ``find_state``, and DEPENDENCY_UNAVAILABLE with both stores away.
    """
    state = await find_state(platform, board_key, season_id, look)
    board, season, frozen = state.board, state.season.id, state.frozen
    count = board.size if limit is None else limit

    async def live() -> Page | None:
        # What lies beyond the board's own size can change without the published state moving on: it is never kept.
        kept = await board_cache.read_top(platform.live, season, count, frozen) if count <= board.size else None
        if kept is not None:
            telemetry.CACHE_READS.labels("l2").inc()
            return kept
        page = await leaderboard.read_range(platform.live, season, board, 0, count - 1, frozen)
        if page is not None and count <= board.size:
            await board_cache.keep_top(platform.live, season, count, page, platform.settings.l2_ttl, frozen)
        return page

    return _view(
        platform, state, *await _from_either(platform, state, live, lambda tx: stored_page(tx, state, 0, count))
    )


def _view(platform: Platform, state: BoardState, page: Page, source: str) -> BoardView:
    stale_since = platform.catalog.stale_since
    return BoardView(state.board, state.season, page, stale_since, source, state.as_of, state.freeze)


async def read_page(
    platform: Platform, board_key: str, start: int, count: int, season_id: int | None = None, look: Look = _PUBLIC
) -> BoardView:
    """``count`` entries from 0-based ``start`` on. Raises as :func:`read_top`."""
    state = await find_state(platform, board_key, season_id, look)

    async def live() -> Page | None:
        stop = start + count - 1
        return await leaderboard.read_range(platform.live, state.season.id, state.board, start, stop, state.frozen)

    found = await _from_either(platform, state, live, lambda tx: stored_page(tx, state, start, count))
    return _view(platform, state, *found)


async def read_standings(
    platform: Platform,
    board_key: str | None,
    players: Sequence[UUID],
    season_id: int | None = None,
    look: Look = _PUBLIC,
) -> StandingsView:
    """Where these players stand, None for those who do not. Raises as :func:`read_top`."""
    state = await find_state(platform, board_key, season_id, look)

    async def live() -> Standings | None:
        season = state.season.id
        return await leaderboard.read_players(platform.live, season, state.board, players, state.frozen)

    found, _ = await _from_either(platform, state, live, lambda tx: stored_standings(tx, state, players))
    stale_since = platform.catalog.stale_since
    return StandingsView(state.board, state.season, found, stale_since, state.as_of, state.freeze)


async def read_standing(
    platform: Platform,
    board_key: str | None,
    player_id: UUID,
    season_id: int | None = None,
    look: Look = _PUBLIC,
) -> StandingsView:
    """Where one player stands: ``standings.standings[0]`` is None without a score. Raises as :func:`read_top`."""
    return await read_standings(platform, board_key, [player_id], season_id, look)


async def read_own_standings(
    platform: Platform,
    board_key: str | None,
    players: Sequence[UUID],
    season_id: int | None = None,
    look: Look = _PUBLIC,
) -> list[OwnStanding]:
    """Where these players stand, each as the player's own view, with the own score. Raises as :func:`read_top`."""
    view = await read_standings(platform, board_key, players, season_id, look)
    own = view
    if look.at is None and view.as_of is not None:
        own = await read_standings(platform, view.board.key, players, view.season.id, Look(Sight.REAL))
    return [
        OwnStanding(
            view, seen, None if real is None else real.entry.score, None if real is None else real.entry.reached_at
        )
        for seen, real in zip(view.standings.standings, own.standings.standings, strict=True)
    ]


async def read_own_standing(
    platform: Platform,
    board_key: str | None,
    player_id: UUID,
    season_id: int | None = None,
    look: Look = _PUBLIC,
) -> OwnStanding:
    """Where the caller stands, and the caller's own score. Raises as :func:`read_top`."""
    [own] = await read_own_standings(platform, board_key, [player_id], season_id, look)
    return own


async def read_around(
    platform: Platform,
    board_key: str,
    asked: Sequence[Around],
    season_id: int | None = None,
    look: Look = _PUBLIC,
) -> list[BoardView | Refusal]:
    """The entries around each of these players; NOT_FOUND for who has no score there. Raises as :func:`read_top`."""
    state = await find_state(platform, board_key, season_id, look)

    async def live() -> list[Page | None] | None:
        return await around.read_around(platform.live, state.season.id, state.board, asked, state.frozen)

    pages, source = await _from_either(platform, state, live, lambda tx: _stored_around(tx, state, asked))
    unplaced = Refusal(ErrorCode.NOT_FOUND, "This player has no score on this board yet.")
    return [unplaced if page is None else _view(platform, state, page, source) for page in pages]


async def _stored_around(tx: Transaction, state: BoardState, asked: Sequence[Around]) -> list[Page | None]:
    found = await stored_standings(tx, state, [each.player_id for each in asked])
    pages: list[Page | None] = []
    for each, standing in zip(asked, found.standings, strict=True):
        if standing is None:
            pages.append(None)
            continue
        start = max(0, standing.position - each.radius)
        pages.append(await stored_page(tx, state, start, standing.position + each.radius - start + 1))
    return pages


async def _from_either(
    platform: Platform,
    state: BoardState,
    live: Callable[[], Awaitable[T | None]],
    stored: Callable[[Transaction], Awaitable[T]],
) -> tuple[T, str]:
    """Ask Redis, then Postgres. Final standings and past boards are only in Postgres."""
    if state.season.status is not SeasonStatus.CLOSED and (state.as_of is None or state.frozen is not None):
        try:
            answer = await live()
        except LiveUnavailable:
            answer = None
        if answer is not None:
            telemetry.CACHE_READS.labels("leaderboard").inc()
            return answer, "redis"
    try:
        if state.as_of is None or state.final:
            found = await platform.database.transact(stored)
        else:
            async with platform.past_reads:
                found = await platform.database.transact(stored)
    except StoreUnavailable as error:
        raise unavailable() from error
    telemetry.CACHE_READS.labels("postgres").inc()
    return found, "postgres"
