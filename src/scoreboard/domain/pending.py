"""What a player's held points would make of the score: shown to the player alone, until a person has decided."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.score import combine

_ASK_AGAIN_S = 3600.0
"""People decide, so it is a matter of hours."""


@dataclass(slots=True)
class HeldCount:
    """How many actions of each player wait for a reviewer, as far as more may be held, and how many may at most."""

    limit: int = 2000
    counts: dict[UUID, int] = field(default_factory=dict)

    def require_room(self, player_id: UUID) -> None:
        """Raises Refusal ACTION_LIMIT when no more of this player's actions can be held."""
        if self.counts.get(player_id, 0) >= self.limit:
            words = "As many of your results wait for a moderator as can wait; play on when they have been looked at."
            raise Refusal(ErrorCode.ACTION_LIMIT, words, _ASK_AGAIN_S)

    def add(self, player_id: UUID) -> None:
        """One more is held."""
        self.counts[player_id] = self.counts.get(player_id, 0) + 1


@dataclass(frozen=True, slots=True)
class Pending:
    """A player's held actions in one board season. ``whole`` is off when there are more than were read."""

    points: tuple[int, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class HeldPoints:
    """The held points of some players by (season, player). Of those in ``cut`` more is held than was read."""

    points: Mapping[tuple[int, UUID], tuple[int, ...]]
    cut: frozenset[UUID] = frozenset()

    def of(self, season_id: int, player_id: UUID) -> Pending:
        """What is held of one of these players in a season."""
        return Pending(self.points.get((season_id, player_id), ()), player_id not in self.cut)


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
