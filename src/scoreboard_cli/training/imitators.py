"""Cheats that imitate a given person: each has that person's tempo, and those that borrow timing have the person's own.

Their families are the simulator's (``simulation.families``), without the one that only shows in ages, which recordings
of intervals do not have.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from scoreboard_anticheat_ml.sequences import F64

_SHORTEST_S = 0.02
_TICKS_S = np.array([0.05, 0.1, 0.25, 0.5, 1.0])
_RING_S = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The person that is imitated.

    Attributes:
        dt: The person's intervals in seconds, in their order.
        events: How many intervals are wanted.
        takes_over: After how many of them a program goes on, where the person begins.
    """

    dt: F64
    events: int
    takes_over: int = 0

    @property
    def pace(self) -> float:
        """The median interval, in seconds."""
        return float(max(np.median(self.dt), 0.05))

    @property
    def spread(self) -> float:
        """Standard deviation of the logarithm."""
        return float(np.clip(np.std(np.log(np.maximum(self.dt, 1e-3))), 0.2, 2.0))

    def own(self) -> F64:
        """The person's intervals, from the beginning again where there are not enough."""
        return np.resize(self.dt, self.events)


def _fixed(rng: Generator, of: Model) -> F64:
    return of.pace + rng.uniform(0, 0.004, of.events)


def _uniform(rng: Generator, of: Model) -> F64:
    width = rng.uniform(0.1, 0.8)
    return of.pace * rng.uniform(1 - width, 1 + width, of.events)


def _gaussian(rng: Generator, of: Model) -> F64:
    return rng.normal(of.pace, of.pace * rng.uniform(0.05, 0.3), of.events)


def _lognormal(rng: Generator, of: Model) -> F64:
    return of.pace * np.exp(rng.normal(0, of.spread, of.events))


def _exponential(rng: Generator, of: Model) -> F64:
    return rng.exponential(of.pace / np.log(2), of.events)


def _drifting(rng: Generator, of: Model) -> F64:
    wave = np.sin(2 * np.pi * (rng.random() + np.arange(of.events) / 60))
    drift: F64 = of.pace * (1 + 0.3 * wave) * rng.uniform(0.995, 1.005, of.events)
    return drift


def _quantised(rng: Generator, of: Model) -> F64:
    tick = float(rng.choice(_TICKS_S[: max(1, int(np.searchsorted(_TICKS_S, of.pace / 2)))]))
    return np.maximum(1, np.round(_lognormal(rng, of) / tick)) * tick + rng.uniform(0, 0.001, of.events)


def _sniper(rng: Generator, of: Model) -> F64:
    return cooldown_of(of) + rng.exponential(0.04, of.events)


def cooldown_of(of: Model) -> float:
    """The cooldown in seconds that the sniper of this person waits for."""
    return max(1.0, of.pace)


def _burst(rng: Generator, of: Model) -> F64:
    quick = of.pace * rng.uniform(0.02, 0.1) * rng.uniform(0.9, 1.1, of.events)
    size = int(rng.integers(10, 40))
    pauses = np.arange(of.events) % size == size - 1
    found: F64 = np.where(pauses, of.pace * size * rng.uniform(0.8, 1.2, of.events), quick)
    return found


def _low_and_slow(rng: Generator, of: Model) -> F64:
    period = 3 * of.pace
    rests = np.arange(of.events) % 40 == 39
    steady = np.maximum(period / 4, rng.normal(period, period * rng.uniform(0.1, 0.3), of.events))
    found: F64 = np.where(rests, period * rng.uniform(20, 40, of.events), steady)
    return found


def _replay(rng: Generator, of: Model) -> F64:
    recording = np.resize(of.dt, int(rng.integers(12, 61)))
    return np.resize(recording, of.events) * (1 + rng.normal(0, 0.01, of.events))


def _shuffled(rng: Generator, of: Model) -> F64:
    own = of.own()
    blocks = [rng.permutation(own[first : first + 200]) for first in range(0, of.events, 200)]
    return np.concatenate(blocks)


def _grinder(rng: Generator, of: Model) -> F64:
    own = of.own()
    rest = own > 20 * of.pace
    found: F64 = np.where(rest, rng.choice(own[~rest], of.events), own)
    return found


def _half(rng: Generator, of: Model) -> F64:
    deviation = rng.uniform(0.03, 0.15)
    bot = rng.normal(of.pace, deviation * of.pace, of.events)
    found: F64 = np.where(np.arange(of.events) < of.takes_over, of.own(), bot)
    return found


def _rounded(rng: Generator, of: Model) -> F64:
    low, high = of.pace * np.exp(-0.8), of.pace * np.exp(0.8)
    return np.clip(of.own(), low, high) * rng.uniform(0.98, 1.02, of.events)


def _ring(rng: Generator, of: Model) -> F64:
    """One account of a ring: give every account of it the same person."""
    moments = np.cumsum(of.own()) + np.abs(rng.normal(0, min(_RING_S, 0.1 * of.pace), of.events))
    return np.diff(np.sort(moments), prepend=0.0)


def _human(_: Generator, of: Model) -> F64:
    return of.own()


IMITATORS: dict[str, Callable[[Generator, Model], F64]] = {
    "fixed_interval": _fixed,
    "uniform_jitter": _uniform,
    "gaussian_jitter": _gaussian,
    "lognormal_jitter": _lognormal,
    "exponential_waits": _exponential,
    "drifting_timer": _drifting,
    "quantised_sleep": _quantised,
    "cooldown_sniper": _sniper,
    "burst": _burst,
    "low_and_slow": _low_and_slow,
    "replay_loop": _replay,
    "shuffled_human": _shuffled,
    "grinder": _grinder,
    "sync_ring": _ring,
    "score_inflation": _human,
    "half_human_half_bot": _half,
    "rounded_human": _rounded,
}


def imitate(family: str, rng: Generator, of: Model) -> F64:
    """(events,) intervals in seconds of a cheat of this family, none shorter than what a network lets through."""
    found: F64 = np.maximum(IMITATORS[family](rng, of), 0.0 if family in _BORROWED else _SHORTEST_S)
    return found


_BORROWED = {"replay_loop", "shuffled_human", "grinder", "sync_ring", "score_inflation", "rounded_human"}
