"""Declared seasons: a window of time over several boards, beside which these boards have no schedule of their own.

``usecases/fit_seasons`` makes a season of each board from it; what those are at decides the plan's phase.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scoreboard.domain.season import Season, SeasonStatus


class OnEnd(StrEnum):
    """What follows on its boards: nothing until something is declared, or a season without an end, at once."""

    ARCHIVE = "archive"
    RESET = "reset"


class Phase(StrEnum):
    """Where a declared season stands. ``Closing``: it is over and its final standings are being written."""

    SCHEDULED = "Scheduled"
    ACTIVE = "Active"
    CLOSING = "Closing"
    ARCHIVED = "Archived"


@dataclass(frozen=True, slots=True)
class SeasonPlan:
    """A declared season. ``ends_at`` None: until it is set."""

    key: str
    title: str | None
    starts_at: datetime
    ends_at: datetime | None
    boards: tuple[str, ...]
    on_end: OnEnd = OnEnd.ARCHIVE
    version: int = 1

    @property
    def name(self) -> str:
        """What people call it: its title, or the key where it has none."""
        return self.title or self.key


def phase_of(seasons: Sequence[Season], now: datetime) -> Phase:
    """The phase of a plan from the seasons of its boards; without any it was withdrawn before it began."""
    if all(season.status is SeasonStatus.CLOSED for season in seasons):
        return Phase.ARCHIVED
    if any(season.ends_at is not None and season.ends_at <= now for season in seasons):
        return Phase.CLOSING
    return Phase.ACTIVE if any(season.starts_at <= now for season in seasons) else Phase.SCHEDULED


def overlap(one: SeasonPlan, other: SeasonPlan) -> bool:
    """Whether two plans want a board at the same moment."""
    if not set(one.boards) & set(other.boards):
        return False
    return _begins_within(one, other) or _begins_within(other, one)


def _begins_within(one: SeasonPlan, other: SeasonPlan) -> bool:
    return other.starts_at <= one.starts_at and (other.ends_at is None or one.starts_at < other.ends_at)
