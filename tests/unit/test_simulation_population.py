"""Pastimes and whole platforms: that they are as varied as said, and that a seed repeats them."""

import itertools
import math
import statistics
from dataclasses import replace

import pytest

from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.families import FAMILIES
from scoreboard_cli.simulation.human import human_intervals, restless_intervals
from scoreboard_cli.simulation.pastimes import PASTIMES
from scoreboard_cli.simulation.person import Person, draw_person
from scoreboard_cli.simulation.play import KindRules, play
from scoreboard_cli.simulation.population import HUMAN, RING, Recording, population
from scoreboard_cli.simulation.rhythm import Pace, Rhythm, rhythm_intervals
from tests.unit.test_simulation_people import logs, memory


def played(rhythm: Rhythm, seed: object = 1, count: int = 1000) -> list[float]:
    return list(itertools.islice(rhythm_intervals(chance(seed), rhythm), count))


@pytest.mark.parametrize(
    ("pastime", "quickest", "slowest"),
    [("clicking", 0.5, 6), ("commanding", 0.05, 4), ("pondering", 5, 500), ("posting", 40, 50_000)],
)
def test_every_pastime_has_its_tempo_and_a_persons_spread(pastime: str, quickest: float, slowest: float) -> None:
    for seed in range(25):
        intervals = played(PASTIMES[pastime](chance(pastime, seed)), (pastime, seed))
        assert quickest < statistics.median(intervals) < slowest
        assert statistics.pstdev(logs(interval + 0.01 for interval in intervals)) > 0.5
        assert min(intervals) >= 0


@pytest.mark.parametrize("pastime", PASTIMES)
def test_people_of_one_pastime_differ(pastime: str) -> None:
    medians = [statistics.median(played(PASTIMES[pastime](chance(pastime, seed)), seed)) for seed in range(10)]
    assert max(medians) / min(medians) > 1.5


def test_a_slow_mood_makes_intervals_alike_and_a_rhythm_without_one_forgets() -> None:
    pace = Pace(1.0, 2.0, 0.5)
    assert memory(logs(played(Rhythm((pace,), mood=0.8, memory=0.95), count=4000)), 1) > 0.5
    assert abs(memory(logs(played(Rhythm((pace,), mood=0.0, memory=0.95), count=4000)), 1)) < 0.06


def test_sway_makes_phases_of_quick_and_slow_paces() -> None:
    paces = (Pace(1.0, 1.0, 0.2, moody=False), Pace(1.0, 20.0, 0.2, moody=False))
    swayed, steady = (
        memory(logs(played(Rhythm(paces, mood=0.0, memory=0.95, sway=sway), count=4000)), 2) for sway in (3.0, 0.0)
    )
    assert swayed > 0.2 > steady


def test_who_changes_pace_all_the_time_alternates() -> None:
    paces = (Pace(1.0, 1.0, 0.2), Pace(1.0, 20.0, 0.2))
    assert memory(logs(played(Rhythm(paces, mood=0.0, memory=0.9, changing=1.0), count=4000)), 1) < -0.2


def test_a_coarse_clock_shows_unless_it_is_smeared() -> None:
    pace = Pace(1.0, 20.0, 0.5)
    whole = played(Rhythm((pace,), mood=0, memory=0.9, clock_s=1.0, smeared=False))
    assert all(interval == round(interval) for interval in whole)
    smeared = played(Rhythm((pace,), mood=0, memory=0.9, clock_s=1.0))
    assert sum(abs(interval - round(interval)) < 0.1 for interval in smeared) < 400


def test_without_breaks_nothing_is_longer_than_a_pause() -> None:
    person = next(each for each in map(_poster, range(50)) if each.rhythm and len(each.rhythm.paces) > 2)
    longest = [max(itertools.islice(kind(chance(1), person), 2000)) for kind in (human_intervals, restless_intervals)]
    assert longest[0] > longest[1]


def _poster(seed: int) -> Person:

    rhythm = PASTIMES["posting"](chance("poster", seed))
    return replace(draw_person(chance(seed)), rhythm=rhythm, median_s=rhythm.paces[0].median_s)


def test_apt_people_use_quick_kinds_for_quick_intervals() -> None:

    kinds = [KindRules(f"press-{n}", points=1, direct=True) for n in range(3)]
    person = replace(draw_person(chance(1)), aptness=0.8)
    steps = list(itertools.islice(play(chance(2), person, kinds, human_intervals(chance(3), person)), 2000))
    pauses = [[math.log(step.pause_s) for step in steps if step.kind is kind] for kind in kinds]
    means = [statistics.fmean(each) for each in pauses]
    assert means[0] < means[1] < means[2]


def platform(seed: int = 1) -> list[Recording]:
    return list(population(seed, humans=30, cheats_per_family=4, events=150))


def test_a_platform_has_everybody_and_a_seed_repeats_it() -> None:
    everybody = platform()
    assert sum(each.family == HUMAN for each in everybody) == 30
    assert {each.family for each in everybody} == {HUMAN, *FAMILIES}
    assert len({each.player for each in everybody}) == len(everybody) == 30 + 4 * len(FAMILIES)
    assert [each.columns.t for each in everybody] == [each.columns.t for each in platform()]
    assert everybody[0].columns.t != platform(2)[0].columns.t


def test_every_recording_is_whole_and_in_order() -> None:
    for each in platform():
        columns = each.columns
        assert len({len(column) for column in columns}) == 1
        assert all(later >= earlier for earlier, later in itertools.pairwise(columns.t))
        assert all(most > 0 for most in columns.points_max)
        assert all(math.isnan(age) or age > 0 for age in columns.age)
        assert len(columns.t) >= 30


def test_only_who_cheats_later_has_an_honest_beginning() -> None:
    later = {each.family for each in platform() if each.cheats_from}
    assert later == {"half_human_half_bot"}


def test_people_claim_less_than_the_most_and_inflaters_nearly_all_of_it() -> None:
    def claimed(recording: Recording) -> list[float]:
        columns = recording.columns
        return [points / most for points, most in zip(columns.points, columns.points_max, strict=True) if most == 100]

    everybody = platform()
    honest = [statistics.fmean(claimed(each)) for each in everybody if each.family == HUMAN and claimed(each)]
    inflated = [statistics.fmean(claimed(each)) for each in everybody if each.family == "score_inflation"]
    assert max(honest) < 0.95 <= min(inflated) + 0.05


def test_a_ring_begins_together() -> None:
    rings = [each for each in platform() if each.family == "sync_ring"]
    assert len(rings) == RING
    starts = [each.columns.t[0] for each in rings]
    assert max(starts) - min(starts) < 5
