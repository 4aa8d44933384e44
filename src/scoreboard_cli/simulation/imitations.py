"""Cheat families that borrow a person's timing, or are a person whose cheating lies elsewhere."""

import itertools
import math
from collections.abc import Iterator
from random import Random

from scoreboard_cli.simulation.human import human_intervals, restless_intervals
from scoreboard_cli.simulation.person import Person

_SHORTEST_S = 0.05


def replay_loop(rng: Random, person: Person, *, length: int, noise: float = 0.01) -> Iterator[float]:
    """Records a person once and plays the recording again and again.

    Defining: the sequence repeats after ``length`` intervals, to within ``noise`` (a share of each interval).
    """
    recording = list(itertools.islice(restless_intervals(rng, person), length))
    for interval in itertools.cycle(recording):
        yield max(_SHORTEST_S, interval * (1 + rng.gauss(0, noise)))


def shuffled_human(rng: Random, person: Person, *, block: int = 200) -> Iterator[float]:
    """Draws a person's recorded intervals in random order.

    Defining: within ``block`` intervals the distribution is a person's exactly, the memory is gone.
    """
    person_plays = restless_intervals(rng, person)
    while True:
        recording = list(itertools.islice(person_plays, block))
        rng.shuffle(recording)
        yield from recording


def grinder(rng: Random, person: Person) -> Iterator[float]:
    """A person's rhythm round the clock: several people, or a good model, on one account.

    Defining: never a break; the longest interval of a day is a distraction.
    """
    return restless_intervals(rng, person)


def sync_ring(shared: Random, rng: Random, person: Person, *, spread: float = 0.15) -> Iterator[float]:
    """One of several accounts that a single operator moves together.

    Defining: all accounts whose ``shared`` starts alike act within a few times ``spread`` seconds of each other, for
    ever; each alone looks like a person.

    Args:
        shared: Chance common to the ring; give every account its own generator from the same seed.
        rng: Chance of this account.
        person: Whose rhythm the operator has; the same for the whole ring.
        spread: Standard deviation in seconds around the common moment.
    """
    behind = 0.0
    for interval in restless_intervals(shared, person):
        own = abs(rng.gauss(0, spread))
        following = max(_SHORTEST_S, interval + own - behind)
        behind += following - interval
        yield following


def score_inflation(rng: Random, person: Person) -> Iterator[float]:
    """A person at the keyboard whose client reports the points it likes.

    Defining: honest timing in everything; only the points, see ``families``, give it away.
    """
    return human_intervals(rng, person)


def instant_finisher(rng: Random, person: Person) -> Iterator[float]:
    """A person begins each action, a script finishes it as early as the rules allow.

    Defining: honest intervals; the time from begin to completion, see ``families``, has a machine's spread.
    """
    return human_intervals(rng, person)


def half_human_half_bot(rng: Random, person: Person, *, switch_after: int, deviation: float = 0.05) -> Iterator[float]:
    """A person plays themselves in, then a script takes over at their own pace.

    Defining: a change point after ``switch_after`` intervals; from there the coefficient of variation is ``deviation``.
    """
    yield from itertools.islice(restless_intervals(rng, person), switch_after)
    pace = person.median_s
    while True:
        yield max(_SHORTEST_S, rng.gauss(pace, deviation * pace))


def rounded_human(rng: Random, person: Person, *, clip: float = 0.8) -> Iterator[float]:
    """A person's recording with everything improbable taken out, so that nothing stands out.

    Defining: a person's memory, but no interval further than a factor of ``exp(clip)`` from the median.
    """
    low, high = person.median_s * math.exp(-clip), person.median_s * math.exp(clip)
    for interval in restless_intervals(rng, person):
        yield min(max(interval, low), high) * rng.uniform(0.98, 1.02)
