"""The intervals of people far from a task a few seconds long: clicks, commands, moves, posts.

An interval is drawn from one of a few paces (a reflex, the usual one, a pause, a night), and people stay with a pace
for a while. A mood that changes slowly shifts them all.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Pace:
    """One way of going on.

    Attributes:
        weight: How often it is chosen, among the others.
        median_s: Median interval in seconds.
        spread: Standard deviation of its logarithm.
        stay: Probability to go on like this next time.
        lean: Share of the spread that is one-sided: above 0 a longer upper tail, below 0 a longer lower one.
        moody: Whether the mood shifts it; a reflex knows no mood.
    """

    weight: float
    median_s: float
    spread: float
    stay: float = 0.0
    lean: float = 0.0
    moody: bool = True


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How somebody paces themselves.

    Attributes:
        paces: At least one; those from the second on may come as breaks.
        mood: Standard deviation of the slow mood, in logarithms.
        memory: How much of the mood is left one interval later, 0..1.
        drift: How much quicker (below 0) or slower they become over ``span`` intervals, in logarithms.
        span: After so many intervals the drift begins anew: the next game, the next day.
        clock_s: Step of the clock that dates them; 0 for none.
        smeared: Whether the dates carry uniform noise of one step of that clock, as if it were fine.
        bonus_s: What a clock shows for an answer within it: the first ``by_heart`` intervals are all of this length.
        by_heart: How many those are.
        sway: How much the mood decides between quicker and slower paces: phases of activity and of rest.
        changing: Probability that a new pace is another one than the last: people alternate.
    """

    paces: tuple[Pace, ...]
    mood: float
    memory: float
    drift: float = 0.0
    span: int = 100
    clock_s: float = 0.0
    smeared: bool = True
    bonus_s: float = 0.0
    by_heart: int = 0
    sway: float = 0.0
    changing: float = 0.0

    def without_breaks(self, longest_s: float) -> "Rhythm":
        """The same person if they never paused for longer than about ``longest_s``."""
        kept = tuple(pace for pace in self.paces if pace.median_s <= longest_s)
        return replace(self, paces=kept or self.paces[:1])


def rhythm_intervals(rng: Random, rhythm: Rhythm) -> Iterator[float]:
    """Intervals in seconds for ever."""
    slowness = [max(-1.0, min(1.0, math.log(pace.median_s / rhythm.paces[0].median_s) / 2)) for pace in rhythm.paces]
    step = math.sqrt(1 - rhythm.memory**2)
    mood = rng.gauss(0, 1)
    pace = rng.choices(rhythm.paces, [pace.weight for pace in rhythm.paces])[0]
    noise = 0.0
    place = 0
    for _ in range(rhythm.by_heart):
        before, noise = noise, rhythm.clock_s * rng.random() * rhythm.smeared
        yield rhythm.bonus_s + noise - before
    while True:
        mood = rhythm.memory * mood + step * rng.gauss(0, 1)
        if rng.random() >= pace.stay:
            sway = rhythm.sway * mood
            weights = [each.weight * math.exp(sway * slow) for each, slow in zip(rhythm.paces, slowness, strict=True)]
            pace = _next_pace(rng, rhythm, weights, pace)
        away = pace.spread * _leaning(rng, pace.lean)
        if pace.moody:
            away += rhythm.mood * mood + rhythm.drift * (place / rhythm.span - 0.5)
        interval = pace.median_s * math.exp(away)
        place = (place + 1) % rhythm.span
        if rhythm.clock_s:
            before, noise = noise, rhythm.clock_s * rng.random() * rhythm.smeared
            interval = round(interval / rhythm.clock_s) * rhythm.clock_s + noise - before
        yield max(interval, 0.0)


def _next_pace(rng: Random, rhythm: Rhythm, weights: list[float], last: Pace) -> Pace:
    chosen = rng.choices(rhythm.paces, weights)[0]
    if chosen is last and rng.random() < rhythm.changing:
        return rng.choices(rhythm.paces, weights)[0]
    return chosen


def _leaning(rng: Random, lean: float) -> float:
    """A value of mean about 0 and deviation 1; ``lean`` of it exponential."""
    if not lean:
        return rng.gauss(0, 1)
    tail = (rng.expovariate(1.0) - 1) * math.copysign(1, lean)
    return abs(lean) * tail + math.sqrt(1 - lean * lean) * rng.gauss(0, 1)
