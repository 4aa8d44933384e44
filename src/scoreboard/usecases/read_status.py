"""What the status page answers: who is there, the main figures, the objectives, and the last hour of them.

Everything comes from what processes tell (``tell_vitals``) but the two stores, which are asked. Without Redis only the
stores are known, and that is what is said.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scoreboard import telemetry
from scoreboard.domain.figures import MINUTES_S, Figure, events, figures, plotted, window
from scoreboard.domain.objectives import OBJECTIVES, Light, Objective, judge
from scoreboard.domain.vitals import Part, Tally, Told, together, worst
from scoreboard.live import vitals
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.live.vitals import Seen
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import Platform

_FRESH = 1.0
"""Seconds for which an answer serves everybody who asks: pages ask every few seconds."""
_HOUR_S = 3600
_MISSED_S = 300
"""So long a process that stopped without a word counts against its service."""
_START_S = 120
"""So long others may have told something before a service that nobody has heard of is missed: starting takes less."""
_SETTLING = 2
"""Slots that may still be written: the present one, and the one before by whoever asked for the time at its end."""
_AT_ONCE = 100
"""So many lines of processes are added up between two requests, some 2 ms; more of them in a thread."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A service and its processes. Unknown: none has told anything, and it is too early to miss it, or it may be so."""

    service: str
    light: Light
    present: int
    missing: int
    processes: list[Seen]


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """How an objective stands in the last hour; ``burns``: times the pace that it may, in the hour and five minutes."""

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

    ``stores`` are as this process sees them: ok or unavailable, and missing or outdated for the schema. ``known_s``:
    how far back that goes which is told, in seconds, an hour at most. ``unread``: processes, at most at once, of which
    something is left out since it is of a version that tells it in another way.
    """

    at: float
    light: Light
    told: bool
    known_s: float
    unread: int
    stores: dict[str, str]
    services: list[ServiceState]
    figures: list[Figure]
    objectives: list[ObjectiveState]
    slot_s: int
    points: list[Point]


@dataclass(frozen=True, slots=True)
class _Slot:
    """What all told together in a slot, what of it is plotted, and how many could not be read."""

    told: Told
    figures: Mapping[str, float | None]
    unread: int


@dataclass(frozen=True, slots=True)
class _Heard:
    """What Redis knows: the time there, processes, and the slots in which somebody told something."""

    now: float
    seen: list[Seen]
    slots: dict[int, _Slot]


@dataclass(slots=True)
class StatusReader:
    """Remembers slots that are over, and their sum, so that only a few are read and added up each time."""

    platform: Platform
    health: Health
    _kept: dict[int, _Slot | None] = field(default_factory=dict)
    _sum: tuple[range, Tally] = (range(0), Tally())
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
        (_, stores), heard = await asyncio.gather(self.health.check(), self._listen())
        lights = [Light.GOOD if state == "ok" else Light.BAD for state in stores.values()]
        slot_s = self.platform.settings.vitals_slot
        if heard is None:
            now = telemetry.utc_now().timestamp()
            return StatusReport(now, Light.BAD, False, 0, 0, stores, [], [], [], slot_s, [])
        now, present = heard.now, int(heard.now) // slot_s
        told = {slot: each.told for slot, each in heard.slots.items()}
        known_s = min(now - min(told) * slot_s, _HOUR_S) if told else 0
        services = [_service(part, [e for e in heard.seen if e.service == part], now, known_s) for part in Part]
        shown = figures(told, present, slot_s)
        objectives = self._objectives(told, present, slot_s)
        # What nobody knows about a figure is nobody's fault: nothing happened. A service is missed, but for the model,
        # which an operator may have left out.
        lights += [each.light for each in services if each.service != Part.MODEL or each.light is not Light.UNKNOWN]
        lights += [each.light for each in shown if each.light is not Light.UNKNOWN]
        lights += [each.light for each in objectives if each.light is not Light.UNKNOWN]
        unread = max((each.unread for each in heard.slots.values()), default=0)
        lights += [Light.UNKNOWN] if unread else []
        points = [_point(slot, heard.slots.get(slot), slot_s) for slot in self._slots(present)]
        return StatusReport(
            *(now, worst(lights), True, known_s, unread, stores, services, shown, objectives, slot_s, points)
        )

    async def _listen(self) -> _Heard | None:
        slot_s = self.platform.settings.vitals_slot
        try:
            now = await vitals.moment(self.platform.live)
            present = int(now) // slot_s
            wanted = [slot for slot in self._slots(present) if slot not in self._kept]
            seen = await vitals.present(self.platform.live)
            lines = await vitals.slots(self.platform.live, wanted)
        except LiveUnavailable:
            return None
        few = sum(map(len, lines.values())) <= _AT_ONCE
        read = _added(lines, slot_s) if few else await asyncio.to_thread(_added, lines, slot_s)
        first = self._slots(present).start
        self._kept = {slot: kept for slot, kept in self._kept.items() if slot >= first}
        self._kept |= {slot: read.get(slot) for slot in wanted if slot < present + 1 - _SETTLING}
        kept = {slot: each for slot, each in self._kept.items() if each is not None}
        return _Heard(now, seen, kept | read)

    def _objectives(self, told: dict[int, Told], present: int, slot_s: int) -> list[ObjectiveState]:
        over = range(present + 1 - _HOUR_S // slot_s, present + 1 - _SETTLING)
        if self._sum[0] != over:  # once a slot: adding up an hour takes milliseconds
            self._sum = (over, window(told, over)[0])
        hour = self._sum[1].plus(window(told, range(over.stop, present + 1))[0])
        minutes = window(told, range(present + 1 - max(1, MINUTES_S // slot_s), present + 1))[0]
        return [_objective(objective, hour, minutes) for objective in OBJECTIVES]

    def _slots(self, present: int) -> range:
        settings = self.platform.settings
        return range(present - settings.vitals_kept // settings.vitals_slot, present + 1)


def _added(lines: Mapping[int, Sequence[bytes]], slot_s: int) -> dict[int, _Slot]:
    found = {}
    for slot, raw in lines.items():
        parts, unread = vitals.read(raw)
        told = together(parts)
        found[slot] = _Slot(told, plotted(told if parts else None, slot_s), unread)
    return found


def _point(slot: int, found: _Slot | None, slot_s: int) -> Point:
    return Point(slot * slot_s, plotted(None, slot_s) if found is None else found.figures)


def _service(part: Part, processes: list[Seen], now: float, known_s: float) -> ServiceState:
    present = [each for each in processes if each.present is not None]
    missing = [each for each in processes if each.present is None and now - each.last < _MISSED_S]
    # A process of another version may tell nothing that we can read of its stores.
    troubled = [each for each in present if each.present and False in (each.present.database, each.present.redis)]
    if present:
        light = Light.WARN if missing or troubled else Light.GOOD
    elif part is Part.MODEL:
        light = Light.WARN if processes else Light.UNKNOWN  # without a model the rules decide alone
    else:
        light = Light.BAD if processes or known_s > _START_S else Light.UNKNOWN
    return ServiceState(str(part), light, len(present), len(missing), processes)


def _objective(objective: Objective, hour: Tally, minutes: Tally) -> ObjectiveState:
    long, short = events(objective, hour), events(objective, minutes)
    burns = (long.burn(objective), short.burn(objective))
    return ObjectiveState(objective, judge(objective, long, short), long.total, long.bad, burns)
