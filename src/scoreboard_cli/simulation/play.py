"""Turns intervals into steps that a client can carry out: which kind of action, how long, for how many points."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from scoreboard_cli.simulation.person import Person

_SHORTEST_PAUSE_S = 0.02
_PACES = 3.0  # from the quickest kind to the slowest the usual interval grows by this, in logarithms
_DIRECT_SHARE = 0.3  # a direct action takes a person one press: it follows this much quicker than a task
_REST_S = 3600.0  # a rest this long does not depend on what comes after it


@dataclass(frozen=True, slots=True)
class KindRules:
    """What a player has to know of a kind of action. Times in seconds.

    Attributes:
        key: Its name in the API.
        points: What it is worth; None when the client reports the points.
        min_points: Fewest points that may be reported.
        max_points: Most points that may be reported.
        cooldown_s: Wait after a completion.
        min_duration_s: Shortest time from begin to completion.
        max_duration_s: Longest time from begin to completion.
        direct: Done in one call, without a begin.
    """

    key: str
    points: int | None = None
    min_points: int = 0
    max_points: int = 0
    cooldown_s: float = 0.0
    min_duration_s: float = 0.0
    max_duration_s: float = 600.0
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Tactics:
    """How somebody plays beside the timing. All off is an honest person.

    Attributes:
        one_kind: Stays with one kind of action.
        favours_direct: That kind is a direct one, where there is one.
        finishes_at_once: Completes as early as the rules allow.
        snipes: Takes what has a cooldown the moment it ends.
        claims_cap: Reports points at the cap.
        claim_slack: How far below the cap such a report may stay, as a share of the range.
        overreach: Probability that such a report is above the cap.
        keeps_time: Makes up afterwards for an action that took longer than its interval.
    """

    one_kind: bool = False
    favours_direct: bool = False
    finishes_at_once: bool = False
    snipes: bool = False
    claims_cap: bool = False
    claim_slack: float = 0.02
    overreach: float = 0.0
    keeps_time: bool = False


HONEST = Tactics()


@dataclass(frozen=True, slots=True)
class Step:
    """One action. The sum of all pauses and durations so far is the moment of its completion.

    Attributes:
        kind: What is done.
        pause_s: From the last completion until this action begins.
        duration_s: From its begin to its completion (the age of its token); 0 for a direct kind.
        points: What the client reports; None for a kind of fixed worth.
    """

    kind: KindRules
    pause_s: float
    duration_s: float
    points: int | None


def play(
    rng: Random, person: Person, kinds: Sequence[KindRules], intervals: Iterator[float], tactics: Tactics = HONEST
) -> Iterator[Step]:
    """Play for ever with the timing ``intervals``.

    Where a kind needs longer than the interval at hand, the interval grows to that.

    Args:
        rng: Source of chance for everything but the timing.
        person: Whose skill, habits and reactions these are.
        kinds: At least one.
        intervals: Seconds from completion to completion.
        tactics: Honest when left out.
    """
    return iter(_Play(rng, person, kinds, intervals, tactics))


class _Play:
    def __init__(
        self, rng: Random, person: Person, kinds: Sequence[KindRules], intervals: Iterator[float], tactics: Tactics
    ) -> None:
        self._rng = rng
        self._person = person
        self._intervals = intervals
        self._tactics = tactics
        self._free = [kind for kind in kinds if not kind.cooldown_s] or list(kinds)
        self._cooling = [kind for kind in kinds if kind.cooldown_s]
        self._liking = [rng.gammavariate(1.2, 1.0) + 0.05 for _ in self._free]
        self._now = 0.0
        self._wanted_at = {kind.key: self._temptation() for kind in self._cooling}
        self._last = self._first_kind()
        self._form = 0.0
        self._late = 0.0

    def __iter__(self) -> Iterator[Step]:
        for interval in self._intervals:
            step = self._step(interval)
            self._now += step.pause_s + step.duration_s
            if step.kind.cooldown_s:
                self._wanted_at[step.kind.key] = self._now + step.kind.cooldown_s + self._temptation()
            yield step

    def _first_kind(self) -> KindRules:
        direct = [kind for kind in self._free if kind.direct]
        if self._tactics.favours_direct and direct:
            return direct[0]
        tasks = [kind for kind in self._free if not kind.direct]
        if self._tactics.claims_cap:
            tasks = [kind for kind in tasks if kind.points is None] or tasks
        return self._rng.choice(tasks or self._free)

    def _temptation(self) -> float:
        """How long after a cooldown's end somebody comes back, in seconds."""
        if self._tactics.snipes:
            return 0.01 + self._rng.expovariate(1 / 0.04)
        return self._rng.lognormvariate(math.log(10.0), 1.0)

    def _step(self, interval: float) -> Step:
        kind = self._choose(interval)
        if self._tactics.snipes and kind.cooldown_s:
            interval = self._wanted_at[kind.key] - self._now
        elif kind.direct and not self._tactics.one_kind and interval < _REST_S:
            interval *= _DIRECT_SHARE
        interval -= self._late
        duration = 0.0 if kind.direct else self._duration(kind, interval)
        pause = max(_SHORTEST_PAUSE_S, interval - duration)
        if self._tactics.keeps_time:
            self._late = pause + duration - interval
        return Step(kind, pause, duration, self._points(kind, duration))

    def _choose(self, interval: float) -> KindRules:
        horizon = self._now + (interval if self._tactics.snipes else 0.0)
        ready = [kind for kind in self._cooling if self._wanted_at[kind.key] <= horizon]
        if ready and not self._tactics.one_kind:
            return min(ready, key=lambda kind: self._wanted_at[kind.key])
        if not self._tactics.one_kind and self._rng.random() < self._person.aptness:
            self._last = self._free[self._apt(interval)]
        elif not self._tactics.one_kind and self._rng.random() >= self._person.habit:
            self._last = self._rng.choices(self._free, weights=self._liking)[0]
        return self._last

    def _apt(self, interval: float) -> int:
        """The place of the kind that such an interval is usual for: the free kinds from the quickest to the slowest."""
        pace = math.log(max(interval, _SHORTEST_PAUSE_S) / self._person.median_s)
        return min(max(int((0.5 + pace / _PACES) * len(self._free)), 0), len(self._free) - 1)

    def _duration(self, kind: KindRules, interval: float) -> float:
        """Time from begin to completion; a machine needs the least, a person a share of the interval and a reaction."""
        if self._tactics.finishes_at_once:
            return kind.min_duration_s + self._rng.uniform(0.02, 0.05)
        reaction = self._rng.lognormvariate(math.log(0.35), 0.5)
        share = self._rng.betavariate(3.0, 2.0)
        return max(kind.min_duration_s + reaction, min(share * interval, 0.9 * kind.max_duration_s))

    def _points(self, kind: KindRules, duration: float) -> int | None:
        if kind.points is not None:
            return None
        low, high = kind.min_points, kind.max_points
        if self._tactics.claims_cap:
            if self._rng.random() < self._tactics.overreach:
                return high + self._rng.randint(1, max(1, (high - low) // 2))
            return high - self._rng.randint(0, max(0, int((high - low) * self._tactics.claim_slack)))
        scatter = 0.05 + 0.25 * (1 - self._person.consistency)
        self._form = 0.8 * self._form + self._rng.gauss(0, scatter * 0.4)
        care = 0.06 * math.log(duration / max(kind.min_duration_s, 0.5)) if duration else 0.0
        reached = 0.1 + 0.7 * self._person.skill + self._form + min(care, 0.15) + self._rng.gauss(0, scatter)
        return round(low + (high - low) * min(max(reached, 0.0), 1.0))
