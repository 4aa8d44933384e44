"""Held points and where they would lead: for the answer to a held completion, and for the owner's own standing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.pending import Pending, provisional_score
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.live import leaderboard
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import actions
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.platform import Platform


@dataclass(frozen=True, slots=True)
class PendingView:
    """What waits for a decision in a board season. ``score`` and ``rank`` are what it would make; None if unknown."""

    actions: int
    points: int
    score: int | None
    rank: int | None


async def load_pending(
    tx: Transaction, platform: Platform, player_ids: Iterable[UUID]
) -> dict[tuple[int, UUID], Pending]:
    """The held points of these players by (season, player); at most ``held_counted`` actions of each are read."""
    most = platform.settings.held_counted
    points: dict[tuple[int, UUID], list[int]] = {}
    read: dict[UUID, int] = {}
    for player_id, season_ids, worth in await actions.held(tx, player_ids, most):
        read[player_id] = read.get(player_id, 0) + 1
        for season_id in season_ids:
            points.setdefault((season_id, player_id), []).append(worth)
    return {pair: Pending(tuple(found), read[pair[1]] < most) for pair, found in points.items()}


async def provisional_ranks(
    platform: Platform, wanted: Sequence[tuple[int, Board, UUID, int | None]]
) -> list[int | None]:
    """Where players would stand with these scores, by (season, board, player, score); None where nobody can tell."""
    known = [(season, board, player, score) for season, board, player, score in wanted if score is not None]
    if not known:
        return [None] * len(wanted)
    try:
        ranks = iter(await leaderboard.provisional_ranks(platform.live, known))
    except LiveUnavailable:
        return [None] * len(wanted)
    return [None if score is None else next(ranks) for _, _, _, score in wanted]


async def read_pending(
    platform: Platform, board: Board, season: Season, player_id: UUID, score: int | None
) -> PendingView | None:
    """What of a player is held in a board season; None when nothing is, and while Postgres cannot tell.

    Args:
        platform: stores.
        board: the board.
        season: its season.
        player_id: whose; only shown to this player.
        score: what counts now.
    """
    try:
        found = await platform.database.transact(lambda tx: load_pending(tx, platform, [player_id]))
    except StoreUnavailable:
        return None
    pending = found.get((season.id, player_id))
    if pending is None:
        return None
    would_be = provisional_score(board, score, pending)
    rank = None
    if season.status is not SeasonStatus.CLOSED:
        [rank] = await provisional_ranks(platform, [(season.id, board, player_id, would_be)])
    return PendingView(len(pending.points), sum(pending.points), would_be, rank)
