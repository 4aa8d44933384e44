"""How findings become verdicts: each threshold, each cap, and that more evidence never means a milder verdict."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard_anticheat_ml.detectors.synchrony import HARD_Z
from scoreboard_anticheat_ml.fusion import BadPolicy, PlayerState, Policy, Seen, Verdict, decide

NOTHING = Seen(level=0, rules=0, synchrony=0.0, changed=False, novelty=0.5, events=500)
ORDER = list(Verdict)
seen = st.builds(
    Seen,
    level=st.integers(0, 3),
    rules=st.integers(0, 31),
    synchrony=st.floats(0, 50),
    changed=st.booleans(),
    novelty=st.floats(0, 2),
    events=st.integers(20, 5000),
)


def last(*windows: Seen, policy: Policy = Policy()) -> Verdict:  # noqa: B008 - it cannot change
    state = PlayerState()
    for each in windows:
        decision = decide(policy, state, each)
        state = decision.state
    return decision.verdict


def level(number: int, **more: float) -> Seen:
    return replace(NOTHING, level=number, **more)


def test_a_hold_on_account_of_windows_before_names_the_model() -> None:
    found = decide(Policy(), PlayerState((2, 2)), NOTHING)
    assert found.verdict is Verdict.HOLD
    assert found.detectors == ("model",)


@given(seen, st.lists(st.integers(0, 3), max_size=2))
def test_whatever_is_more_than_nothing_has_a_name(each: Seen, before: list[int]) -> None:
    found = decide(Policy(), PlayerState(tuple(before)), each)
    assert bool(found.detectors) == (found.verdict is not Verdict.NONE)


def test_the_thresholds_in_rising_order() -> None:
    assert last(NOTHING) is Verdict.NONE
    assert last(level(1)) is Verdict.WATCH
    assert last(level(2)) is Verdict.FLAG
    assert last(level(2), level(2)) is Verdict.HOLD
    assert last(level(2), NOTHING, level(2)) is Verdict.HOLD
    assert last(level(2), NOTHING, NOTHING, level(2)) is Verdict.FLAG


def test_a_window_that_is_clean_again_ends_the_hold() -> None:
    assert last(level(2), level(2), NOTHING, NOTHING) is Verdict.NONE


def test_a_broken_rule_or_a_ring_holds_by_itself() -> None:
    assert last(replace(NOTHING, rules=1)) is Verdict.HOLD
    assert last(replace(NOTHING, synchrony=HARD_Z)) is Verdict.HOLD
    assert last(replace(NOTHING, rules=1), policy=Policy(hard_rules_hold=False)) is Verdict.FLAG


def test_a_suspension_takes_three_sure_windows_proof_and_enough_events() -> None:
    sure = level(3, rules=1)
    assert last(sure, sure, sure) is Verdict.SUSPEND
    assert last(sure, sure) is Verdict.HOLD
    assert last(*[level(3)] * 3) is Verdict.HOLD
    assert last(*[replace(sure, events=199)] * 3) is Verdict.HOLD


def test_what_is_only_strange_is_watched_and_never_more() -> None:
    strange = replace(NOTHING, novelty=1.5, changed=True)
    assert last(*[strange] * 5) is Verdict.WATCH


def test_the_policy_caps_the_verdict() -> None:
    sure = level(3, rules=1)
    assert last(sure, sure, sure, policy=Policy(most=Verdict.FLAG)) is Verdict.FLAG


def test_every_finding_is_named() -> None:
    found = decide(Policy(), PlayerState(), Seen(2, 1, 20.0, True, 3.0, 50))
    assert found.detectors == ("metronome", "synchrony", "model", "changepoint", "novelty")


@given(st.lists(seen, min_size=1, max_size=6))
def test_more_evidence_never_means_a_milder_verdict(windows: list[Seen]) -> None:
    worse = [replace(each, level=min(3, each.level + 1), rules=each.rules | 1) for each in windows]
    assert ORDER.index(last(*worse)) >= ORDER.index(last(*windows))


@given(st.lists(seen, min_size=1, max_size=6), st.sampled_from(ORDER))
def test_no_verdict_exceeds_the_cap(windows: list[Seen], most: Verdict) -> None:
    assert ORDER.index(last(*windows, policy=Policy(most=most))) <= ORDER.index(most)


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"shift": 0.5, "hold_windows": 3, "most": "flag"}))
    assert Policy.load(file) == Policy(shift=0.5, hold_windows=3, most=Verdict.FLAG)


@pytest.mark.parametrize(
    ("text", "says"),
    [("nonsense", "JSON"), ("[]", "one JSON object"), ('{"thresold": 1}', "thresold"), ('{"most": "ban"}', "ban")],
)
def test_a_policy_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text)
    with pytest.raises(BadPolicy, match=says):
        Policy.load(file)
