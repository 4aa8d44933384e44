"""What makes honest people's timing human, and that a seed repeats it."""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence

import pytest

from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.human import human_intervals, restless_intervals
from scoreboard_cli.simulation.person import Tempo, draw_person
from scoreboard_cli.simulation.play import HONEST, KindRules, Step, Tactics, play

QUIZ = KindRules("quiz", points=10, min_duration_s=1)
MATCH = KindRules("match", min_points=0, max_points=100, min_duration_s=2)
DAILY = KindRules("daily", points=50, cooldown_s=60)
TAP = KindRules("tap", points=1, direct=True)
KINDS = (QUIZ, MATCH, DAILY, TAP)


def logs(intervals: Iterable[float]) -> list[float]:
    return [math.log(interval) for interval in intervals]


def memory(values: Sequence[float], lag: int) -> float:
    middle = statistics.fmean(values)
    apart = [value - middle for value in values]
    together = statistics.fmean(a * b for a, b in zip(apart, apart[lag:], strict=False))
    return together / statistics.fmean(a * a for a in apart)


def steps_of(seed: int, count: int, tactics: Tactics = HONEST, kinds: Sequence[KindRules] = KINDS) -> list[Step]:
    rng = chance(seed)
    person = draw_person(rng)
    return list(itertools.islice(play(rng, person, kinds, human_intervals(rng, person), tactics), count))


def test_the_same_path_gives_the_same_chance_and_another_path_another() -> None:
    assert chance(7, "player", 1).random() == chance(7, "player", 1).random()
    assert chance(7, "player", 1).random() != chance(7, "player", 11).random()


def test_a_seed_repeats_a_whole_game() -> None:
    assert steps_of(3, 200) == steps_of(3, 200)
    assert steps_of(3, 200) != steps_of(4, 200)


@pytest.mark.parametrize("tempo", list(Tempo))
def test_people_play_around_their_own_tempo(tempo: Tempo) -> None:
    for seed in range(10):
        person = draw_person(chance(seed), tempo=tempo)
        played = list(itertools.islice(restless_intervals(chance(seed, "play"), person), 3000))
        assert statistics.median(played) == pytest.approx(person.median_s, rel=0.5)
        assert min(played) > 0.1


def test_people_are_heavy_tailed_bursty_and_remember_for_several_actions() -> None:
    spreads, skewed, memories = [], 0, []
    for seed in range(40):
        rng = chance(seed)
        played = list(itertools.islice(restless_intervals(rng, draw_person(rng)), 2000))
        spreads.append(statistics.pstdev(logs(played)))
        skewed += statistics.fmean(played) > 1.2 * statistics.median(played)
        memories.append([memory(logs(played), lag) for lag in (1, 2, 5)])
    assert min(spreads) > 0.7
    assert max(spreads) < 2.0
    assert skewed == len(spreads)
    for lag in range(3):
        assert statistics.fmean(found[lag] for found in memories) > 0.1


def test_people_take_breaks() -> None:
    person = draw_person(chance(1), tempo=Tempo.BRISK, break_s=3600)
    played = list(itertools.islice(human_intervals(chance(2), person), 1000))
    breaks = [interval for interval in played if interval > 600]
    assert 3 <= len(breaks) <= 100


def test_no_step_is_shorter_than_its_kind_allows() -> None:
    for tactics in (HONEST, Tactics(finishes_at_once=True), Tactics(snipes=True)):
        for step in steps_of(5, 500, tactics):
            assert step.pause_s > 0
            assert (step.duration_s == 0) == step.kind.direct
            assert step.kind.min_duration_s <= step.duration_s <= step.kind.max_duration_s


def test_a_cooldown_is_respected_by_honest_people_and_snipers_alike() -> None:
    for tactics in (HONEST, Tactics(snipes=True, finishes_at_once=True)):
        moments, now = [], 0.0
        for step in steps_of(6, 1000, tactics):
            now += step.pause_s + step.duration_s
            if step.kind is DAILY:
                moments.append(now)
        waits = [later - earlier for earlier, later in itertools.pairwise(moments)]
        assert len(waits) > 10
        assert min(waits) >= DAILY.cooldown_s
        late = statistics.median(waits) - DAILY.cooldown_s
        assert late < 1 if tactics.snipes else late > 3


def test_points_follow_skill_and_stay_within_the_bounds() -> None:
    averages = []
    for seed in range(30):
        rng = chance(seed)
        person = draw_person(rng)
        played = itertools.islice(play(rng, person, [MATCH], human_intervals(rng, person)), 300)
        points = [step.points for step in played if step.points is not None]
        assert len(points) == 300
        assert all(0 <= each <= 100 for each in points)
        assert len(set(points)) > 10
        averages.append((person.skill, statistics.fmean(points)))
    assert statistics.correlation(*zip(*averages, strict=True)) > 0.9


def test_fixed_points_are_not_reported() -> None:
    assert all((step.points is None) == (step.kind.points is not None) for step in steps_of(8, 300))


def test_people_do_everything_there_is() -> None:
    kinds = {step.kind.key for seed in range(5) for step in steps_of(seed, 400)}
    assert kinds == {"quiz", "match", "daily", "tap"}
