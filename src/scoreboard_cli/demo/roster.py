"""Who plays in a demo: honest people, and a few cheats among the first who arrive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scoreboard_cli.demo.names import CHEAT_NAMES, cheat_name, honest_name
from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.families import FAMILIES, Cheat, Family
from scoreboard_cli.simulation.human import human_intervals
from scoreboard_cli.simulation.person import Person, Tempo, draw_person
from scoreboard_cli.simulation.play import KindRules, Step, play

_BREAK_S = 30.0  # short: a newcomer should not look at a sleeping board
_FIRST_CHEAT, _APART = 4, 3


@dataclass(frozen=True, slots=True)
class Contestant:
    """One simulated account.

    Attributes:
        name: The username it asks for; the key under which the demo remembers it.
        person: Traits.
        family: How it cheats; None for an honest player.
        seed: Start of its chance.
        ring_seed: Start of the chance it shares with its family.
    """

    name: str
    person: Person
    family: Family | None
    seed: str
    ring_seed: str

    def steps(self, kinds: Sequence[KindRules], rate: float) -> Iterator[Step]:
        """What it does, for ever; with ``rate`` 2 in half the time, as far as the kinds' durations allow."""
        rng = chance(self.seed)
        if self.family is None:
            return play(rng, self.person, kinds, (each / rate for each in human_intervals(rng, self.person)))
        cooldown = next((kind.cooldown_s for kind in kinds if kind.cooldown_s), 60.0)
        return self.family.play(Cheat(rng, chance(self.ring_seed), self.person, cooldown), kinds, rate)


def draw_roster(players: int, cheats: int, seed: int) -> list[Contestant]:
    """Everybody in the order of their arrival. Names depend on the numbers only, the rest on ``seed`` too."""
    roster = [_honest(number, seed) for number in range(players)]
    for number, cheat in enumerate(_cheats(cheats, seed)):
        roster.insert(_FIRST_CHEAT + number * _APART, cheat)
    return roster


def _honest(number: int, seed: int) -> Contestant:
    own = f"{seed}/player/{number}"
    person = draw_person(chance(own, "person"), break_s=_BREAK_S)
    return Contestant(honest_name(number), person, None, own, own)


def _cheats(count: int, seed: int) -> Iterator[Contestant]:
    order = [*CHEAT_NAMES, *(name for name in FAMILIES if name not in CHEAT_NAMES)]
    for number in range(count):
        lap, place = divmod(number, len(order))
        family = FAMILIES[order[place]]
        own, ring = f"{seed}/cheat/{family.name}/{lap}", f"{seed}/cheat/{family.name}"
        source = ring if family.together else own
        person = draw_person(chance(source, "person"), tempo=Tempo.STEADY, break_s=_BREAK_S)
        yield Contestant(cheat_name(family.name, lap), person, family, own, ring)
