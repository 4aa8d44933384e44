"""A whole platform's players, honest and cheating, as the arrays that training reads."""

import itertools
import math
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from scoreboard_cli.simulation import scripts
from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.families import FAMILIES, Cheat, Family
from scoreboard_cli.simulation.human import human_intervals
from scoreboard_cli.simulation.pastimes import PASTIMES
from scoreboard_cli.simulation.person import Person, draw_person
from scoreboard_cli.simulation.play import KindRules, Step, Tactics, play

HUMAN = "human"
RING = 4  # accounts that one operator moves together
_TASKS = "tasks"
_SHARES = {_TASKS: 0.2, "clicking": 0.15, "commanding": 0.25, "pondering": 0.12, "posting": 0.18, "anything": 0.1}
_ONE_KIND = 0.4
_CARELESS = 0.5  # borrows a person's timing but not what they do in it
_BEGAN = 1_750_000_000.0
_SPREAD_S = 7 * 86400.0
_TASKS_FROM_S = 1.5  # who is quicker does things in one call; there is no time to begin and to complete
_KINDS = ("press-0", "press-1", "press-2", "press-3", "match", "task", "daily")
_NEEDS_TASKS = ("instant_finisher", "score_inflation", "cooldown_sniper")


class Columns(NamedTuple):
    """One player's events, one array each; as the anti-cheat model's input has them."""

    t: "array[float]"
    age: "array[float]"
    kind: "array[int]"
    points: "array[float]"
    points_max: "array[float]"
    ok: "array[int]"
    cooldown: "array[float]"


@dataclass(frozen=True, slots=True)
class Recording:
    """What one simulated player did.

    Attributes:
        player: Their name.
        family: ``HUMAN`` or the family of cheats.
        cheats_from: The first event that is not a person's; 0 for most cheats, and for people.
        columns: The events.
    """

    player: str
    family: str
    cheats_from: int
    columns: Columns


def population(
    seed: int,
    *,
    humans: int,
    cheats_per_family: int,
    events: int = 600,
    progress: Callable[[str, float], None] = lambda _doing, _share: None,
) -> Iterator[Recording]:
    """Everybody of one platform; the same seed gives the same people.

    Args:
        seed: Of everything.
        humans: Honest players.
        cheats_per_family: Cheating players of each family; rings come in fours.
        events: How many events an honest player has at most; cheats are cut at 400.
        progress: Told what is being done, and what share of it is done.
    """
    for number in range(humans):
        if number % 100 == 0:
            progress("people play", number / humans)
        yield _honest(seed, number, events)
    for place, family in enumerate(FAMILIES.values()):
        progress("cheats play", place / len(FAMILIES))
        for number in range(cheats_per_family):
            yield _cheating(seed, number, family, min(events, 400))


def _honest(seed: int, number: int, events: int) -> Recording:
    rng = chance(seed, "human", number)
    person, pastime = _somebody(rng)
    count = rng.randint(30, 120) if pastime == "pondering" and rng.random() < 0.7 else rng.randint(events // 3, events)
    kinds = _menu(rng, person, tasks=rng.random() < 0.35)
    steps = play(rng, person, kinds, human_intervals(rng, person))
    return Recording(f"human-{number}", HUMAN, 0, _columns(rng, itertools.islice(steps, count), rng.random() < 0.7))


def _cheating(seed: int, number: int, family: Family, events: int) -> Recording:
    own = chance(seed, family.name, number)
    ring = number // RING if family.together else number
    person, _ = _somebody(chance(seed, family.name, "person", ring))
    needs = family.name in _NEEDS_TASKS
    if needs and person.median_s < _TASKS_FROM_S:
        person = draw_person(own)
    if family.name in vars(scripts) or own.random() < _CARELESS:
        person = replace(person, aptness=0.0)
    offered = chance(seed, family.name, "menu", ring) if family.together else own
    kinds = _menu(offered, person, tasks=needs or offered.random() < 0.35)
    cooldown = next((kind.cooldown_s for kind in kinds if kind.cooldown_s), 60.0)
    switch = own.choice((10, 25, 50, 100, 150)) if family.name == "half_human_half_bot" else None
    if not family.together:  # one operator, one way to cheat
        family = replace(family, tactics=_varied(own, family.tactics))
    cheat = Cheat(own, chance(seed, family.name, "ring", ring), person, cooldown, switch)
    steps = itertools.islice(family.play(cheat, kinds), events)
    columns = _columns(own, steps, own.random() < 0.7, _together(seed, ring) if family.together else None)
    return Recording(f"{family.name}-{number}", family.name, switch or 0, columns)


def _varied(rng: Random, tactics: Tactics) -> Tactics:
    """The same cheating by somebody else: a script may do one kind or all, and claim the most or nearly the most."""
    return replace(
        tactics,
        one_kind=tactics.one_kind and (tactics.claims_cap or rng.random() < _ONE_KIND),
        claim_slack=rng.choice((0.0, 0.02, 0.05, 0.15)),
        overreach=tactics.overreach * rng.choice((0.0, 0.0, 1.0)),
    )


def _together(seed: int, ring: int) -> float:
    return _BEGAN + chance(seed, "ring", ring).uniform(0, _SPREAD_S)


def _somebody(rng: Random) -> tuple[Person, str]:
    """A person with a rhythm of their own, and its pastime."""
    pastime = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
    person = draw_person(rng, break_s=rng.choice((60.0, 600.0, 7200.0)))
    if pastime == _TASKS:
        return person, pastime
    rhythm = PASTIMES[pastime](rng)
    aptness = rng.choice((0.0, rng.uniform(0.1, 0.7), rng.uniform(0.1, 0.7)))
    return replace(person, rhythm=rhythm, median_s=rhythm.paces[0].median_s, aptness=aptness), pastime


def _menu(rng: Random, person: Person, *, tasks: bool) -> list[KindRules]:
    """What can be done where this person plays."""
    if not tasks or person.median_s < _TASKS_FROM_S:
        return [KindRules(f"press-{n}", points=1, direct=True) for n in range(rng.choice((1, 1, 2, 3, 4)))]
    shortest = person.median_s * rng.uniform(0.02, 0.1)
    claimed = KindRules("match", min_points=0, max_points=100, min_duration_s=shortest, max_duration_s=1e6)
    fixed = KindRules("task", points=10, min_duration_s=shortest, max_duration_s=1e6)
    cooldown = person.median_s * rng.uniform(3, 12)
    daily = KindRules("daily", points=50, cooldown_s=cooldown, min_duration_s=shortest, max_duration_s=1e6)
    return [claimed, fixed, daily]


def _columns(rng: Random, steps: Iterator[Step], always_ok: bool, began: float | None = None) -> Columns:
    fails = 0.0 if always_ok else rng.uniform(0.0, 0.3)
    now = _BEGAN + rng.uniform(0, _SPREAD_S) if began is None else began
    columns = Columns(array("d"), array("f"), array("h"), array("f"), array("f"), array("b"), array("f"))
    for step in steps:
        now += step.pause_s + step.duration_s
        most = float(step.kind.points or step.kind.max_points)
        columns.t.append(now)
        columns.age.append(math.nan if step.kind.direct else step.duration_s)
        columns.kind.append(_KINDS.index(step.kind.key))
        columns.points.append(most if step.points is None else float(step.points))
        columns.points_max.append(most)
        columns.ok.append(rng.random() >= fails)
        columns.cooldown.append(step.kind.cooldown_s)
    return columns
