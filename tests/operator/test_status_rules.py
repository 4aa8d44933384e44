"""The operator's rules without a cluster: what a resource says of itself, and when it is looked at again."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard_operator.conditions import TYPES, conditions_after, state_of
from scoreboard_operator.pacing import NEVER, wait_after
from scoreboard_operator.resources import (
    BOARD,
    KINDS,
)
from scoreboard_operator.settings import OperatorSettings
from scoreboard_operator.statuses import event_of, is_drift, patch_of, status_after
from scoreboard_operator.verdicts import PAUSED, State, Verdict, unreachable, verdict_of
from tests.operator.test_rules import DECLARED, NOW, SETTINGS, VERDICTS, problem, resource


def by_type(conditions: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in conditions}


@pytest.mark.parametrize(
    ("verdict", "ready", "abnormal"),
    list(zip(VERDICTS, ["True", "False", "False", "False", "Unknown", "Unknown"], ["", "", *TYPES[1:]], strict=True)),
)
def test_a_new_resource_says_how_it_stands(verdict: Verdict, ready: str, abnormal: str) -> None:
    found = by_type(conditions_after((), verdict, 3, NOW))
    assert list(found) == list(TYPES)
    assert found["Ready"]["status"] == ready
    assert {name for name in TYPES[1:] if found[name]["status"] == "True"} == ({abnormal} if abnormal else set())
    assert state_of(found.values()) is verdict.state
    for each in found.values():
        assert each["observedGeneration"] == 3
        assert each["reason"][0].isupper()
        assert each["reason"].isalnum()
        assert each["message"]


@given(st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=12))
def test_a_transition_is_dated_once_and_the_last_verdict_counts(story: list[Verdict]) -> None:
    conditions: list[dict[str, Any]] = []
    for step, verdict in enumerate(story):
        before = by_type(conditions)
        conditions = conditions_after(conditions, verdict, 1, NOW + timedelta(seconds=step))
        for name, each in by_type(conditions).items():
            moved = name not in before or before[name]["status"] != each["status"]
            assert (each["lastTransitionTime"] == f"2026-11-21T12:00:{step:02d}Z") is moved
    assert state_of(conditions) is story[-1].state


@given(st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=12))
def test_the_same_again_writes_nothing_and_tells_nothing(story: list[Verdict]) -> None:
    status: dict[str, Any] = {}
    for verdict in story:
        status = status_after(resource(), status, verdict, NOW)
    later = status_after(resource(), status, story[-1], NOW + timedelta(hours=1))
    assert patch_of(status, later) == {}
    assert event_of(resource(), status, story[-1]) is None


def test_without_an_answer_the_known_stays() -> None:
    owned = status_after(resource(), {}, problem(409, reason="owned"), NOW)
    down = status_after(resource(generation=2), owned, unreachable("x"), NOW)
    assert by_type(down["conditions"])["Conflict"] == by_type(owned["conditions"])["Conflict"]
    declared = status_after(resource(), {}, DECLARED, NOW)
    assert status_after(resource(), declared, unreachable("x"), NOW)["version"] == 1


def test_a_paused_resource_keeps_what_it_said_and_goes_on_from_there() -> None:
    declared = status_after(resource(), {}, DECLARED, NOW)
    paused = status_after(resource(paused=True), declared, PAUSED, NOW)
    changed = status_after(resource(paused=True, generation=2), paused, PAUSED, NOW)
    assert changed["observedGeneration"] == 1, "what was applied in the pause is not declared yet"
    assert status_after(resource(generation=2), changed, DECLARED, NOW)["observedGeneration"] == 2
    assert status_after(resource(paused=True, generation=2), {}, PAUSED, NOW)["observedGeneration"] == 2
    assert by_type(paused["conditions"])["Ready"]["status"] == "True"
    assert state_of(paused["conditions"]) is State.PAUSED
    assert state_of(status_after(resource(), paused, unreachable("x"), NOW)["conditions"]) is State.DEGRADED


def test_lists_of_changes_name_what_is_gone() -> None:
    assert patch_of({"season": "a", "players": 1}, {"players": 2}) == {"season": None, "players": 2}


def changed(outcome: str, version: int) -> Verdict:
    return verdict_of(BOARD, 200, json.dumps({"key": "main", "version": version, "outcome": outcome}).encode())


def test_drift_is_what_changed_without_the_resource() -> None:
    declared = status_after(resource(), {}, DECLARED, NOW)
    assert is_drift(resource(), declared, changed("changed", 2))
    assert is_drift(resource(), declared, changed("restored", 2))
    assert not is_drift(resource(generation=2), declared, changed("changed", 2)), "the resource was changed"
    assert not is_drift(resource(), declared, changed("unchanged", 1))
    assert not is_drift(resource(), {}, changed("changed", 2)), "a new resource adopts what was there"
    event = event_of(resource(), declared, changed("changed", 2))
    assert event is not None
    assert event.reason == "DriftCorrected"


def test_the_time_of_agreement_moves_with_a_change_only() -> None:
    later = NOW + timedelta(hours=1)
    first = status_after(resource(), {}, DECLARED, NOW)
    assert first["lastSyncTime"] == "2026-11-21T12:00:00Z"
    assert status_after(resource(), first, DECLARED, later)["lastSyncTime"] == first["lastSyncTime"]
    assert status_after(resource(), first, changed("changed", 2), later)["lastSyncTime"] == "2026-11-21T13:00:00Z"
    assert status_after(resource(generation=2), first, DECLARED, later)["lastSyncTime"] == "2026-11-21T13:00:00Z"


# --- When it is looked at again -------------------------------------------------------------------------------------


@given(st.sampled_from(VERDICTS), st.integers(0, 10_000), st.floats(0, 1))
def test_waits_are_spread_and_bounded(verdict: Verdict, failures: int, share: float) -> None:
    wait = wait_after(verdict, failures, SETTINGS, share)
    match verdict.state:
        case State.INVALID | State.PAUSED:
            assert wait == NEVER
        case State.DEGRADED:
            assert SETTINGS.operator_retry_first / 2 <= wait <= SETTINGS.operator_retry_longest
        case State.DECLARED:
            assert abs(wait - SETTINGS.operator_drift_every) <= SETTINGS.operator_spread * 60 + 1e-9
        case _:
            assert 0 < wait <= SETTINGS.operator_conflict_every * (1 + SETTINGS.operator_spread)


def test_retries_grow_apart_and_obey_the_api() -> None:
    waits = [wait_after(unreachable("x"), failures, SETTINGS, 1.0) for failures in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert wait_after(problem(503, retry="300"), 1, SETTINGS, 1.0) == 300


def test_settings_that_cannot_work_are_refused() -> None:
    for wrong in (
        {"operator_retry_first": 100},
        {"operator_watch_seconds": 300},
        {"api_url": "api:80"},
        {"operator_spread": 1},
    ):
        with pytest.raises(ValueError, match=r"SCOREBOARD_|api_url|operator_"):
            OperatorSettings.model_validate({"api_url": "http://a", "operator_token_file": "/t", **wrong})


def test_kinds_have_names_of_their_own() -> None:
    for name in ("plural", "noun", "endpoint"):
        assert len({getattr(kind, name) for kind in KINDS}) == len(KINDS)
