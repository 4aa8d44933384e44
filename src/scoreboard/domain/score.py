"""How points turn into a player's score on a board."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.domain.board import SCORE_LIMIT, Board, Operator, Order
from scoreboard.domain.errors import ErrorCode, Refusal


@dataclass(frozen=True, slots=True)
class Total:
    """A player's score in one board season. ``version`` counts its changes and orders its projections.

    ``empty``: everything that counted was taken back. The row stays, because its version must never start again.
    """

    player_id: UUID
    season_id: int
    score: int
    reached_at: datetime
    version: int
    last_action_id: UUID | None = None
    empty: bool = False

    @property
    def standing(self) -> int | None:
        """The score that counts; None while nothing does."""
        return None if self.empty else self.score


def combine(board: Board, previous: int | None, points: int) -> int:
    """The score after these points. ``previous`` is None for a player's first points in the season.

    Raises:
        Refusal: INVALID_SCORE when the result would leave ±2^53, where ranks stop being exact.
    """
    if board.operator is Operator.SUM:
        score = (previous or 0) + points
    elif board.operator is Operator.LATEST or previous is None:
        score = points
    elif board.order is Order.DESC:
        score = max(previous, points)
    else:
        score = min(previous, points)
    if not -SCORE_LIMIT <= score <= SCORE_LIMIT:
        raise Refusal(ErrorCode.INVALID_SCORE, "This action would take the score beyond what the board can hold.")
    return score


def advance(
    board: Board, season_id: int, player_id: UUID, total: Total | None, points: int, at: datetime, action_id: UUID
) -> Total:
    """The player's total after an action. Without a change of score the moment it was reached stays.

    Raises:
        Refusal: INVALID_SCORE, see :func:`combine`.
    """
    if total is None:
        return Total(player_id, season_id, combine(board, None, points), at, 1, action_id)
    score = combine(board, total.standing, points)
    if score == total.standing:
        return total
    return Total(player_id, season_id, score, at, total.version + 1, action_id)
