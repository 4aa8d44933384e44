"""Vital signs: what processes tell of themselves for the status page, added up, and how it is judged."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from scoreboard.domain.objectives import Light

Buckets = tuple[tuple[float, float], ...]
"""A histogram: upper bound in seconds, and how many were at or below it. Empty where nothing was measured."""


class Part(StrEnum):
    """Our services, in the order in which a page shows them."""

    API = "api"
    REALTIME = "realtime"
    WORKER = "worker"
    MODEL = "anticheat-ml"


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened in a time, and what can be added up. Latencies are histograms in seconds."""

    requests: float = 0
    failed: float = 0
    connects: float = 0
    refused: float = 0
    drifted: float = 0
    completions: Buckets = ()
    broadcasts: Buckets = ()
    events: Buckets = ()
    verdicts: Buckets = ()

    def since(self, earlier: "Tally") -> "Tally":
        """What was added to an earlier count of the same process."""
        return Tally(
            *(getattr(self, name) - getattr(earlier, name) for name in _NUMBERS),
            *(_together(getattr(self, name), getattr(earlier, name), -1) for name in _LATENCIES),
        )

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            *(getattr(self, name) + getattr(other, name) for name in _NUMBERS),
            *(_together(getattr(self, name), getattr(other, name), 1) for name in _LATENCIES),
        )


_NUMBERS = ("requests", "failed", "connects", "refused", "drifted")
_LATENCIES = ("completions", "broadcasts", "events", "verdicts")


@dataclass(frozen=True, slots=True)
class Levels:
    """How high things stand at a moment; None where nobody tells. Connections add up, of all else the greatest counts.

    ``features_shifted`` are those of the model whose population stability index is above 0.25.
    """

    connections: float | None = None
    stream_lag: float | None = None
    outbox_age_s: float | None = None
    reviews: float | None = None
    reviews_overdue: float | None = None
    model_behind: float | None = None
    features_shifted: float | None = None

    def plus(self, other: "Levels") -> "Levels":
        """Both together."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(Levels))
        return Levels(**{name: _greater(one, two, added=name == "connections") for name, one, two in pairs})


Told = tuple[Tally, Levels]
NOBODY: Told = (Tally(), Levels())


def _together(one: Buckets, other: Buckets, sign: int) -> Buckets:
    if not one or not other:
        return one or (other if sign > 0 else ())
    if [bound for bound, _ in one] != [bound for bound, _ in other]:
        return one  # another version's buckets: they cannot be added
    return tuple((bound, count + sign * more) for (bound, count), (_, more) in zip(one, other, strict=True))


def _greater(one: float | None, other: float | None, *, added: bool) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other if added else max(one, other)


def together(parts: Iterable[Told]) -> Told:
    """What several processes tell, as one."""
    tally, levels = NOBODY
    for counted, stands in parts:
        tally, levels = tally.plus(counted), levels.plus(stands)
    return tally, levels


def number(buckets: Buckets) -> float:
    """How many were measured."""
    return buckets[-1][1] if buckets else 0


def within(buckets: Buckets, seconds: float) -> float:
    """How many took so long at most; ``seconds`` has to be one of the bounds, else the next lower one counts."""
    return max((count for bound, count in buckets if bound <= seconds), default=0)


def quantile(buckets: Buckets, share: float) -> float | None:
    """The time within which this share of 1 was done, in seconds; None without measures.

    Between two bounds the measures are taken to lie evenly, as Prometheus's ``histogram_quantile`` does; what lies
    above the greatest bound is told as that bound.
    """
    wanted = number(buckets) * share
    if wanted <= 0:
        return None
    lower, before = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            if math.isinf(bound):
                return lower
            # Rounded, the sum may lie a bit above the bound.
            return min(bound, lower + (bound - lower) * (wanted - before) / (count - before))
        lower, before = bound, count
    return lower


@dataclass(frozen=True, slots=True)
class Bound:
    """From where on a figure is a matter of concern; None where that cannot be. Equal is not above."""

    warn: float | None = None
    bad: float | None = None

    def judge(self, value: float | None) -> Light:
        """How a figure stands."""
        if value is None:
            return Light.UNKNOWN
        if self.bad is not None and value > self.bad:
            return Light.BAD
        return Light.WARN if self.warn is not None and value > self.warn else Light.GOOD


def worst(lights: Sequence[Light]) -> Light:
    """The gravest of several; what nobody knows is graver than good."""
    for light in (Light.BAD, Light.WARN, Light.UNKNOWN):
        if light in lights:
            return light
    return Light.GOOD
