"""Pastimes: what people do with a scoreboard, and the rhythms that go with it, from several a second to a few a day.

Ranges are set by hand so that very different people are in them: training on narrow ones teaches a model that whoever
is not average cheats.
"""

import math
from collections.abc import Callable
from random import Random

from scoreboard_cli.simulation.rhythm import Pace, Rhythm


def clicking(rng: Random) -> Rhythm:
    """Buttons and lists: double clicks, a usual second or two, reading in between; a wheel that turns by itself."""
    usual = _around(rng, 2.0, 0.3)
    mood, memory = _mood(rng, 0.7)
    return Rhythm(
        (
            Pace(1.0, usual, rng.uniform(0.4, 0.8), rng.uniform(0, 0.4), rng.uniform(-0.2, 0.6)),
            _reflex(rng, rng.uniform(0.03, 0.3), 0.18),
            Pace(rng.uniform(0.05, 0.35), usual * rng.uniform(3, 7), rng.uniform(0.4, 0.9), rng.uniform(0, 0.3)),
            Pace(_rarely(rng, 0.04), usual * rng.uniform(30, 300), rng.uniform(0.5, 1.2)),
            Pace(
                _rarely(rng, 0.1), _around(rng, 0.03, 0.3), rng.uniform(0.1, 0.6), rng.uniform(0.5, 0.95), moody=False
            ),
        ),
        mood,
        memory,
        clock_s=rng.choice((0.0, 0.01, 0.015625, 0.015625)),
        smeared=False,
        sway=rng.uniform(0, 1.2),
        changing=rng.uniform(0, 1),
    )


def commanding(rng: Random) -> Rhythm:
    """Games played at full speed: volleys of commands, queued ones at the same instant, a glance between fights."""
    usual = _around(rng, 0.6, 0.6)
    mood, memory = _mood(rng, 0.5)
    return Rhythm(
        (
            Pace(1.0, usual, rng.uniform(0.45, 0.95), rng.uniform(0, 0.3), rng.uniform(-0.3, 0.6)),
            _reflex(rng, rng.uniform(0.05, 1.0), 0.2),
            Pace(rng.uniform(0.0, 0.25), 0.02, rng.uniform(0.3, 1.0), rng.uniform(0, 0.3), moody=False),
            Pace(rng.uniform(0.0, 0.2), usual * rng.uniform(2.5, 5), rng.uniform(0.3, 0.8), rng.uniform(0, 0.3)),
        ),
        mood,
        memory,
        drift=rng.choice((0.0, rng.uniform(-0.8, 0.3))),
        span=rng.randint(200, 1500),
        clock_s=rng.choice((0.0, 0.0625, 0.0625, 0.05)),
        sway=rng.uniform(0, 1.6),
        changing=rng.choice((0.0, rng.uniform(0, 1), 1.0)),
    )


def pondering(rng: Random) -> Rhythm:
    """Games of thought: an opening by heart, long thought, haste when time is short.

    Some clocks add a bonus to each move and show it alone for every move that is made at once.
    """
    usual = _around(rng, 60.0, 0.7)
    mood, memory = _mood(rng, 0.9)
    clock_s = rng.choice((0.0, 1.0, 1.0))
    return Rhythm(
        (
            Pace(1.0, usual, rng.uniform(0.7, 1.2), rng.uniform(0, 0.3), rng.uniform(-0.5, 0.4)),
            Pace(rng.uniform(0.0, 0.6), usual * rng.uniform(0.05, 0.3), rng.uniform(0.3, 0.9), rng.uniform(0, 0.7)),
            Pace(rng.uniform(0.0, 0.4), usual * rng.uniform(2.5, 6), rng.uniform(0.3, 0.7), rng.uniform(0, 0.3)),
        ),
        mood,
        memory,
        drift=rng.choice((rng.uniform(-0.5, 0.5), rng.uniform(-3.5, -0.7), rng.uniform(-3.5, -0.7))),
        span=rng.randint(35, 90),
        clock_s=clock_s,
        bonus_s=rng.choice((10.0, 30.0)),
        by_heart=rng.choice((0, 0, rng.randint(5, 35 if clock_s else 15))),  # a fine clock shows that no two are alike
        sway=rng.uniform(0, 2),
        changing=rng.choice((0.0, rng.uniform(0, 1))),
    )


def posting(rng: Random) -> Rhythm:
    """Conversations over days: minutes within a visit, hours between visits, nights."""
    usual = _around(rng, 500.0, 0.8)
    mood, memory = _mood(rng, 1.2)
    return Rhythm(
        (
            Pace(1.0, usual, rng.uniform(0.7, 1.4), rng.uniform(0, 0.3), rng.uniform(-0.4, 0.6)),
            Pace(rng.uniform(0.1, 0.8), usual * rng.uniform(4, 40), rng.uniform(0.6, 1.4), rng.uniform(0, 0.4)),
            Pace(rng.uniform(0.05, 1.0), _around(rng, 50_000.0, 0.5), rng.uniform(0.3, 1.0), rng.uniform(0, 0.3)),
            Pace(rng.uniform(0.0, 0.3), usual * rng.uniform(0.05, 0.2), rng.uniform(0.4, 0.9), rng.uniform(0, 0.4)),
        ),
        mood,
        memory,
        clock_s=rng.choice((0.0, 1.0)),
        sway=rng.uniform(0, 1.2),
        changing=rng.choice((0.0, rng.uniform(0, 1))),
    )


def anything(rng: Random) -> Rhythm:
    """Somebody of no known pastime: any tempo, any mixture."""
    usual = math.exp(rng.uniform(math.log(0.3), math.log(3000)))
    mood, memory = _mood(rng, 0.9)
    others = tuple(
        Pace(
            rng.uniform(0.0, 0.8),
            usual * math.exp(rng.gauss(0, 1.8)),
            rng.uniform(0.2, 1.1),
            rng.uniform(0, 0.8),
            rng.uniform(-0.5, 0.6),
        )
        for _ in range(rng.randint(1, 3))
    )
    first = Pace(1.0, usual, rng.uniform(0.5, 1.2), rng.uniform(0, 0.7), rng.uniform(-0.5, 0.6))
    drift, span = rng.uniform(-0.6, 0.6), rng.randint(40, 600)
    return Rhythm(
        (first, *others), mood, memory, drift=drift, span=span, sway=rng.uniform(0, 2), changing=rng.uniform(0, 1)
    )


PASTIMES: dict[str, Callable[[Random], Rhythm]] = {
    "clicking": clicking,
    "commanding": commanding,
    "pondering": pondering,
    "posting": posting,
    "anything": anything,
}


def _around(rng: Random, median: float, spread: float) -> float:
    return median * math.exp(rng.gauss(0, spread))


def _mood(rng: Random, most: float) -> tuple[float, float]:
    """Size and memory of the mood: minutes, a session, or a day long."""
    lasting = rng.choice((rng.uniform(0.5, 0.85), rng.uniform(0.85, 0.97), rng.uniform(0.97, 0.998)))
    return rng.uniform(0.05, 1.0) ** 1.2 * most, lasting


def _reflex(rng: Random, weight: float, median_s: float) -> Pace:
    """The second press of a double one."""
    median = _around(rng, median_s, 0.15)
    return Pace(weight, median, rng.uniform(0.08, 0.35), rng.uniform(0, 0.5), moody=False)


def _rarely(rng: Random, most: float) -> float:
    """A weight that is nothing for most people."""
    return rng.choice((0.0, 0.0, rng.uniform(0, most)))
