"""Each cheat family shows what defines it."""

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterator

import pytest

from scoreboard_cli.simulation import imitations, scripts
from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.families import FAMILIES, Cheat
from scoreboard_cli.simulation.human import restless_intervals
from scoreboard_cli.simulation.person import Person, Tempo, draw_person
from tests.unit.test_simulation_people import KINDS, MATCH, QUIZ, logs, memory

ADA = draw_person(chance("ada"), tempo=Tempo.STEADY)


def take(intervals: Iterator[float], count: int = 1000) -> list[float]:
    return list(itertools.islice(intervals, count))


def variation(values: list[float]) -> float:
    return statistics.pstdev(values) / statistics.fmean(values)


def test_fixed_interval_never_varies_by_more_than_the_slack() -> None:
    played = take(scripts.fixed_interval(chance(1), period=2.0, slack=0.004))
    assert max(played) - min(played) <= 0.004


def test_uniform_jitter_is_flat_with_hard_edges_and_forgets() -> None:
    played = take(scripts.uniform_jitter(chance(1), low=1, high=3), 4000)
    assert 1 <= min(played) < 1.01
    assert 2.99 < max(played) <= 3
    quarters = Counter(int((interval - 1) * 2) for interval in played)
    assert all(count == pytest.approx(1000, rel=0.12) for count in quarters.values())
    assert abs(memory(played, 1)) < 0.06


def test_gaussian_jitter_is_symmetric_and_forgets() -> None:
    played = take(scripts.gaussian_jitter(chance(1), period=3, deviation=0.3), 4000)
    assert statistics.pstdev(played) == pytest.approx(0.3, rel=0.05)
    assert statistics.fmean(played) == pytest.approx(statistics.median(played), rel=0.01)
    assert abs(memory(played, 1)) < 0.06


def test_lognormal_jitter_has_the_tail_but_no_memory() -> None:
    played = take(scripts.lognormal_jitter(chance(1), median=3, spread=1.0), 4000)
    assert statistics.pstdev(logs(played)) == pytest.approx(1.0, rel=0.05)
    assert statistics.fmean(played) > 1.4 * statistics.median(played)
    assert all(abs(memory(logs(played), lag)) < 0.06 for lag in (1, 2, 5))


def test_exponential_waits_vary_as_much_as_their_mean() -> None:
    assert variation(take(scripts.exponential_waits(chance(1), mean=4), 5000)) == pytest.approx(1, rel=0.06)


def test_drifting_timer_is_smooth_but_spans_its_swing() -> None:
    played = take(scripts.drifting_timer(chance(1), period=4, swing=0.3, cycle=120))
    assert all(abs(math.log(b / a)) < 0.04 for a, b in itertools.pairwise(played))
    assert max(played) / min(played) > 1.7


def test_quantised_sleep_sits_on_its_grid() -> None:
    played = take(scripts.quantised_sleep(chance(1), median=3, spread=0.8, tick=0.25))
    assert all(interval % 0.25 <= 0.0011 for interval in played)
    assert len({round(interval / 0.25) for interval in played}) > 10


def test_cooldown_sniper_is_never_early_and_hardly_late() -> None:
    late = [interval - 60 for interval in take(scripts.cooldown_sniper(chance(1), cooldown=60, reaction=0.04))]
    assert min(late) >= 0
    assert statistics.quantiles(late, n=20)[-1] < 0.2


def test_burst_alternates_machine_speed_and_silence() -> None:
    played = take(scripts.burst(chance(1), size=30, quick=0.1, pause=20))
    runs = [len(list(run)) + 1 for quick, run in itertools.groupby(played, lambda each: each < 1) if quick]
    assert all(20 <= size <= 40 for size in runs[:-1])
    assert all(interval < 0.12 or 16 <= interval <= 24 for interval in played)


def test_low_and_slow_is_steady_between_its_breaks() -> None:
    played = take(scripts.low_and_slow(chance(1), period=20, jitter=0.2, session=50, rest=1800))
    assert variation([interval for interval in played if interval < 100]) == pytest.approx(0.2, rel=0.15)
    assert sum(interval > 1000 for interval in played) == 1000 // 51


def test_replay_loop_repeats_itself() -> None:
    played = take(imitations.replay_loop(chance(1), ADA, length=40, noise=0.01), 400)
    assert all(abs(math.log(a / b)) < 0.1 for a, b in zip(played, played[40:], strict=False))
    assert memory(logs(played), 40) > 0.8
    assert abs(memory(logs(played), 17)) < 0.6


def test_shuffled_human_has_a_persons_values_without_their_memory() -> None:
    shuffled = take(imitations.shuffled_human(chance(1), ADA, block=2000), 2000)
    original = take(restless_intervals(chance(1), ADA), 2000)
    assert sorted(shuffled) == sorted(original)
    assert abs(memory(logs(shuffled), 1)) < 0.06 < memory(logs(original), 1)


def test_grinder_never_takes_a_break() -> None:
    day = take(imitations.grinder(chance(1), ADA), 10_000)
    assert sum(day) > 12 * 3600
    assert max(day) < 3600


def test_sync_ring_acts_together_for_ever_and_alone_looks_like_a_person() -> None:
    ring = [take(imitations.sync_ring(chance("ring"), chance(n), ADA, spread=0.15), 2000) for n in range(4)]
    moments = [list(itertools.accumulate(member)) for member in ring]
    apart = sorted(max(together) - min(together) for together in zip(*moments, strict=True))
    assert apart[len(apart) * 99 // 100] < 1.0
    assert apart[-1] < 3.0
    assert all(memory(logs(member), 1) > 0.05 for member in ring)
    assert ring[0] != ring[1]


def test_half_human_half_bot_changes_at_one_point() -> None:
    played = take(imitations.half_human_half_bot(chance(1), ADA, switch_after=100, deviation=0.05), 300)
    assert played[:100] == take(restless_intervals(chance(1), ADA), 100)
    assert variation(played[:100]) > 0.6
    assert variation(played[100:]) == pytest.approx(0.05, rel=0.2)


def test_rounded_human_keeps_the_memory_and_loses_the_tails() -> None:
    played = take(imitations.rounded_human(chance(1), ADA, clip=0.8), 3000)
    assert all(abs(math.log(interval / ADA.median_s)) < 0.83 for interval in played)
    assert memory(logs(played), 1) > 0.1


def cheat(seed: object, person: Person = ADA) -> Cheat:
    return Cheat(chance(seed), chance("ring"), person)


def test_score_inflation_has_honest_timing_and_claims_the_cap_or_more() -> None:
    played = list(itertools.islice(FAMILIES["score_inflation"].play(cheat(1), KINDS), 500))
    assert {step.kind for step in played} == {MATCH}
    claimed = [step.points for step in played if step.points is not None]
    assert min(claimed) >= 98
    assert 0.04 < sum(points > 100 for points in claimed) / len(claimed) < 0.18
    assert variation([step.duration_s for step in played]) > 0.3


def test_instant_finisher_completes_as_early_as_allowed() -> None:
    played = list(itertools.islice(FAMILIES["instant_finisher"].play(cheat(1), [QUIZ]), 300))
    assert all(0.02 <= step.duration_s - QUIZ.min_duration_s <= 0.05 for step in played)
    assert variation([step.pause_s for step in played]) > 0.6


def test_a_ring_stays_together_through_the_durations_of_its_actions() -> None:
    members = [FAMILIES["sync_ring"].play(Cheat(chance(n), chance("ring"), ADA), [MATCH]) for n in range(3)]
    played = [list(itertools.islice(member, 1000)) for member in members]
    ends = [list(itertools.accumulate(step.pause_s + step.duration_s for step in member)) for member in played]
    apart = sorted(max(together) - min(together) for together in zip(*ends, strict=True))
    assert apart[len(apart) * 95 // 100] < 1.5


def test_there_are_at_least_fourteen_families_each_described() -> None:
    assert len(FAMILIES) >= 14
    for module in (scripts, imitations):
        for name in set(FAMILIES) & set(vars(module)):
            assert "Defining:" in vars(module)[name].__doc__
    assert set(FAMILIES) <= set(vars(scripts)) | set(vars(imitations))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_plays_and_a_seed_repeats_it(name: str) -> None:
    played = list(itertools.islice(FAMILIES[name].play(cheat(2), KINDS), 300))
    assert played == list(itertools.islice(FAMILIES[name].play(cheat(2), KINDS), 300))
    assert all(step.pause_s > 0 and step.duration_s >= step.kind.min_duration_s for step in played)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_tempo_divides_the_intervals(name: str) -> None:
    free = [type(QUIZ)("free", points=1, direct=True)]
    slow, quick = (
        sum(step.pause_s for step in itertools.islice(FAMILIES[name].play(cheat(3), free, tempo), 200))
        for tempo in (1.0, 4.0)
    )
    assert slow / quick == pytest.approx(4, rel=0.1)
