"""Every cheat family by name: its intervals with parameters drawn, and the tactics that go with them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from scoreboard_cli.simulation import imitations, scripts
from scoreboard_cli.simulation.person import Person
from scoreboard_cli.simulation.play import HONEST, KindRules, Step, Tactics, play


@dataclass(frozen=True, slots=True)
class Cheat:
    """One cheating account before it plays.

    Attributes:
        rng: Its own chance.
        shared: Chance it has in common with the other accounts of its ring.
        person: Whose pace and skill it works with.
        cooldown_s: The cooldown that is worth sniping.
    """

    rng: Random
    shared: Random
    person: Person
    cooldown_s: float = 60.0

    def pace(self, low: float = 0.4, high: float = 1.2) -> float:
        """A pace in seconds, drawn as a share of the person's."""
        return max(0.5, self.person.median_s * self.rng.uniform(low, high))


@dataclass(frozen=True, slots=True)
class Family:
    """A way to cheat.

    Attributes:
        name: Stable; reports and labels use it.
        intervals: Seconds from completion to completion, for ever.
        tactics: What it does beside the timing.
        together: Whether it takes several accounts.
    """

    name: str
    intervals: Callable[[Cheat], Iterator[float]]
    tactics: Tactics = HONEST
    together: bool = False

    def play(self, cheat: Cheat, kinds: Sequence[KindRules], tempo: float = 1.0) -> Iterator[Step]:
        """The steps of an account of this family; ``tempo`` 2 plays with half the intervals."""
        intervals = (interval / tempo for interval in self.intervals(cheat))
        return play(cheat.rng, cheat.person, kinds, intervals, self.tactics)


_SCRIPT = Tactics(one_kind=True, finishes_at_once=True)


def _gaussian(cheat: Cheat) -> Iterator[float]:
    period = cheat.pace()
    return scripts.gaussian_jitter(cheat.rng, period=period, deviation=period * cheat.rng.uniform(0.05, 0.3))


def _uniform(cheat: Cheat) -> Iterator[float]:
    period, width = cheat.pace(), cheat.rng.uniform(0.1, 0.8)
    return scripts.uniform_jitter(cheat.rng, low=period * (1 - width), high=period * (1 + width))


def _lognormal(cheat: Cheat) -> Iterator[float]:
    return scripts.lognormal_jitter(cheat.rng, median=cheat.pace(), spread=cheat.rng.uniform(0.3, 1.0))


def _quantised(cheat: Cheat) -> Iterator[float]:
    tick = cheat.rng.choice((0.05, 0.1, 0.25, 0.5))
    return scripts.quantised_sleep(cheat.rng, median=cheat.pace(), spread=cheat.rng.uniform(0.4, 1.0), tick=tick)


def _burst(cheat: Cheat) -> Iterator[float]:
    quick, pause = cheat.rng.uniform(0.03, 0.07), cheat.rng.uniform(10, 25)
    return scripts.burst(cheat.rng, size=cheat.rng.randint(25, 60), quick=quick, pause=pause)


def _low_and_slow(cheat: Cheat) -> Iterator[float]:
    jitter, rest = cheat.rng.uniform(0.1, 0.3), cheat.person.break_s
    return scripts.low_and_slow(cheat.rng, period=3 * cheat.pace(0.8), jitter=jitter, rest=rest)


_ALL = (
    Family("fixed_interval", lambda cheat: scripts.fixed_interval(cheat.rng, period=cheat.pace()), _SCRIPT),
    Family("uniform_jitter", _uniform, _SCRIPT),
    Family("gaussian_jitter", _gaussian, _SCRIPT),
    Family("lognormal_jitter", _lognormal, _SCRIPT),
    Family("exponential_waits", lambda cheat: scripts.exponential_waits(cheat.rng, mean=cheat.pace()), _SCRIPT),
    Family("drifting_timer", lambda cheat: scripts.drifting_timer(cheat.rng, period=cheat.pace()), _SCRIPT),
    Family("quantised_sleep", _quantised, _SCRIPT),
    Family(
        "cooldown_sniper",
        lambda cheat: scripts.cooldown_sniper(cheat.rng, cooldown=cheat.cooldown_s),
        Tactics(snipes=True, finishes_at_once=True),
    ),
    Family("burst", _burst, Tactics(one_kind=True, favours_direct=True, finishes_at_once=True)),
    Family("low_and_slow", _low_and_slow, Tactics(one_kind=True)),
    Family(
        "replay_loop",
        lambda cheat: imitations.replay_loop(cheat.rng, cheat.person, length=cheat.rng.randint(12, 60)),
        Tactics(one_kind=True),
    ),
    Family("shuffled_human", lambda cheat: imitations.shuffled_human(cheat.rng, cheat.person), Tactics(one_kind=True)),
    Family("grinder", lambda cheat: imitations.grinder(cheat.rng, cheat.person)),
    Family(
        "sync_ring",
        lambda cheat: imitations.sync_ring(cheat.shared, cheat.rng, cheat.person),
        Tactics(one_kind=True, finishes_at_once=True, keeps_time=True),
        together=True,
    ),
    Family(
        "score_inflation",
        lambda cheat: imitations.score_inflation(cheat.rng, cheat.person),
        Tactics(one_kind=True, claims_cap=True, overreach=0.1),
    ),
    Family(
        "instant_finisher",
        lambda cheat: imitations.instant_finisher(cheat.rng, cheat.person),
        Tactics(finishes_at_once=True),
    ),
    Family(
        "half_human_half_bot",
        lambda cheat: imitations.half_human_half_bot(
            cheat.rng, cheat.person, switch_after=cheat.rng.randint(40, 160), deviation=cheat.rng.uniform(0.03, 0.15)
        ),
    ),
    Family("rounded_human", lambda cheat: imitations.rounded_human(cheat.rng, cheat.person)),
)

FAMILIES = {family.name: family for family in _ALL}
