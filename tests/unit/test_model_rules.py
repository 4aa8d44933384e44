"""Which model is asked, what it may do, when reviewers hear of it, and what has to be true before it may do more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.events import Verdict
from scoreboard.domain.model import (
    Found,
    ModelStage,
    RegisteredModel,
    Told,
    acted_verdict,
    is_worth_telling,
    line_up,
    told_now,
)
from scoreboard.domain.policy import AntiCheatPolicy, Mode
from scoreboard.domain.promotion import LEAST_LABELS, Evidence, Labels, Patience, objections
from scoreboard.domain.review import gravity
from scoreboard_anticheat_ml.shipped import artefact

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PATIENCE = Patience(shadow_days=7, canary_days=7)
METRICS = {
    "tpr": {
        "20": {"macro": 0.66, "families": {"fixed": 1.0}},
        "50": {"macro": 0.83, "families": {"fixed": 1.0}},
        "200": {"macro": 0.91, "families": {"fixed": 1.0, "gamma": 0.4}},
    },
    "segment_ratio": 1.6,
}
GOOD = Evidence(
    stage_since=NOW - timedelta(days=8),
    metrics=METRICS,
    players=5000,
    flagged=10,
    cheats_flagged=8,
    days=8,
    labels=Labels(20, 18, 20, 1),
    rival=Labels(20, 15, 20, 1),
    confirmed=19,
    decided=20,
    canaries_equal=True,
    reported_at=NOW - timedelta(seconds=10),
)


def model(name: str, stage: ModelStage, days: int) -> RegisteredModel:
    since = NOW - timedelta(days=days)
    return RegisteredModel(name, stage, since, since, "test", {})


def names(models: list[RegisteredModel]) -> tuple[str | None, ...]:
    lineup = line_up(models)
    return tuple(None if each is None else each.id for each in (lineup.current, lineup.candidate, lineup.previous))


def test_the_latest_that_may_act_is_asked_and_the_one_before_is_ready() -> None:
    models = [
        model("old", ModelStage.HOLD, 90),
        model("new", ModelStage.CANARY, 3),
        model("beside", ModelStage.SHADOW, 1),
        model("next", ModelStage.CANDIDATE, 0),
        model("gone", ModelStage.RETIRED, 0),
    ]
    for order in permutations(models):
        assert names(list(order)) == ("new", "beside", "old")


def test_without_one_that_may_act_the_latest_shadow_is_asked() -> None:
    assert names([model("a", ModelStage.SHADOW, 5), model("b", ModelStage.SHADOW, 2)]) == ("b", None, "a")
    assert names([model("a", ModelStage.CANDIDATE, 5)]) == (None, None, None)


def test_taking_a_model_back_leaves_its_place_to_the_one_before() -> None:
    old, new = model("old", ModelStage.HOLD, 90), model("new", ModelStage.CANARY, 3)
    assert names([old, new])[0] == "new"
    assert names([old, replace(new, stage=ModelStage.RETIRED)])[0] == "old"


POLICIES = st.builds(AntiCheatPolicy, key=st.just("p"), mode=st.sampled_from(Mode), model=st.sampled_from(Verdict))


@given(st.sampled_from(Found), st.sampled_from(ModelStage), POLICIES)
def test_a_verdict_is_never_graver_than_stage_and_policy_allow(
    found: Found, stage: ModelStage, policy: AntiCheatPolicy
) -> None:
    verdict = acted_verdict(found, stage, policy)
    assert gravity(verdict) <= gravity(policy.model)
    limits = {ModelStage.CANARY: Verdict.FLAG, ModelStage.HOLD: Verdict.HOLD, ModelStage.SUSPEND: Verdict.SUSPEND}
    assert gravity(verdict) <= gravity(limits.get(stage, Verdict.ALLOW))
    if policy.mode is Mode.SHADOW or found in (Found.NONE, Found.WATCH):
        assert verdict is Verdict.ALLOW


def test_what_is_graver_than_allowed_is_cut_not_dropped() -> None:
    policy = AntiCheatPolicy("p", model=Verdict.SUSPEND)
    assert acted_verdict(Found.SUSPEND, ModelStage.CANARY, policy) is Verdict.FLAG
    assert acted_verdict(Found.SUSPEND, ModelStage.SUSPEND, replace(policy, model=Verdict.HOLD)) is Verdict.HOLD


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Verdict),
            st.frozensets(st.sampled_from(["model", "novelty", "metronome"])),
            st.integers(0, 3600),
        ),
        max_size=30,
    )
)
def test_reviewers_hear_whatever_is_new_and_nothing_twice_within_the_pause(
    windows: list[tuple[Verdict, frozenset[str], int]],
) -> None:
    told: Told | None = None
    heard: list[tuple[Verdict, frozenset[str]]] = []
    for verdict, detectors, after in sorted(windows, key=lambda window: window[2]):
        at = NOW + timedelta(seconds=after)
        if told is not None and at - told.at >= timedelta(seconds=600):
            heard = []
        known = frozenset().union(*(names for _, names in heard))
        gravest = max((gravity(each) for each, _ in heard), default=0)
        worth = is_worth_telling(verdict, detectors, at, told, 600)
        news = not heard or gravity(verdict) > gravest or not detectors <= known
        assert worth == (verdict is not Verdict.ALLOW and news)
        if worth:
            told = told_now(verdict, detectors, at, told, 600)
            heard.append((verdict, detectors))


def test_detectors_that_take_turns_are_told_once_each() -> None:
    told, times = None, 0
    for number in range(20):
        names = ["model" if number % 2 else "novelty"]
        at = NOW + timedelta(seconds=10 * number)
        if is_worth_telling(Verdict.FLAG, names, at, told, 600):
            told, times = told_now(Verdict.FLAG, names, at, told, 600), times + 1
    assert times == 2


def test_the_gate_lets_a_good_model_through() -> None:
    for stage in (ModelStage.CANDIDATE, ModelStage.SHADOW, ModelStage.CANARY, ModelStage.HOLD):
        assert objections(stage, GOOD, PATIENCE, NOW) == []


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({}, "no table of families"),
        ({"tpr": {"20": {"macro": 0.3}, "50": {"macro": 0.83}, "200": {"macro": 0.91}}, "segment_ratio": 1}, "of 20"),
        ({**METRICS, "tpr": {**METRICS["tpr"], "200": {"macro": 0.9, "families": {"replay": 0.05}}}}, "replay"),
        ({**METRICS, "segment_ratio": 28.0}, "28.0 times"),
        ({"tpr": METRICS["tpr"]}, "nobody knows"),
    ],
)
def test_a_candidate_needs_its_family_table_and_its_segments(metrics: dict[str, object], words: str) -> None:
    [objection] = objections(ModelStage.CANDIDATE, replace(GOOD, metrics=metrics), PATIENCE, NOW)
    assert words in objection


def test_the_shipped_model_passes_the_gate_for_candidates() -> None:
    shipped = replace(GOOD, metrics=artefact().sidecar["metrics"])
    assert objections(ModelStage.CANDIDATE, shipped, PATIENCE, NOW) == []


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"stage_since": NOW - timedelta(days=6)}, "1.0 are left"),
        ({"days": 6}, "on 6 days of this stage; 7 are needed"),
        ({"canaries_equal": None}, "known scores"),
        ({"canaries_equal": False}, "known scores"),
        ({"reported_at": NOW - timedelta(minutes=11)}, "is old"),
        ({"players": 3, "flagged": 0}, "at least 20"),
        ({"flagged": 500}, "10.00% of the players"),
        ({"labels": Labels(20, 18, 20, 9)}, "45% of those whom reviewers cleared"),
        ({"labels": Labels(20, 10, 20, 1)}, "50% of the cheats that reviewers confirmed, the model in use 75%"),
    ],
)
def test_a_week_in_shadow_budget_and_labels_come_before_flagging(evidence: dict[str, object], words: str) -> None:
    [objection] = objections(ModelStage.SHADOW, replace(GOOD, **evidence), PATIENCE, NOW)  # type: ignore[arg-type]
    assert words in objection


def test_the_days_in_shadow_are_counted_from_the_given_moment() -> None:
    began = replace(GOOD, stage_since=NOW, reported_at=NOW + timedelta(days=7))
    assert objections(ModelStage.SHADOW, began, PATIENCE, NOW + timedelta(days=7)) == []
    assert objections(ModelStage.SHADOW, began, PATIENCE, NOW + timedelta(days=7) - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"decided": LEAST_LABELS - 1, "confirmed": LEAST_LABELS - 1}, "at least 5"),
        ({"confirmed": 10}, "confirmed 50%"),
    ],
)
def test_holding_needs_reviewers_who_agree(evidence: dict[str, int], words: str) -> None:
    for stage in (ModelStage.CANARY, ModelStage.HOLD):
        [objection] = objections(stage, replace(GOOD, **evidence), PATIENCE, NOW)
        assert words in objection


def test_an_acting_model_is_held_to_its_precision_not_to_the_cases_that_it_raised_itself() -> None:
    raised = replace(GOOD, labels=Labels(20, 20, 5, 5))
    assert [len(objections(stage, raised, PATIENCE, NOW)) for stage in (ModelStage.CANARY, ModelStage.HOLD)] == [0, 0]
    assert len(objections(ModelStage.SHADOW, raised, PATIENCE, NOW)) == 1


def test_confirmed_cheats_do_not_count_against_the_budget() -> None:
    busy = replace(GOOD, players=100, flagged=10, cheats_flagged=10)
    assert objections(ModelStage.SHADOW, busy, PATIENCE, NOW) == []
    before = replace(busy, cheats_flagged=0, labels=Labels(12, 10, 20, 0), rival=None)
    [objection] = objections(ModelStage.SHADOW, before, PATIENCE, NOW)
    assert "10.00% of the players" in objection, "who was flagged and confirmed in an earlier stage counts there"
