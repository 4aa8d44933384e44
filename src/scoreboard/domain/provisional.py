"""Where a player would stand if what is held counted. Only the player and reviewers are told."""

from collections.abc import Iterable
from datetime import datetime

from scoreboard.domain.board import Board, Operator
from scoreboard.domain.errors import Refusal
from scoreboard.domain.score import combine


def provisional_score(
    board: Board, score: int | None, reached_at: datetime | None, held: Iterable[tuple[datetime, int]]
) -> tuple[int | None, datetime | None]:
    """The score with held points counted, and when it would have been reached.

    Args:
        board: its operator and order.
        score: what counts now; None for nothing.
        reached_at: when that was reached.
        held: moment and points of each held action, oldest first.
    """
    for at, points in held:
        if board.operator is Operator.LATEST and reached_at is not None and at <= reached_at:
            continue  # something later counts already
        try:
            combined = combine(board, score, points)
        except Refusal:  # more than the board can hold: that one could not be released either
            continue
        if combined != score:
            score, reached_at = combined, at if reached_at is None else max(at, reached_at)
    return score, reached_at
