"""Which state of a board a caller gets, and that state as Postgres tells it. ``read_board`` asks Redis first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Freeze, Look, shown_as_of, shown_freeze
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.standing import Page, Standing, Standings
from scoreboard.storage import catalog, past, seasons, standings
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.platform import Platform


@dataclass(frozen=True, slots=True)
class BoardState:
    """The state of a board season that is to be read. ``as_of`` None is now; ``freeze`` is the one that is on, for
    whoever may see through it too.
    """

    board: Board
    season: Season
    as_of: datetime | None
    freeze: Freeze | None

    @property
    def frozen(self) -> datetime | None:
        """The moment of a freeze, when that is what is to be read: Redis has a leaderboard of it."""
        if self.freeze is None or self.freeze.real or self.as_of != self.freeze.since:
            return None
        return self.as_of

    @property
    def final(self) -> bool:
        """Whether the final standings are the answer."""
        season = self.season
        if season.status is not SeasonStatus.CLOSED:
            return False
        return self.as_of is None or (season.ends_at is not None and season.ends_at <= self.as_of)


async def find_season(
    platform: Platform, board_key: str | None, season_id: int | None, at: datetime | None = None
) -> tuple[Board, Season]:
    """The board (the default one for None) and its season: the one named, or the one of a moment (None: now).

    Raises:
        Refusal: NOT_FOUND; DEPENDENCY_UNAVAILABLE when Postgres is away and the board was never read.
    """
    try:
        board = await platform.catalog.board(board_key or platform.settings.default_board)
        return board, await platform.catalog.season(board.key, season_id, at)
    except StoreUnavailable as error:
        raise unavailable() from error


async def find_state(platform: Platform, board_key: str | None, season_id: int | None, look: Look) -> BoardState:
    """What a caller who looks like this sees.

    Raises:
        Refusal: as :func:`find_season`; VALIDATION_ERROR for a moment that cannot be shown.
    """
    board, season = await find_season(platform, board_key, season_id, look.at)
    if board.frozen_from is None and look.at is None:
        return BoardState(board, season, None, None)
    now = utc_now()
    as_of = shown_as_of(board, season, look, now)
    return BoardState(board, season, as_of, shown_freeze(board, season, look, now))


def unavailable() -> Refusal:
    """What is answered when no store can tell the state."""
    return Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, "The board cannot be read at this moment.", 1)


async def stored_page(tx: Transaction, state: BoardState, start: int, count: int) -> Page:
    """``count`` entries of it from 0-based ``start`` on."""
    board, season = state.board, state.season
    if state.final:
        entries = await standings.final_page(tx, season, start, count)
        total = await standings.final_total(tx, season)
    elif state.as_of is None:
        entries = await standings.page(tx, board, season.id, start, count)
        total = await standings.total(tx, season.id)
    else:
        rules, moment = await _look_back(tx, state, state.as_of)
        entries, total = await past.page(tx, rules, moment, start, count)
    return Page("", 0, total, tuple(entries))


async def stored_standings(tx: Transaction, state: BoardState, players: Sequence[UUID]) -> Standings:
    """Where these players stand in it."""
    board, season = state.board, state.season
    found: dict[UUID, Standing]
    if state.final:
        found = await standings.final_of_players(tx, season, players)
        total = await standings.final_total(tx, season)
    elif state.as_of is None:
        found = await standings.of_players(tx, board, season.id, players)
        total = await standings.total(tx, season.id)
    else:
        rules, moment = await _look_back(tx, state, state.as_of)
        found, total = await past.of_players(tx, rules, moment, players)
    return Standings("", 0, total, tuple(found.get(player) for player in players))


async def _look_back(tx: Transaction, state: BoardState, at: datetime) -> tuple[Board, past.Moment]:
    """The rules that count for the season, and the moment. A closed one keeps those under which it was closed."""
    board, season = state.board, state.season
    if season.status is SeasonStatus.CLOSED:
        _, closed_at = (await seasons.share_known(tx, [season.id], locked=False))[season.id]
        if closed_at is not None:
            board = await catalog.board_at(tx, board.key, closed_at) or board
    return board, await past.look_back(tx, board, season, at)
