"""The ranks that a player may be told after a completion: those of the frozen board while one is frozen.

Only Redis is asked, and only where a board is frozen: nobody who completes an action waits for a past board to be
folded. A rank that Redis does not know is left out, as ranks are without Redis.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.events import Ranks
from scoreboard.domain.freeze import Freeze, freeze_on
from scoreboard.live import leaderboard
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.telemetry import utc_now
from scoreboard.usecases.announce import Announcement
from scoreboard.usecases.platform import Platform


def frozen_boards(boards: dict[str, Board]) -> dict[str, Freeze]:
    """The boards of these that are frozen now."""
    declared = [board for board in boards.values() if board.frozen_from is not None]
    if not declared:
        return {}
    now = utc_now()
    found = {board.key: freeze_on(board, now) for board in declared}
    return {key: freeze for key, freeze in found.items() if freeze is not None}


async def public_ranks(
    platform: Platform,
    boards: dict[str, Board],
    announcements: Sequence[Announcement],
    ranks: list[tuple[Ranks | None, ...]],
) -> list[tuple[Ranks | None, ...]]:
    """What players are told in place of the ranks that an announcement brought.

    Args:
        platform: stores.
        boards: by key.
        announcements: what was announced.
        ranks: for each of them, one for each of its changes.

    Returns:
        The same, with the rank of the frozen board before and after where a board is frozen.
    """
    frozen = frozen_boards(boards)
    if not frozen:
        return ranks
    places = {
        (change.season_id, change.board_key, change.player_id)
        for announcement in announcements
        for change in announcement.changes
        if change.board_key in frozen
    }
    known = await _frozen_ranks(platform, boards, frozen, places)

    def told(announcement: Announcement, found: tuple[Ranks | None, ...]) -> tuple[Ranks | None, ...]:
        # A held completion has no change, and none of its places has a rank.
        return tuple(
            rank if change.board_key not in frozen else known.get((change.season_id, change.player_id))
            for change, rank in zip(announcement.changes, found, strict=True)
        )

    return [told(announcement, found) for announcement, found in zip(announcements, ranks, strict=True)]


async def _frozen_ranks(
    platform: Platform, boards: dict[str, Board], frozen: dict[str, Freeze], places: set[tuple[int, str, UUID]]
) -> dict[tuple[int, UUID], Ranks]:
    by_season: dict[tuple[int, str], list[UUID]] = {}
    for season_id, board_key, player_id in places:
        by_season.setdefault((season_id, board_key), []).append(player_id)
    found: dict[tuple[int, UUID], Ranks] = {}
    for (season_id, board_key), players in by_season.items():
        since: datetime = frozen[board_key].since
        try:
            seen = await leaderboard.read_players(platform.live, season_id, boards[board_key], players, since)
        except LiveUnavailable:
            return {}
        for player_id, standing in zip(players, seen.standings if seen is not None else (), strict=False):
            rank = None if standing is None else standing.entry.rank
            found[season_id, player_id] = Ranks(rank, rank, applied=False)
    return found
