"""The intervals of honest people: heavy-tailed, bursty, correlated, with breaks."""

import math
from collections.abc import Iterator
from random import Random

from scoreboard_cli.simulation.person import Person
from scoreboard_cli.simulation.rhythm import rhythm_intervals

_SHORTEST_S = 0.12  # nobody acts twice on purpose in less
_BREAK_SPREAD = 0.8
_DAY_S = (14 * 3600.0, 20 * 3600.0)
_NIGHT_S = (5 * 3600.0, 9 * 3600.0)
_LONGEST_PAUSE = 20.0  # of the median interval; what is longer is a break


def human_intervals(rng: Random, person: Person) -> Iterator[float]:
    """An honest person: sessions of correlated play, breaks between them, and a night's sleep after each day."""
    awake, day = 0.0, _day(rng)
    for interval in _wakeful_intervals(rng, person):
        awake = 0.0 if interval >= _NIGHT_S[0] else awake + interval
        if awake <= day:
            yield interval
        else:
            yield interval + rng.uniform(*_NIGHT_S)
            awake, day = 0.0, _day(rng)


def _day(rng: Random) -> float:
    """How long somebody can stay awake, in seconds."""
    return rng.uniform(*_DAY_S)


def _wakeful_intervals(rng: Random, person: Person) -> Iterator[float]:
    if person.rhythm:
        yield from rhythm_intervals(rng, person.rhythm)
    for session in sessions(rng, person):
        yield from session
        yield rest(rng, person)


def sessions(rng: Random, person: Person) -> Iterator[Iterator[float]]:
    """The intervals of each session; after each the person rests. Take every session to its end."""
    playing = restless_intervals(rng, person)
    while True:
        length = max(3, round(rng.expovariate(1 / person.session)))
        yield (next(playing) for _ in range(length))


def rest(rng: Random, person: Person) -> float:
    """The length of one break in seconds."""
    return person.break_s * math.exp(rng.gauss(0, _BREAK_SPREAD))


def restless_intervals(rng: Random, person: Person) -> Iterator[float]:
    """A person who never takes a break.

    The logarithm of an interval is the sum of a mood that changes slowly (it makes bursts and lulls, and the
    correlation over several actions) and of what is particular to this action. Now and then one follows at once on
    the other, or a distraction comes between: the tails.
    """
    if person.rhythm:
        yield from rhythm_intervals(rng, person.rhythm.without_breaks(_LONGEST_PAUSE * person.median_s))
    mood_spread = person.spread * math.sqrt(person.mood)
    own_spread = person.spread * math.sqrt(1 - person.mood)
    step = mood_spread * math.sqrt(1 - person.memory**2)
    middle = math.log(person.median_s)
    mood = rng.gauss(0, mood_spread)
    while True:
        mood = person.memory * mood + rng.gauss(0, step)
        chance = rng.random()
        if chance < person.hurry:
            yield _SHORTEST_S + rng.expovariate(1 / 0.15)
        elif chance > 1 - person.distraction:
            yield person.median_s * (4 + rng.paretovariate(1.5))
        else:
            yield max(_SHORTEST_S, math.exp(middle + mood + rng.gauss(0, own_spread)))
