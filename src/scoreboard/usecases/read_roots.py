"""The signed roots of a season, for whoever wants to keep them or to hold them against what they kept."""

from scoreboard.domain.board import Board
from scoreboard.domain.season import Season
from scoreboard.security.season_root import SeasonRoot
from scoreboard.storage import season_roots
from scoreboard.storage.database import StoreUnavailable
from scoreboard.usecases.board_state import find_season, unavailable
from scoreboard.usecases.platform import Platform

ROOTS_SHOWN = 100
"""Of the newest: a running season gets one a day."""


async def read_roots(
    platform: Platform, board_key: str, season_id: int | None
) -> tuple[Board, Season, list[SeasonRoot]]:
    """A board's season (the current one for None) and its newest roots, newest first.

    Raises:
        Refusal: NOT_FOUND; DEPENDENCY_UNAVAILABLE while Postgres is away.
    """
    board, season = await find_season(platform, board_key, season_id)
    try:
        roots = await platform.database.transact(lambda tx: season_roots.of_season(tx, season.id, ROOTS_SHOWN))
    except StoreUnavailable as error:
        raise unavailable() from error
    return board, season, roots
