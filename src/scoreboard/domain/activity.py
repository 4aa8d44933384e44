"""Spans of analytics: minutes, hours and days in UTC, and what is counted in each."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum

ALL_KINDS = ""
"""Stands where a kind's key would: counts over all kinds."""


class Step(StrEnum):
    """How long a span is. Active players are counted by the hour and by the day only."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


LENGTH = {Step.MINUTE: timedelta(minutes=1), Step.HOUR: timedelta(hours=1), Step.DAY: timedelta(days=1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in a span.

    ``created`` and ``abandoned`` belong to the span in which an attempt began. What became of an attempt belongs to the
    span in which its result came, whenever it was decided or changed: a release moves one from ``held`` to
    ``completed``, a void from ``completed`` to ``voided``, and ``points`` follow ``completed``. ``players`` handed in
    a result, whatever became of it, so no correction changes their number; None where they are not counted.
    """

    created: int = 0
    completed: int = 0
    held: int = 0
    rejected: int = 0
    voided: int = 0
    abandoned: int = 0
    points: int = 0
    players: int | None = None

    @property
    def unended(self) -> int:
        """Attempts of which nothing is known yet. Never below 0: one begun before the span may have ended in it."""
        return max(0, self.created - self.completed - self.held - self.rejected - self.voided - self.abandoned)


NOTHING = Counts()


def floor(moment: datetime, step: Step) -> datetime:
    """The beginning of the span that holds a moment, in UTC."""
    return _EPOCH + (moment - _EPOCH) // LENGTH[step] * LENGTH[step]


def ceiling(moment: datetime, step: Step) -> datetime:
    """The first beginning of a span at or after a moment."""
    begun = floor(moment, step)
    return begun if begun == moment else begun + LENGTH[step]


def spans(since: datetime, until: datetime, step: Step) -> Iterator[datetime]:
    """The beginnings of the spans from ``since`` (a beginning) up to, and without, ``until``."""
    moment = since
    while moment < until:
        yield moment
        moment += LENGTH[step]


def added(one: Counts, other: Counts) -> Counts:
    """Both together. Players may be the same ones, so of them nothing is said."""
    names = [field.name for field in fields(Counts) if field.name != "players"]
    return Counts(**{name: getattr(one, name) + getattr(other, name) for name in names})
