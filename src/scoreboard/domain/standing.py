"""Places on a board, as every view shows them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a board."""

    rank: int
    player_id: UUID
    username: str
    score: int
    reached_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Entries that were true together, and the published state that they belong to.

    ``epoch`` is empty and ``seq`` 0 where the page does not come from a live leaderboard.
    """

    epoch: str
    seq: int
    total: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """One player's place. ``position`` is 0-based in the board's exact order, ``rank`` follows the rank style."""

    position: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class Standings:
    """Places of several players, None for those without one, in the order they were asked for."""

    epoch: str
    seq: int
    total: int
    standings: tuple[Standing | None, ...]


def percentile(position: int, total: int) -> float:
    """Share of the others that this place is ahead of, 0 to 100; the only player of a board is ahead of all."""
    return 100.0 if total <= 1 else round(100.0 * (total - 1 - position) / (total - 1), 2)
