"""Where a player would stand if what is held counted. Only the player and reviewers are told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from scoreboard.domain.board import SCORE_LIMIT, Board, Operator, Order
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
    if score is None:
        reached_at = None  # the moment of what was taken back
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


@dataclass(frozen=True, slots=True)
class HeldSum:
    """What is held of a player in a season, in figures: enough for the score, not for when it would be reached."""

    total: int
    least: int
    greatest: int
    last: int
    last_at: datetime


def provisional_total(board: Board, score: int | None, reached_at: datetime | None, held: HeldSum) -> int:
    """The score of :func:`provisional_score` from figures. A sum beyond what the board holds ends at its bound."""
    if board.operator is Operator.SUM:
        return max(-SCORE_LIMIT, min(SCORE_LIMIT, (score or 0) + held.total))
    if board.operator is Operator.LATEST:
        overtaken = reached_at is not None and held.last_at <= reached_at
        return score if score is not None and overtaken else held.last
    best = held.greatest if board.order is Order.DESC else held.least
    return best if score is None else combine(board, score, best)
