"""Seasons: the time window in which a board counts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SeasonStatus(StrEnum):
    """scheduled → open → closing (final standings are being written) → closed."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Season:
    """One window of a board. ``ends_at`` None means: until the board is changed."""

    id: int
    board_key: str
    name: str
    starts_at: datetime
    ends_at: datetime | None
    status: SeasonStatus


def counts_at(season: Season, moment: datetime) -> bool:
    """Whether an action committed at this moment belongs to the season.

    The dates decide, not the status that a worker sets: a late season closer must not let points fall
    into the season before.
    """
    if season.status in (SeasonStatus.CLOSING, SeasonStatus.CLOSED):
        return False
    return season.starts_at <= moment and (season.ends_at is None or moment < season.ends_at)
