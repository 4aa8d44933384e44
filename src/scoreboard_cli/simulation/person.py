"""Who somebody is, as far as their timing and points show it."""

import math
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from scoreboard_cli.simulation.rhythm import Rhythm


class Tempo(StrEnum):
    """How quickly somebody plays. It differs between people by more than honest and cheating play differ."""

    BRISK = "brisk"
    STEADY = "steady"
    CALM = "calm"
    SLOW = "slow"


_MEDIANS = {Tempo.BRISK: 2.5, Tempo.STEADY: 5.0, Tempo.CALM: 10.0, Tempo.SLOW: 25.0}
_SHARES = {Tempo.BRISK: 0.3, Tempo.STEADY: 0.4, Tempo.CALM: 0.22, Tempo.SLOW: 0.08}


@dataclass(frozen=True, slots=True)
class Person:
    """One player's lasting traits.

    Attributes:
        tempo: The class of tempo that ``median_s`` was drawn from.
        median_s: Median interval between actions while playing, in seconds.
        spread: Standard deviation of the logarithm of the interval.
        mood: Share of that variance, 0..1, that comes from a slowly changing mood rather than from each single action.
        memory: How much of the mood is left one action later, 0..1.
        hurry: Probability that an action follows at once on the one before.
        distraction: Probability that something else comes between two actions.
        session: Mean number of actions before a break.
        break_s: Median length of a break in seconds.
        skill: 0..1; where reported points centre between the least and the most possible.
        consistency: 0..1; how little points scatter.
        habit: Probability to stay with the same kind of action.
        rhythm: Replaces everything about timing but ``median_s`` where the pastime is not a task a few seconds long.
        aptness: Probability that the kind of action is the one that takes such an interval: quick ones for quick kinds.
    """

    tempo: Tempo
    median_s: float
    spread: float
    mood: float
    memory: float
    hurry: float
    distraction: float
    session: float
    break_s: float
    skill: float
    consistency: float
    habit: float
    rhythm: Rhythm | None = None
    aptness: float = 0.0


def draw_person(rng: Random, *, tempo: Tempo | None = None, break_s: float = 600.0) -> Person:
    """Somebody from the population.

    The ranges are set by hand, not fitted. With breaks most people's intervals then have a spread of 1.1 to 1.7 in
    logarithms and a correlation of 0.05 to 0.3 with the one before, weaker but still there five actions later.

    Args:
        rng: Source of chance.
        tempo: Only people of this tempo.
        break_s: Median length of a break over all people, in seconds.
    """
    tempo = tempo or rng.choices(list(_SHARES), weights=list(_SHARES.values()))[0]
    return Person(
        tempo=tempo,
        median_s=_MEDIANS[tempo] * math.exp(rng.gauss(0, 0.2)),
        spread=rng.uniform(0.8, 1.5),
        mood=rng.uniform(0.2, 0.55),
        memory=rng.uniform(0.8, 0.97),
        hurry=rng.uniform(0.005, 0.05),
        distraction=rng.uniform(0.003, 0.02),
        session=math.exp(rng.gauss(math.log(60), 0.5)),
        break_s=break_s * math.exp(rng.gauss(0, 0.5)),
        skill=rng.betavariate(2.5, 2.5),
        consistency=rng.uniform(0.2, 0.8),
        habit=rng.uniform(0.4, 0.85),
    )
