"""Hard rules, the change point and synchrony: what they find, and that they leave people alone."""

import numpy as np
import pytest

from scoreboard_anticheat_ml.detectors import changepoint, rules
from scoreboard_anticheat_ml.detectors.synchrony import HARD_Z, find
from scoreboard_anticheat_ml.features import extract
from scoreboard_anticheat_ml.sequences import F64, I64, Columns, Sequences
from scoreboard_anticheat_ml.windows import cut
from scoreboard_cli.simulation.population import HUMAN, population
from tests.unit.test_anticheat_features import people, random, windows

ROWS, W = 40, 200


def broken(dt: F64, **columns: F64) -> set[str]:
    """Rules that every one of the windows breaks; fails when only some do."""
    found = [{rule.name for rule in rules.broken(int(bits))} for bits in rules.check(windows(dt, **columns))]
    assert all(each == found[0] for each in found)
    return found[0]


def test_people_break_no_rule() -> None:
    ages = random().lognormal(0, 0.5, (ROWS, W)).astype(np.float32)
    shares = random().beta(3, 3, (ROWS, W)).astype(np.float32)
    assert broken(people(), age=ages, share=shares) == set()


def test_simulated_people_of_all_pastimes_break_no_rule_and_never_act_together() -> None:
    played = list(population(5, humans=80, cheats_per_family=0, events=300))
    assert {each.family for each in played} == {HUMAN}
    columns = [Columns(*each.columns[:5], [*map(bool, each.columns.ok)], each.columns.cooldown) for each in played]
    known = Sequences.gather([each.player for each in played], columns)
    assert not any(rules.check(batch).any() for batch in cut(known))
    owner = np.repeat(np.arange(len(known)), known.lengths())
    assert find(known.t, owner, len(known)).z.max() < HARD_Z


def test_clockwork_breaks_a_rule_from_the_first_window_on() -> None:
    assert broken(2 + random().normal(0, 0.004, (ROWS, 19))) == {"metronome"}
    assert broken(2 + random().normal(0, 0.1, (ROWS, 19))) == set()


def test_a_sniper_breaks_a_rule_and_somebody_who_comes_back_later_does_not() -> None:
    cooldown = np.full((ROWS, 20), 30, np.float32)
    assert broken(30 + random().uniform(0, 6, (ROWS, 19)), cooldown=cooldown) == set()
    assert "sniper" in broken(30 + random().exponential(0.03, (ROWS, 19)), cooldown=cooldown)


def test_finishing_after_the_same_time_every_time_breaks_a_rule_even_if_some_times_are_unknown() -> None:
    ages = random().uniform(2.0, 2.05, (ROWS, W)).astype(np.float32)
    ages[:, ::3] = np.nan
    assert broken(people(), age=ages) == {"instant"}
    ages[:, :] = np.nan
    assert broken(people(), age=ages) == set()


def test_claiming_more_than_there_is_breaks_a_rule() -> None:
    share = np.full((ROWS, W), 0.9, np.float32)
    share[:, [3, 70]] = 1.2
    assert broken(people(), share=share) == {"overreach"}


def test_two_days_and_nights_without_rest_break_a_rule() -> None:
    given = windows(people())
    given.awake[:] = 49 * 3600
    assert {rule.name for bits in rules.check(given) for rule in rules.broken(int(bits))} == {"sleepless"}


def test_a_program_that_takes_over_is_a_change_point() -> None:
    half = people().copy()
    half[:, 100:] = random().normal(5, 0.1, (ROWS, 99))
    assert changepoint.found(extract(windows(half))).mean() > 0.8
    assert not changepoint.found(extract(windows(people()))).any()


def ring(size: int, spread: float, alone: int = 30, seed: int = 0) -> tuple[F64, I64]:
    """A ring of accounts, the first ``size``, among others who play at the same time."""
    moments = [np.cumsum(row) for row in people(alone + 1)]
    rng = random(seed)
    played = [moments[0] + rng.normal(0, spread, len(moments[0])) for _ in range(size)] + moments[1:]
    t = np.concatenate(played)
    return t, np.repeat(np.arange(len(played)), [len(each) for each in played])


@pytest.mark.parametrize("spread", [0.05, 0.15, 0.5])
def test_a_ring_is_found_and_those_who_play_beside_it_are_not(spread: float) -> None:
    t, player = ring(4, spread)
    found = find(t, player, player.max() + 1)
    assert found.z[:4].min() > HARD_Z > found.z[4:].max()
    assert set(found.partner[:4]) <= {0, 1, 2, 3}
    assert found.matches[:4].min() > 60


def test_the_order_of_events_does_not_matter() -> None:
    t, player = ring(3, 0.1)
    mixed = random().permutation(len(t))
    assert find(t[mixed], player[mixed], player.max() + 1).z == pytest.approx(find(t, player, player.max() + 1).z)


def test_people_who_play_in_the_same_hour_do_not_act_together() -> None:
    rng = random()
    hours = [np.sort(rng.choice(4, 1) * 7200 + rng.uniform(0, 1800, 150)) for _ in range(60)]
    owner = np.repeat(np.arange(60), 150)
    assert find(np.concatenate(hours), owner, 60).z.max() < HARD_Z


def test_one_recording_under_several_names_is_no_ring() -> None:
    t, player = ring(3, 0.0)
    assert find(t, player, player.max() + 1).z.max() < HARD_Z


def test_copies_of_one_recording_by_a_coarse_clock_are_no_ring() -> None:
    moments = np.cumsum(people()[0])
    t = np.concatenate([moments + random(seed).uniform(0, 1 / 16, len(moments)) for seed in range(3)])
    assert find(t, np.repeat(np.arange(3), len(moments)), 3).z.max() < HARD_Z


def test_two_accounts_alone_are_no_ring() -> None:
    t, player = ring(2, 0.1)
    assert find(t, player, player.max() + 1).z.max() < HARD_Z


def test_clocks_of_one_period_are_no_ring() -> None:
    t = np.concatenate([30.0 * np.arange(1, 60) + random(seed).uniform(0, 1, 59) for seed in range(4)])
    assert find(t, np.repeat(np.arange(4), 59), 4).z.max() == 0


def test_players_without_events_are_nobodys_partners() -> None:
    found = find(np.zeros(0), np.zeros(0, np.int64), 3)
    assert found.z.tolist() == [0, 0, 0]
    assert found.partner.tolist() == [-1, -1, -1]


def test_the_rings_of_the_simulator_are_found() -> None:
    played = [each for each in population(8, humans=20, cheats_per_family=4, events=200) if each.family == "sync_ring"]
    assert len(played) == 4
    t = np.concatenate([np.asarray(each.columns.t) for each in played])
    owner = np.repeat(np.arange(4), [len(each.columns.t) for each in played])
    assert find(t, owner, 4).z.min() > HARD_Z
