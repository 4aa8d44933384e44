"""How a player has acted lately: the last completions in a few bytes, and the columns that the signals read.

``domain/suspicion`` adds a beat for each completion and hands the columns to ``domain/signals``. The bytes live in the
row of the player that every completion locks, so nothing else has to be read to judge the next one.
"""

from collections.abc import Callable
from datetime import datetime
from struct import Struct
from typing import NamedTuple

from scoreboard.domain.action import ActionKind, Usage
from scoreboard.domain.clock import microseconds

MOST_BEATS = 24
"""Enough for two repetitions of a loop of eight, and for 23 intervals; half a KiB."""

UNKNOWN = 0xFFFFFFFF
"""A pause or a time to spare that is longer than can be told (71 minutes, 49 days), or that nobody can know."""
NO_SHARE = 255
WHOLE_SHARE = 200
"""Points at the kind's cap; 0 are its least. Kinds of fixed worth have ``NO_SHARE``."""
NO_CLOCK = -128

_HEADER = Struct("<H")
_BEAT = Struct("<qIIBBb")
_FIELDS = 6
_UNPACK: tuple[Callable[[bytes], tuple[int, ...]], ...] = tuple(
    Struct("<H" + "qIIBBb" * count).unpack for count in range(MOST_BEATS + 1)
)

COOLED, AT_ONCE, NO_PAUSE = 1, 2, 4
"""Bits of a beat: it had waited for a cooldown; it came the moment that was over; it was begun and finished without
any time of the player's own since the completion before.
"""
_REACTION_US = 150_000
"""A person needs longer to see that something can be done, and to do it; who keeps pressing may be quicker."""
_NO_TIME_US = 30_000
"""Who keeps pressing as fast as hands can meets the first moment by less than this only now and then."""


class Beat(NamedTuple):
    """One completion as it is remembered.

    ``at`` is its moment in microseconds. ``free`` is how long it took of the player's own will, in microseconds: the
    time since the completion before, less what the kind's cooldown and least duration made everybody wait. ``spare``
    is the time from the begin to the completion beyond that least duration, in milliseconds; UNKNOWN for a direct
    kind. ``share`` tells how far its points went from the kind's least (0) to its cap (200). ``haste`` are the bits
    above. ``clock`` is by how many seconds the clock of a signed request was off; NO_CLOCK without a signature.
    """

    at: int
    free: int
    spare: int
    share: int
    haste: int
    clock: int


_NO_BEAT = Beat(0, UNKNOWN, UNKNOWN, NO_SHARE, 0, NO_CLOCK)


class Pace:
    """The last completions column by column, oldest first: cut from the unpacked bytes when a signal asks for one."""

    __slots__ = ("_values", "count", "newest")

    def __init__(self, packed: bytes) -> None:
        self.count = max(len(packed) - _HEADER.size, 0) // _BEAT.size
        self._values = _UNPACK[self.count](packed) if packed else (0,)
        self.newest = Beat(*self._values[-_FIELDS:]) if self.count else _NO_BEAT

    def at(self, last: int = MOST_BEATS) -> tuple[int, ...]:
        """Moments of at most so many of the last completions, in microseconds."""
        return self._column(1, last)

    def span(self, intervals: int) -> int:
        """Microseconds that the last so many intervals took together; there must be as many."""
        return self.newest.at - self._values[1 + (self.count - 1 - intervals) * _FIELDS]

    def free(self, last: int = MOST_BEATS) -> tuple[int, ...]:
        """What each took of the player's own will. The first beat has no predecessor here and is left out."""
        return self._column(2, min(last, self.count - 1))

    def spare(self, last: int = MOST_BEATS) -> tuple[int, ...]:
        """Time from begin to completion beyond the least, in milliseconds."""
        return self._column(3, last)

    def share(self, last: int = MOST_BEATS) -> tuple[int, ...]:
        """How far the points went to the kind's cap."""
        return self._column(4, last)

    def haste(self, last: int = MOST_BEATS) -> tuple[int, ...]:
        """The bits of haste."""
        return self._column(5, last)

    def clock(self, last: int = MOST_BEATS) -> tuple[int, ...]:
        """Seconds by which the clock of a signed request was off."""
        return self._column(6, last)

    def _column(self, field: int, last: int) -> tuple[int, ...]:
        return self._values[field + max(self.count - last, 0) * _FIELDS :: _FIELDS] if last > 0 else ()


def with_beat(packed: bytes, beat: Beat) -> bytes:
    """The memory with one more completion; the oldest gives way."""
    header = packed[: _HEADER.size] or bytes(_HEADER.size)
    kept = packed[max(_HEADER.size, len(packed) - (MOST_BEATS - 1) * _BEAT.size) :]
    return header + kept + _BEAT.pack(*beat)


def with_noted(packed: bytes, noted: int) -> bytes:
    """The memory with these bits as the signals that were told."""
    return _HEADER.pack(noted) + packed[_HEADER.size :]


def noted_in(packed: bytes) -> int:
    """The signals that were told already, as bits."""
    noted: int = _HEADER.unpack_from(packed)[0] if packed else 0
    return noted


def beat_of(
    packed: bytes,
    kind: ActionKind,
    usage: Usage,
    points: int,
    at: datetime,
    *,
    begun_at: datetime | None,
    clock: int | None = None,
    rising: bool = True,
) -> Beat:
    """The beat that a completion adds to a memory.

    Args:
        packed: the memory before it.
        kind: what was done.
        usage: what the player had done of the kind before.
        points: what it is worth, within the kind's bounds.
        at: the moment by which the player is judged.
        begun_at: when the attempt was begun; None for one that was begun and completed in one call.
        clock: how many seconds a signed request's clock was ahead of ours; None without a signature.
        rising: whether more points are better; where the lowest wins, the most are no triumph.
    """
    now = microseconds(at)
    before = _BEAT.unpack_from(packed, len(packed) - _BEAT.size)[0] if len(packed) > _HEADER.size else None
    spare, haste, imposed, in_turn = UNKNOWN, 0, 0, False
    if begun_at is not None:
        begun = microseconds(begun_at)
        imposed = round(kind.min_duration_s * 1e6)
        spare = _within((now - begun - imposed) // 1000)
        in_turn = before is not None and begun >= before
    if kind.cooldown_s and usage.last_completed_at is not None:
        ready = microseconds(usage.last_completed_at) + round(kind.cooldown_s * 1e6)
        haste = COOLED | AT_ONCE if now - ready < _REACTION_US else COOLED
        if before is not None and ready > before:
            imposed, in_turn = max(imposed, ready - before), False
    free = UNKNOWN if before is None else _within(now - before - imposed)
    if in_turn and free < _NO_TIME_US:
        haste |= NO_PAUSE
    width = kind.max_points - kind.min_points
    told = rising and kind.points is None and width > 0
    share = (points - kind.min_points) * WHOLE_SHARE // width if told else NO_SHARE
    ahead = NO_CLOCK if clock is None else min(max(clock, NO_CLOCK + 1), -NO_CLOCK - 1)
    return Beat(now, free, spare, share, haste, ahead)


def _within(value: int) -> int:
    return min(max(value, 0), UNKNOWN)
