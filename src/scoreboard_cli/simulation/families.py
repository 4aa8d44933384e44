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
        switch_after: After so many actions a program takes over, where one does; drawn when left out.
    """

    rng: Random
    shared: Random
    person: Person
    cooldown_s: float = 60.0
    switch_after: int | None = None

    def pace(self, low: float = 0.4, high: float = 1.2) -> float:
        """A pace in seconds, drawn as a share of the person's."""
        return max(min(0.5, self.person.median_s), self.person.median_s * self.rng.uniform(low, high))


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


_TICKS_S = (0.05, 0.1, 0.25, 0.5, 1, 5, 10, 30, 60, 300)
_SCRIPT = Tactics(one_kind=True, finishes_at_once=True)


def _gaussian(cheat: Cheat) -> Iterator[float]:
    period = cheat.pace()
    return scripts.gaussian_jitter(cheat.rng, period=period, deviation=period * cheat.rng.uniform(0.03, 0.4))


def _uniform(cheat: Cheat) -> Iterator[float]:
    period, width = cheat.pace(), cheat.rng.uniform(0.1, 0.95)
    return scripts.uniform_jitter(cheat.rng, low=period * (1 - width), high=period * (1 + width))


def _lognormal(cheat: Cheat) -> Iterator[float]:
    return scripts.lognormal_jitter(cheat.rng, median=cheat.pace(), spread=cheat.rng.uniform(0.25, 1.2))


def _quantised(cheat: Cheat) -> Iterator[float]:
    median = cheat.pace()
    tick = cheat.rng.choice([tick for tick in _TICKS_S if median / 60 <= tick <= median / 2] or [median / 10])
    return scripts.quantised_sleep(cheat.rng, median=median, spread=cheat.rng.uniform(0.3, 1.0), tick=tick)


def _burst(cheat: Cheat) -> Iterator[float]:
    quick = min(cheat.rng.uniform(0.03, 0.07), cheat.person.median_s / 4)
    pause = cheat.person.median_s * cheat.rng.uniform(2, 20)
    return scripts.burst(cheat.rng, size=cheat.rng.randint(8, 60), quick=quick, pause=pause)


def _low_and_slow(cheat: Cheat) -> Iterator[float]:
    jitter, rest = cheat.rng.uniform(0.1, 0.3), cheat.person.break_s
    return scripts.low_and_slow(
        cheat.rng, period=3 * cheat.pace(0.8), jitter=jitter, session=cheat.rng.randint(30, 200), rest=rest
    )


def _drifting(cheat: Cheat) -> Iterator[float]:
    swing, cycle = cheat.rng.uniform(0.15, 0.6), cheat.rng.randint(20, 150)
    return scripts.drifting_timer(cheat.rng, period=cheat.pace(), swing=swing, cycle=cycle)


def _erlang(cheat: Cheat) -> Iterator[float]:
    return scripts.erlang_waits(cheat.rng, mean=cheat.pace(), steps=cheat.rng.randint(2, 6))


def _menu(cheat: Cheat) -> Iterator[float]:
    median = cheat.pace()
    delays = [median * cheat.rng.lognormvariate(0, 0.5) for _ in range(cheat.rng.randint(2, 6))]
    return scripts.menu_of_delays(cheat.rng, delays=delays, slack=cheat.rng.uniform(0.002, 0.03))


def _replay(cheat: Cheat) -> Iterator[float]:
    length, noise = cheat.rng.randint(8, 80), cheat.rng.choice((0.002, 0.01, 0.03))
    return imitations.replay_loop(cheat.rng, cheat.person, length=length, noise=noise)


def _half(cheat: Cheat) -> Iterator[float]:
    switch = cheat.rng.randint(40, 160) if cheat.switch_after is None else cheat.switch_after
    deviation = cheat.rng.uniform(0.02, 0.3)
    return imitations.half_human_half_bot(cheat.rng, cheat.person, switch_after=switch, deviation=deviation)


_ALL = (
    Family("fixed_interval", lambda cheat: scripts.fixed_interval(cheat.rng, period=cheat.pace()), _SCRIPT),
    Family("uniform_jitter", _uniform, _SCRIPT),
    Family("gaussian_jitter", _gaussian, _SCRIPT),
    Family("lognormal_jitter", _lognormal, _SCRIPT),
    Family("exponential_waits", lambda cheat: scripts.exponential_waits(cheat.rng, mean=cheat.pace()), _SCRIPT),
    Family("drifting_timer", _drifting, _SCRIPT),
    Family("erlang_waits", _erlang, _SCRIPT),
    Family("menu_of_delays", _menu, _SCRIPT),
    Family("quantised_sleep", _quantised, _SCRIPT),
    Family(
        "cooldown_sniper",
        lambda cheat: scripts.cooldown_sniper(cheat.rng, cooldown=cheat.cooldown_s),
        Tactics(snipes=True, finishes_at_once=True),
    ),
    Family("burst", _burst, Tactics(one_kind=True, favours_direct=True, finishes_at_once=True)),
    Family("low_and_slow", _low_and_slow, Tactics(one_kind=True)),
    Family("replay_loop", _replay, Tactics(one_kind=True)),
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
    Family("half_human_half_bot", _half),
    Family("rounded_human", lambda cheat: imitations.rounded_human(cheat.rng, cheat.person)),
)

FAMILIES = {family.name: family for family in _ALL}
