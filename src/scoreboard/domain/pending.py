"""What a player's held points would make of the score: shown to the player alone, until a person has decided."""

from collections.abc import Iterable
from dataclasses import dataclass

from scoreboard.domain.board import Board
from scoreboard.domain.errors import Refusal
from scoreboard.domain.score import combine


@dataclass(frozen=True, slots=True)
class Pending:
    """A player's held actions in one board season. ``whole`` is off when there are more than were read."""

    points: tuple[int, ...]
    whole: bool = True


def provisional_score(board: Board, standing: int | None, pending: Pending) -> int | None:
    """The score if everything held counted on top of what counts now; None where that cannot be told."""
    return _added(board, standing, pending.points) if pending.whole else None


def _added(board: Board, score: int | None, points: Iterable[int]) -> int | None:
    try:
        for one in points:
            score = combine(board, score, one)
    except Refusal:
        return None
    return score
