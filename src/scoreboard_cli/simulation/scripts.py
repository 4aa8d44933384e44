"""Cheat families whose timing a program makes up by itself: no person's rhythm is in it."""

import itertools
import math
from collections.abc import Iterator, Sequence
from random import Random

_SHORTEST_S = 0.02


def fixed_interval(rng: Random, *, period: float, slack: float = 0.004) -> Iterator[float]:
    """A loop with a constant sleep.

    Defining: the intervals differ by no more than ``slack`` seconds, the scheduling of the machine it runs on.
    """
    while True:
        yield period + rng.uniform(0, slack)


def uniform_jitter(rng: Random, *, low: float, high: float) -> Iterator[float]:
    """The textbook disguise ``sleep(random(low, high))``.

    Defining: a flat distribution with hard edges, without memory.
    """
    while True:
        yield rng.uniform(low, high)


def gaussian_jitter(rng: Random, *, period: float, deviation: float) -> Iterator[float]:
    """A bell around a mean: what somebody writes who thinks of people as a clock with noise.

    Defining: symmetric around ``period`` with a standard deviation of ``deviation`` seconds, without memory.
    """
    while True:
        yield max(_SHORTEST_S, rng.gauss(period, deviation))


def lognormal_jitter(rng: Random, *, median: float, spread: float) -> Iterator[float]:
    """The well-read disguise: the tail of a person's distribution, each value drawn for itself.

    Defining: the logarithm is normal with standard deviation ``spread``, without memory.
    """
    while True:
        yield max(_SHORTEST_S, rng.lognormvariate(math.log(median), spread))


def exponential_waits(rng: Random, *, mean: float) -> Iterator[float]:
    """A Poisson process: waits without any memory, not even of how long one has waited.

    Defining: standard deviation equal to the mean.
    """
    while True:
        yield _SHORTEST_S + rng.expovariate(1 / mean)


def erlang_waits(rng: Random, *, mean: float, steps: int) -> Iterator[float]:
    """A chain of ``steps`` small waits of pure chance: between a Poisson process and a clock.

    Defining: coefficient of variation ``1 / sqrt(steps)``, without memory.
    """
    while True:
        yield _SHORTEST_S + rng.gammavariate(steps, mean / steps)


def menu_of_delays(rng: Random, *, delays: Sequence[float], slack: float = 0.004) -> Iterator[float]:
    """``sleep(choice(...))``: a few delays that somebody wrote down, in random order.

    Defining: every interval is one of ``delays``, give or take a share ``slack`` of it.
    """
    while True:
        yield rng.choice(delays) * (1 + rng.uniform(0, slack))


def drifting_timer(rng: Random, *, period: float, swing: float = 0.3, cycle: int = 60) -> Iterator[float]:
    """A script that slows down and speeds up along a wave so that no fixed period shows.

    Defining: each interval is within 2 % of its neighbours while the whole spans ``1 ± swing`` times ``period``.
    """
    start = rng.random()
    for n in itertools.count():
        wave = math.sin(2 * math.pi * (start + n / cycle))
        yield period * (1 + swing * wave) * rng.uniform(0.995, 1.005)


def quantised_sleep(rng: Random, *, median: float, spread: float, tick: float) -> Iterator[float]:
    """Human-looking delays from a coarse timer or from delays written down as round numbers.

    Defining: every interval is a whole number of ``tick`` seconds, give or take a millisecond.
    """
    for wanted in lognormal_jitter(rng, median=median, spread=spread):
        yield max(1, round(wanted / tick)) * tick + rng.uniform(0, 0.001)


def cooldown_sniper(rng: Random, *, cooldown: float, reaction: float = 0.04) -> Iterator[float]:
    """Waits for the very moment a cooldown ends.

    Defining: no interval exceeds ``cooldown`` by more than a few times ``reaction`` seconds, and none is shorter.
    """
    while True:
        yield cooldown + rng.expovariate(1 / reaction)


def burst(rng: Random, *, size: int, quick: float, pause: float) -> Iterator[float]:
    """Empties a queue: many actions at machine speed, silence, and again.

    Defining: runs of ``size`` ± a third actions ``quick`` seconds apart, separated by about ``pause`` seconds.
    """
    while True:
        for _ in range(max(1, rng.randint(size - size // 3, size + size // 3) - 1)):
            yield max(_SHORTEST_S, quick * rng.uniform(0.9, 1.1))
        yield pause * rng.uniform(0.8, 1.2)


def low_and_slow(rng: Random, *, period: float, jitter: float = 0.2, session: int = 40, rest: float) -> Iterator[float]:
    """Stays below every limit: slow, with jitter and with breaks, but steady for as long as it runs.

    Defining: between two breaks the coefficient of variation stays near ``jitter``, far below any person's.
    """
    while True:
        for _ in range(session):
            yield max(period / 4, rng.gauss(period, jitter * period))
        yield rest * rng.uniform(0.7, 1.3)
