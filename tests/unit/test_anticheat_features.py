"""What the features measure, that they do not depend on tempo or batch, and that the unknown stays unknown."""

import itertools
import math
import statistics
from functools import cache

import numpy as np
import pytest

from scoreboard_anticheat_ml.features import FEATURES, NAMES, conduct, extract, first, loops, memory, phases, spread
from scoreboard_anticheat_ml.features.intervals import Intervals
from scoreboard_anticheat_ml.sequences import F64
from scoreboard_anticheat_ml.windows import Windows
from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.human import restless_intervals
from scoreboard_cli.simulation.person import draw_person

W = 200


def windows(dt: F64, **columns: F64) -> Windows:
    """Windows whose intervals are ``dt`` (n, W-1)."""
    t = np.cumsum(np.column_stack([np.full(len(dt), 1000.0), dt]), axis=1)
    blank = {
        "age": np.full(t.shape, np.nan, np.float32),
        "share": np.full(t.shape, np.nan, np.float32),
        "kind": np.zeros(t.shape, np.int16),
        "ok": np.ones(t.shape, bool),
        "cooldown": np.zeros(t.shape, np.float32),
    }
    rows = len(dt)
    given = blank | columns
    return Windows(
        player=np.arange(rows), end=np.full(rows, t.shape[1]), t=t, awake=np.zeros(rows, np.float32), **given
    )


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def people(count: int = 40, length: int = W) -> F64:
    rows = []
    for seed in range(count):
        rng = chance("features", seed)
        rows.append(list(itertools.islice(restless_intervals(rng, draw_person(rng)), length - 1)))
    return np.array(rows)


def measured(dt: F64, name: str, **columns: F64) -> F64:
    return extract(windows(dt, **columns))[:, NAMES.index(name)].astype(float)


def test_every_feature_has_its_own_name_and_words() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(FEATURES)
    assert len({feature.words for feature in FEATURES}) == len(FEATURES)
    assert all(feature.words and feature.low and feature.high for feature in FEATURES)


@pytest.mark.parametrize("length", [20, 50, 100, 200])
def test_all_timing_features_are_known_for_every_length(length: int) -> None:
    found = extract(windows(people(length=length)))
    timing = found[:, : len(NAMES) - len(conduct.FEATURES)]
    too_short = {"mood_10"} if length <= 20 else set()
    assert {NAMES[n] for n in np.flatnonzero(~np.isfinite(timing).all(axis=0))} == too_short
    assert first.measure(windows(people(length=length))).shape[1] == first.COLUMNS


def test_what_is_not_known_beside_the_timing_is_nan() -> None:
    found = extract(windows(people()))
    assert np.isnan(found[:, len(NAMES) - len(conduct.FEATURES) :]).all()


def test_nothing_but_round_numbers_depends_on_the_tempo() -> None:
    slow, quick = extract(windows(people() * 50)), extract(windows(people() * 10))
    for place, name in enumerate(NAMES[: len(NAMES) - len(conduct.FEATURES)]):
        if name not in ("round_numbers", "round_share"):
            assert slow[:, place] == pytest.approx(quick[:, place], rel=0.05, abs=0.03), name


def test_a_window_is_measured_the_same_alone_and_among_others() -> None:
    kinds = random().integers(0, 30, (40, W)).astype(np.int16)
    ages = random().lognormal(0, 1, (40, W)).astype(np.float32)
    together = windows(people(), kind=kinds, age=ages)
    whole = extract(together)
    for row in (0, 7, 39):
        assert np.array_equal(extract(together.take(slice(row, row + 1)))[0], whole[row], equal_nan=True)


@pytest.mark.parametrize(
    "dt",
    [np.zeros((1, W - 1)), np.full((1, W - 1), 2.0), np.full((1, W - 1), 1e7), np.eye(1, W - 1) * 1e6],
    ids=["at once", "clockwork", "rarely", "one pause"],
)
def test_the_extremes_give_finite_numbers(dt: F64) -> None:
    assert np.isfinite(extract(windows(dt))[:, : len(NAMES) - len(conduct.FEATURES)]).all()


def test_burstiness_is_kim_and_jos() -> None:
    values = random().exponential(1.0, (1, 50)).astype(np.float32)
    r = statistics.pstdev(values[0].tolist()) / statistics.fmean(values[0].tolist())
    a, b = math.sqrt(51), math.sqrt(49)
    assert spread.burstiness(values)[0] == pytest.approx((a * r - b) / ((a - 2) * r + b), rel=1e-4)


def test_pattern_entropy_is_1_for_chance_and_0_for_a_slope() -> None:
    assert memory.pattern_entropy(random().normal(size=(1, 20_000)).astype(np.float32))[0] == pytest.approx(1, abs=1e-3)
    assert memory.pattern_entropy(np.arange(100, dtype=np.float32)[None])[0] == pytest.approx(0, abs=1e-6)


def test_the_expected_step_is_the_mean_over_all_pairs() -> None:
    values = np.sort(random().normal(size=30)).astype(np.float32)
    pairs = [abs(a - b) for a, b in itertools.combinations(values.tolist(), 2)]
    assert memory.expected_step(values[None])[0] == pytest.approx(statistics.fmean(pairs), rel=1e-4)


def test_clockwork_chance_and_people_differ_where_they_should() -> None:
    clockwork = 2 + random().uniform(0, 0.01, (40, W - 1))
    lot = random().lognormal(1, 1, (40, W - 1))
    assert measured(clockwork, "log_sd").max() < 0.01 < 0.5 < measured(people(), "log_sd").min()
    assert np.median(measured(people(), "steadiness")) < 0.95 < np.median(measured(lot, "steadiness"))
    assert np.median(measured(people(), "foretold")) > 0.15 > np.median(measured(lot, "foretold"))
    assert np.median(measured(lot, "off_lognormal")) < np.median(measured(lot, "off_exponential"))
    waits = random().exponential(3, (40, W - 1))
    assert np.median(measured(waits, "off_exponential")) < np.median(measured(lot, "off_exponential"))
    flat = random().uniform(1, 3, (40, W - 1))
    assert np.median(measured(flat, "off_uniform")) < np.median(measured(lot, "off_uniform"))


def test_a_recording_played_again_is_a_loop() -> None:
    recording = np.tile(people()[:, :45], (1, 5))[:, : W - 1] * random().normal(1, 0.01, (40, W - 1))
    assert measured(recording, "loop").max() < 0.5 < measured(people(), "loop").min()
    assert np.median(measured(recording, "loop_share")) > 0.5 > measured(people(), "loop_share").max()


def test_a_coarse_timer_shows_and_a_persons_hand_does_not() -> None:
    ticks = np.maximum(1, np.round(random().lognormal(2, 0.7, (40, W - 1)) / 0.5)) * 0.5
    assert measured(ticks, "round_share").min() > 0.8
    assert measured(people(), "round_share").max() < 0.2


def test_the_sharpest_change_is_found_where_a_program_takes_over() -> None:
    half = people().copy()
    half[:, 100:] = random().normal(5, 0.1, (40, 99))
    assert np.median(measured(half, "break_point")) > 5 * np.median(measured(people(), "break_point"))
    assert measured(half, "calmest_side").max() < 0.1
    strength, calmer, side = phases.split(np.log(half).astype(np.float32))
    assert strength.shape == calmer.shape == side.shape == (40,)


def test_conditional_entropy_falls_with_order() -> None:
    lot = Intervals.between(windows(random().lognormal(1, 1, (40, W - 1))).t)
    wave = Intervals.between(windows(3 + np.sin(np.arange(W - 1) / 5)[None].repeat(40, axis=0)).t)
    assert np.median(loops.conditional_entropy(wave)) < 0.6 < np.median(loops.conditional_entropy(lot))


def test_conduct_is_measured_where_it_is_known() -> None:
    dt = people()
    ages = np.full((40, W), 0.4, np.float32) + random().uniform(0, 0.02, (40, W)).astype(np.float32)
    assert measured(dt, "age_spread", age=ages).max() < 0.03
    shares = np.ones((40, W), np.float32)
    assert measured(dt, "points_capped", share=shares).min() == 1
    kinds = (np.column_stack([np.zeros(40), dt]) > np.median(dt)).astype(np.int16)
    assert np.median(measured(dt, "kind_pace", kind=kinds)) > 0.4
    by_lot = random().integers(0, 3, (40, W)).astype(np.int16)
    assert abs(np.median(measured(dt, "kind_pace", kind=by_lot))) < 0.03


def test_lateness_is_counted_for_each_kind_on_its_own() -> None:
    dt = np.full((1, 19), 5.0)
    kind = np.array([[1, 2] * 10], np.int16)
    cooldown = np.where(kind == 1, 9.9, 0).astype(np.float32)
    late = conduct.lateness(windows(dt, kind=kind, cooldown=cooldown))
    assert np.isfinite(late).sum() == 9
    assert np.nanmax(late) == pytest.approx(0.1, abs=1e-3)
    assert measured(dt, "cooldown_sniped", kind=kind, cooldown=cooldown)[0] == 1
