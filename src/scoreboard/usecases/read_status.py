"""What the status page answers: who is there, the main figures, the objectives, and the last hour of them.

Everything comes from what processes tell (``tell_vitals``) but the two stores, which are asked. Without Redis only the
stores are known, and that is what is said.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from scoreboard import telemetry
from scoreboard.domain.objectives import (
    API,
    BROADCASTS,
    COMPLETIONS,
    CONNECTS,
    EVENTS,
    OBJECTIVES,
    VERDICTS,
    Events,
    Light,
    Objective,
    judge,
)
from scoreboard.domain.vitals import (
    NOBODY,
    Bound,
    Buckets,
    Levels,
    Part,
    Tally,
    number,
    quantile,
    together,
    within,
    worst,
)
from scoreboard.live import vitals
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.live.vitals import Seen
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import Platform

_FRESH = 1.0
"""Seconds for which an answer serves everybody who asks: pages ask every few seconds."""
_NOW_S = 60
_MINUTES_S = 300
_MISSED_S = 300
"""So long a process that stopped without a word counts against its service."""
_SETTLING = 2
"""Slots that may still be written: the present one, and the one before for clocks that are behind."""
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
"""From where on a figure is amber or red: as the alerts of the same metrics have it, and the objectives."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as it is now; None where nobody knows, or nothing happened."""

    name: str
    value: float | None
    light: Light


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A service and its processes. Unknown: none has told anything in an hour."""

    service: str
    light: Light
    present: int
    missing: int
    processes: list[Seen]


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """How an objective stands in the last hour; ``burns`` are times the pace that it may, by minutes of the window."""

    objective: Objective
    light: Light
    total: float
    bad: float
    burns: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Point:
    """A slot of the plots, beginning at ``at`` (seconds since 1970)."""

    at: int
    figures: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything. ``told`` is False where Redis is away: then services, figures and points are not known.

    ``stores`` are as this process sees them: ok or unavailable, and missing or outdated for the schema.
    """

    at: float
    light: Light
    told: bool
    stores: dict[str, str]
    services: list[ServiceState]
    figures: list[Figure]
    objectives: list[ObjectiveState]
    slot_s: int
    points: list[Point]


Told = tuple[Tally, Levels]


@dataclass(slots=True)
class StatusReader:
    """Remembers slots that are over, so that only a few are read each time."""

    platform: Platform
    health: Health
    _kept: dict[int, Told] = field(default_factory=dict)
    _last: StatusReport | None = None
    _until: float = 0.0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> StatusReport:
        """The state of the platform. Never raises for a store that is away."""
        async with self._reading:  # who comes second takes the first one's answer
            loop = asyncio.get_running_loop()
            if self._last is None or loop.time() >= self._until:
                self._last = await self._read()
                self._until = loop.time() + _FRESH
            return self._last

    async def _read(self) -> StatusReport:
        now = telemetry.utc_now().timestamp()
        (_, stores), heard = await asyncio.gather(self.health.check(), self._listen(now))
        lights = [Light.GOOD if state == "ok" else Light.BAD for state in stores.values()]
        slot_s = self.platform.settings.vitals_slot
        if heard is None:
            return StatusReport(now, Light.BAD, False, stores, [], [], [], slot_s, [])
        seen, told = heard
        present = int(now) // slot_s
        services = [_service(part, [each for each in seen if each.service == part], now) for part in Part]
        figures = _figures(told, present, slot_s)
        objectives = [_objective(objective, told, present, slot_s) for objective in OBJECTIVES]
        # What nobody knows about a figure is nobody's fault: nothing happened. A service is missed, but for the model,
        # which an operator may have left out.
        lights += [each.light for each in services if each.service != Part.MODEL or each.light is not Light.UNKNOWN]
        lights += [each.light for each in figures if each.light is not Light.UNKNOWN]
        lights += [each.light for each in objectives if each.light is not Light.UNKNOWN]
        points = [Point(slot * slot_s, _plotted(told.get(slot), slot_s)) for slot in self._slots(present)]
        return StatusReport(now, worst(lights), True, stores, services, figures, objectives, slot_s, points)

    async def _listen(self, now: float) -> tuple[list[Seen], dict[int, Told]] | None:
        present = int(now) // self.platform.settings.vitals_slot
        over = present - _SETTLING
        wanted = [slot for slot in self._slots(present) if slot not in self._kept]
        try:
            seen = await vitals.present(self.platform.live)
            lines = await vitals.slots(self.platform.live, wanted)
        except LiveUnavailable:
            return None
        told = {slot: together(parts) for slot, parts in lines.items()}
        first = self._slots(present).start
        self._kept = {slot: kept for slot, kept in self._kept.items() if slot >= first}
        self._kept |= {slot: told.get(slot, NOBODY) for slot in wanted if slot < over}
        return seen, {slot: kept for slot, kept in {**self._kept, **told}.items() if kept != NOBODY}

    def _slots(self, present: int) -> range:
        settings = self.platform.settings
        return range(present - settings.vitals_kept // settings.vitals_slot, present + 1)


def _service(part: Part, processes: list[Seen], now: float) -> ServiceState:
    present = [each for each in processes if each.present is not None]
    missing = [each for each in processes if each.present is None and now - each.last < _MISSED_S]
    troubled = [each for each in present if each.present and not (each.present.database and each.present.redis)]
    if present:
        light = Light.WARN if missing or troubled else Light.GOOD
    elif processes:
        light = Light.WARN if part is Part.MODEL else Light.BAD  # without a model the rules decide alone
    else:
        light = Light.UNKNOWN
    return ServiceState(str(part), light, len(present), len(missing), processes)


def _window(told: dict[int, Told], present: int, slot_s: int, seconds: int) -> Told:
    """The last whole slots that make up so much time. Of levels only the last one's are asked for."""
    first = present - max(1, seconds // slot_s)
    return together(told[slot] for slot in range(first, present) if slot in told)


def _figures(told: dict[int, Told], present: int, slot_s: int) -> list[Figure]:
    tally, _ = _window(told, present, slot_s, _NOW_S)
    # A process may not have told anything in the present slot yet, and nothing in the last one before it began.
    _, stands = together(told[slot] for slot in (present - 1,) if slot in told)
    if stands == Levels():
        stands = told.get(present, NOBODY)[1]
    drift = _window(told, present + 1, slot_s, _DRIFT_S)[0].drifted
    slots = [slot for slot in range(present - max(1, _NOW_S // slot_s), present) if slot in told]
    values = _rates(tally, len(slots) * slot_s) | _latencies(tally) | _levels(stands)
    values["drifted"] = drift if any(slot in told for slot in (present - 1, present)) else None
    return [Figure(name, values.get(name), bound.judge(values.get(name))) for name, bound in BOUNDS.items()]


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


def _plotted(told: Told | None, slot_s: int) -> dict[str, float | None]:
    """What a slot shows; nothing where nobody told anything, so that a gap stays a gap."""
    if told is None:
        return dict.fromkeys(BOUNDS)
    return _rates(told[0], slot_s) | _latencies(told[0]) | _levels(told[1]) | {"drifted": told[0].drifted}


def _objective(objective: Objective, told: dict[int, Told], present: int, slot_s: int) -> ObjectiveState:
    hour, minutes = (
        _events(objective, _window(told, present + 1, slot_s, seconds)[0]) for seconds in (3600, _MINUTES_S)
    )
    burns = (hour.burn(objective), minutes.burn(objective))
    return ObjectiveState(objective, judge(objective, hour, minutes), hour.total, hour.bad, burns)


def _events(objective: Objective, tally: Tally) -> Events:
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
