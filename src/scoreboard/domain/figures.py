"""What is read off vital signs: the status page's figures, its plots, and how much of each promise was kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from scoreboard.domain.objectives import (
    API,
    BROADCASTS,
    COMPLETIONS,
    CONNECTS,
    EVENTS,
    VERDICTS,
    Events,
    Light,
    Objective,
)
from scoreboard.domain.vitals import (
    NOBODY,
    Bound,
    Buckets,
    Levels,
    Tally,
    Told,
    number,
    quantile,
    together,
    within,
)

MINUTES_S = 300
"""The short window of an objective, in seconds."""
_NOW_S = 60
_DRIFT_S = 600

BOUNDS = {
    "requests_per_s": Bound(),
    "error_share": Bound(0.001, 0.0144),
    "completion_p50_s": Bound(0.3),
    "completion_p99_s": Bound(0.3, 1),
    "broadcast_p50_s": Bound(1),
    "broadcast_p99_s": Bound(1, 5),
    "connections": Bound(),
    "outbox_age_s": Bound(5, 30),
    "stream_lag": Bound(1000),
    "reviews": Bound(),
    "reviews_overdue": Bound(0),
    "model_behind": Bound(5000),
    "features_shifted": Bound(4),
    "drifted": Bound(bad=0),
}
"""From where on a figure is amber or red. Levels and drift: as the alerts of the same metrics have it, and amber for
the outbox well before. Shares and latencies have no alert of their own: they are held against their objective's share
and time, and only where enough went wrong (:data:`PROMISED`)."""
PROMISED = {
    "error_share": API,
    "completion_p50_s": COMPLETIONS,
    "completion_p99_s": COMPLETIONS,
    "broadcast_p50_s": BROADCASTS,
    "broadcast_p99_s": BROADCASTS,
}
"""Figures of which one mishap in a quiet minute says nothing. They are good until within five minutes as many things
went wrong as have to within an hour before anybody is told of their objective (its ``least``)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as it is now; None where nobody knows, or nothing happened."""

    name: str
    value: float | None
    light: Light


def window(told: Mapping[int, Told], slots: range) -> Told:
    """These slots as one. Of levels only the last one's are asked for."""
    return together(told[slot] for slot in slots if slot in told)


def figures(told: Mapping[int, Told], present: int, slot_s: int) -> list[Figure]:
    """How every figure stands: rates and latencies in the last minute, drift in ten.

    Args:
        told: what all processes told together, by slot; slots in which nobody did are not in it.
        present: the slot that is not over yet, which is left out where it can be.
        slot_s: seconds of a slot.
    """
    last_minute = range(present - max(1, _NOW_S // slot_s), present)
    tally, _ = window(told, last_minute)
    # A process may not have told anything in the present slot yet, and nothing in the last one before it began.
    stands = told.get(present - 1, NOBODY)[1]
    if stands == Levels():
        stands = told.get(present, NOBODY)[1]
    seconds = sum(slot in told for slot in last_minute) * slot_s
    values = _rates(tally, seconds) | _latencies(tally) | _levels(stands)
    if present - 1 in told or present in told:
        drift = range(present + 1 - max(1, _DRIFT_S // slot_s), present + 1)
        values["drifted"] = sum(told[slot][0].drifted for slot in drift if slot in told)
    minutes, _ = window(told, range(present + 1 - max(1, MINUTES_S // slot_s), present + 1))
    return [Figure(name, value := values.get(name), _light(name, value, minutes)) for name in BOUNDS]


def _light(name: str, value: float | None, minutes: Tally) -> Light:
    light, promised = BOUNDS[name].judge(value), PROMISED.get(name)
    if promised is None or light is Light.UNKNOWN or events(promised, minutes).bad >= promised.least:
        return light
    return Light.GOOD


def plotted(told: Told | None, slot_s: int) -> dict[str, float | None]:
    """What a slot of so many seconds shows; nothing where nobody told anything, so that a gap stays a gap."""
    if told is None:
        return dict.fromkeys(BOUNDS)
    return _rates(told[0], slot_s) | _latencies(told[0]) | _levels(told[1]) | {"drifted": told[0].drifted}


def _rates(tally: Tally, seconds: float) -> dict[str, float | None]:
    return {
        "requests_per_s": tally.requests / seconds if seconds else None,
        "error_share": tally.failed / tally.requests if tally.requests else None,
    }


def _latencies(tally: Tally) -> dict[str, float | None]:
    return {
        "completion_p50_s": quantile(tally.completions, 0.5),
        "completion_p99_s": quantile(tally.completions, 0.99),
        "broadcast_p50_s": quantile(tally.broadcasts, 0.5),
        "broadcast_p99_s": quantile(tally.broadcasts, 0.99),
    }


def _levels(stands: Levels) -> dict[str, float | None]:
    return {
        "connections": stands.connections,
        "outbox_age_s": stands.outbox_age_s,
        "stream_lag": stands.stream_lag,
        "reviews": stands.reviews,
        "reviews_overdue": stands.reviews_overdue,
        "model_behind": stands.model_behind,
        "features_shifted": stands.features_shifted,
    }


def events(objective: Objective, tally: Tally) -> Events:
    """How much happened that an objective is about, and how much of it broke its promise."""
    if objective is API:
        return Events(tally.requests, tally.failed)
    if objective is CONNECTS:
        return Events(tally.connects + tally.refused, tally.refused)
    timed: dict[str, tuple[Buckets, float]] = {
        COMPLETIONS.name: (tally.completions, 0.3),
        BROADCASTS.name: (tally.broadcasts, 1),
        EVENTS.name: (tally.events, 10),
        VERDICTS.name: (tally.verdicts, 30),
    }
    buckets, seconds = timed[objective.name]
    return Events(number(buckets), number(buckets) - within(buckets, seconds))
