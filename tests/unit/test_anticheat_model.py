"""A small model from the simulator: repeatable, storable, neutral to what it cannot know, and explained in words."""

import itertools
import json
from functools import cache

import numpy as np
import pytest

from scoreboard_anticheat_ml import thresholds
from scoreboard_anticheat_ml.assess import assess, screen
from scoreboard_anticheat_ml.explain import compare, explain
from scoreboard_anticheat_ml.features import FEATURES, NAMES, first
from scoreboard_anticheat_ml.fusion import PlayerState, Policy, Verdict, judge
from scoreboard_anticheat_ml.model import TIMING, Model, ModelMismatch
from scoreboard_anticheat_ml.segments import SEGMENTS, segments, words
from scoreboard_anticheat_ml.sequences import F64, Columns, Sequences
from scoreboard_anticheat_ml.training import HUMAN, Effort, Labelled, mask, measure, train, weights
from scoreboard_anticheat_ml.windows import LENGTHS, cut
from scoreboard_cli.simulation.population import population
from tests.unit.test_anticheat_features import people, random, windows

SEED = 3


@cache
def labelled(seed: int, humans: int = 60, cheats: int = 3) -> Labelled:
    played = list(population(seed, humans=humans, cheats_per_family=cheats, events=240))
    columns = [Columns(*each.columns[:5], [*map(bool, each.columns.ok)], each.columns.cooldown) for each in played]
    return Labelled(
        Sequences.gather([each.player for each in played], columns),
        np.array([each.family for each in played]),
        np.array([each.cheats_from for each in played]),
        np.array([each.player for each in played]),
    )


@cache
def model() -> Model:
    return trained()


def trained() -> Model:
    return train(labelled(SEED), seed=SEED, progress=lambda _doing, _share: None, effort=Effort(boosters=1, rounds=20))


@cache
def clockwork() -> F64:
    return 3 + random().normal(0, 0.2, (40, 199))


def test_the_same_data_and_seed_give_the_same_model() -> None:
    again = trained()
    assert again.sidecar() == model().sidecar()
    given = assess(windows(people()), model())
    assert np.array_equal(assess(windows(people()), again).score, given.score)


def test_a_model_survives_being_taken_apart_and_put_together() -> None:
    parts = json.loads(json.dumps(model().sidecar()))
    again = Model.assemble(model().estimators(), parts)
    for length in LENGTHS:
        given = windows(people(length=length))
        before, after = assess(given, model()), assess(given, again)
        assert after.score == pytest.approx(before.score, abs=1e-5)
        assert after.probability == pytest.approx(before.probability, abs=1e-4)
        assert after.novelty == pytest.approx(before.novelty, abs=1e-4)
        assert np.array_equal(after.level, before.level)


@pytest.mark.parametrize("lost", ["thresholds", "calibration", "reference", "forest_limits"])
def test_a_model_without_a_part_is_refused(lost: str) -> None:
    parts = {name: part for name, part in model().sidecar().items() if name != lost}
    with pytest.raises(ModelMismatch, match="missing"):
        Model.assemble(model().estimators(), parts)


def test_a_model_of_other_features_is_refused() -> None:
    with pytest.raises(ModelMismatch, match="Train it again"):
        Model.assemble(model().estimators(), model().sidecar() | {"schema_hash": "other"})


def test_clockwork_scores_above_people_in_every_respect() -> None:
    honest, cheating = assess(windows(people()), model()), assess(windows(clockwork()), model())
    assert np.median(cheating.score) > np.max(honest.score)
    assert np.median(cheating.probability) > 0.8 > 0.3 > np.median(honest.probability)


def test_the_first_tier_knows_clockwork_from_people() -> None:
    assert screen(windows(clockwork()), model()).all()
    quick, slow = (model().first.decision_function(first.measure(windows(dt))) for dt in (clockwork(), people()))
    assert quick.min() > np.quantile(slow, 0.9)


def test_what_is_proven_comes_before_all_people_whatever_the_model_says() -> None:
    given = windows(people())
    alone = assess(given, model())
    together = assess(given, model(), np.full(len(given), 20, np.float32))
    assert together.score.min() > 5 > alone.score.max()
    assert np.array_equal(together.raw, alone.raw)
    assert np.array_equal(np.argsort(together.score), np.argsort(alone.raw))


def test_a_window_scores_the_same_alone_and_among_others() -> None:
    whole = assess(windows(people()), model())
    alone = assess(windows(people()).take(slice(7, 8)), model())
    assert (alone.raw[0], alone.novelty[0]) == (whole.raw[7], whole.novelty[7])


def test_what_is_known_beside_the_timing_is_known_of_honest_and_cheating_alike() -> None:
    measured = mask(measure(labelled(SEED), seed=1, progress=lambda *_: None), np.random.default_rng(1))
    timing_only = ~np.isin(measured.family, ("score_inflation", "instant_finisher", "cooldown_sniper"))
    weight = weights(measured)
    for place in range(TIMING, len(NAMES)):
        known = np.isfinite(measured.features[:, place])
        shares = [
            weight[side & known & timing_only].sum() / weight[side & timing_only].sum()
            for side in (measured.cheating, ~measured.cheating)
        ]
        assert shares[0] == pytest.approx(shares[1], abs=0.12), NAMES[place]


def test_an_explanation_names_what_was_measured_beside_what_people_show() -> None:
    given = assess(windows(clockwork()), model())
    found = explain(model(), given.features[0], 200)
    assert 1 <= len(found) <= 5
    assert [each.weight for each in found] == sorted((each.weight for each in found), reverse=True)
    known = {feature.name: feature for feature in FEATURES}
    for each in found:
        assert each.words.startswith(known[each.name].words)
        assert 0 <= each.percentile <= 100
        assert f"{each.human_median:.3g}" in each.sentence()
    assert any(each.percentile < 2 or each.percentile > 98 for each in found)


def test_the_histogram_compares_a_player_with_people() -> None:
    t = windows(clockwork()).t[0]
    found = compare(model(), t)
    assert len(found.edges) == len(found.player) + 1 == len(found.people) + 1
    assert found.player.sum() == pytest.approx(1)
    assert found.people.sum() == pytest.approx(1)
    assert found.player.max() > 0.4 > found.people.max()


def test_thresholds_are_passed_by_their_share_of_honest_windows_in_every_large_segment() -> None:
    rng = random()
    segment = rng.integers(0, SEGMENTS, 200_000)
    length = np.full(200_000, 50)
    score = rng.normal(segment, 1.0)
    scores = np.concatenate([score] * len(LENGTHS))
    lengths = np.concatenate([np.full(200_000, of) for of in LENGTHS])
    fitted = thresholds.fit(scores, lengths, np.tile(segment, len(LENGTHS)))
    limits = fitted.limits(50, segment)
    for number in range(SEGMENTS):
        own = segment == number
        for place, rate in enumerate(thresholds.RATES[:2]):
            without_margin = limits[own, place] - thresholds.MARGIN * (place > 0)
            assert (score[own] > without_margin).mean() == pytest.approx(rate, rel=0.2)
    assert np.all(np.diff(limits, axis=1) >= 0)
    assert len(length) == len(limits)


def test_only_the_flag_threshold_has_a_margin() -> None:
    score = random().exponential(3.0, 200_000)
    scores, lengths = np.tile(score, len(LENGTHS)), np.repeat(LENGTHS, len(score))
    watch, flag, suspend = thresholds.fit(scores, lengths, np.zeros(len(scores), np.int64)).scores[0, 0]
    for limit, rate in ((watch, 0.01), (flag - thresholds.MARGIN, 0.001), (suspend, 0.0001)):
        assert (score > limit).mean() == pytest.approx(rate, rel=0.1)


def test_segments_follow_tempo_and_kinds() -> None:
    one, several = np.zeros((40, 200), np.int16), np.tile(np.arange(200, dtype=np.int16) % 2, (40, 1))
    quick = np.full((40, 199), 0.2)
    found = [segments(windows(dt, kind=kind))[0] for dt in (quick, quick * 1e5) for kind in (one, several)]
    assert found == [0, 1, SEGMENTS - 2, SEGMENTS - 1]
    assert len({words(number) for number in range(SEGMENTS)}) == SEGMENTS


def test_a_whole_platform_is_judged_with_states_over_batches() -> None:
    data = labelled(SEED + 1, humans=30, cheats=2)
    states: dict[int, PlayerState] = {}
    worst: dict[int, Verdict] = {}
    order = list(Verdict)
    for batch in cut(data.sequences):
        for player, decision in zip(
            batch.player.tolist(), judge(assess(batch, model()), batch, Policy(), states), strict=True
        ):
            worst[player] = max(worst.get(player, Verdict.NONE), decision.verdict, key=order.index)
    caught = [
        player for player in worst if data.family[player] in ("fixed_interval", "gaussian_jitter", "cooldown_sniper")
    ]
    assert all(worst[player] in (Verdict.FLAG, Verdict.HOLD, Verdict.SUSPEND) for player in caught)
    honest = [player for player in worst if data.family[player] == HUMAN]
    assert sum(worst[player] is Verdict.SUSPEND for player in honest) == 0
    assert len(states) == len(worst)
    assert all(len(state.levels) <= 3 for state in states.values())
    assert list(itertools.islice(worst, 1))
