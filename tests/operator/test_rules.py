"""The operator's rules without a cluster: what is asked of the API, what answers mean, what a resource then says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from charts.generate import CHARTS
from scoreboard_api.schemas.admin import DeclareBoard, DeclareKind, DeclarePolicy, DeclareSeason
from scoreboard_operator.handlers import Backoffs, kopf_settings
from scoreboard_operator.resources import (
    ACTION_KIND,
    ANTI_CHEAT_POLICY,
    BOARD,
    SEASON,
    Kind,
    Resource,
    field_of,
    truth_of,
)
from scoreboard_operator.settings import OperatorSettings
from scoreboard_operator.verdicts import OUTCOMES, PAUSED, State, Verdict, unreachable, verdict_of
from tests.charts.custom_resources import schemas, with_defaults

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EXAMPLES = sorted((CHARTS.parent / "k8s" / "examples").glob("*.yaml"))
BODIES = {BOARD: DeclareBoard, ACTION_KIND: DeclareKind, ANTI_CHEAT_POLICY: DeclarePolicy, SEASON: DeclareSeason}
OF_NAME = {"Board": BOARD, "ActionKind": ACTION_KIND, "AntiCheatPolicy": ANTI_CHEAT_POLICY, "Season": SEASON}
DECLARED = verdict_of(BOARD, 200, json.dumps({"key": "main", "version": 1, "outcome": "unchanged"}).encode())
SETTINGS = OperatorSettings.model_validate({"api_url": "http://api", "operator_token_file": "/token"})


def resource(kind: Kind = BOARD, *, generation: int = 1, paused: bool = False, **spec: Any) -> Resource:
    meta = {"uid": "u-1", "namespace": "scores", "name": "x", "generation": generation}
    if paused:
        meta["annotations"] = {"scoreboard.dev/paused": "true"}
    return Resource.read(kind, {"metadata": meta, "spec": {"key": "main", **spec}})


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield from leaves(part, here) if "properties" in part else [here]


# --- What is asked of the API ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_NAME)
def test_every_field_of_a_definition_reaches_the_api(name: str) -> None:
    spec = schemas()[name]["properties"]["spec"]
    assert set(leaves(spec)) - {"key", "deletionPolicy"} == set(OF_NAME[name].fields)


@pytest.mark.parametrize("name", OF_NAME)
def test_what_only_the_platform_knows_has_its_place_in_the_definition(name: str) -> None:
    status = schemas()[name]["properties"]["status"]["properties"]
    common = {"observedGeneration", "version", "lastSyncTime", "conditions"}
    assert set(status) - common == set(OF_NAME[name].truth)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_api_understands_the_examples(path: Any) -> None:
    for document in yaml.safe_load_all(path.read_text("utf-8")):
        kind = OF_NAME[document["kind"]]
        defaulted = with_defaults(document, schemas()[document["kind"]])
        meta = {"uid": "u-1", "namespace": "scores", "generation": 1, **document["metadata"]}
        asked = Resource.read(kind, {**defaulted, "metadata": meta}).request()
        assert BODIES[kind].model_validate_json(json.dumps(asked))


def test_a_request_says_only_what_the_resource_says() -> None:
    asked = resource(title="All", tieRule="latest", schedule={"cron": "0 0 * * 1", "timeZone": "UTC"}).request()
    owner = {"uid": "u-1", "name": "scores/x", "generation": 1}
    schedule = {"cron": "0 0 * * 1", "time_zone": "UTC"}
    assert asked == {"title": "All", "tie_rule": "latest", "schedule": schedule, "managed_by": owner}


def test_only_the_word_true_pauses() -> None:
    assert resource(paused=True).paused
    meta = {"uid": "u", "namespace": "n", "name": "x", "generation": 1, "annotations": {"scoreboard.dev/paused": "no"}}
    assert not Resource.read(BOARD, {"metadata": meta, "spec": {"key": "main"}}).paused


@pytest.mark.parametrize(
    ("kind", "pointer", "field"),
    [
        (BOARD, "/title", "spec.title"),
        (BOARD, "/schedule/time_zone", "spec.schedule.timeZone"),
        (BOARD, "/schedule", "spec.schedule"),
        (BOARD, "/unheard_of", "spec.unheard_of"),
        (BOARD, "", "spec"),
        (ACTION_KIND, "/boards/2", "spec.boards[2]"),
        (ACTION_KIND, "/attempts/window_s", "spec.attempts.windowSeconds"),
        (ACTION_KIND, "/bounds", "spec.bounds"),
        (ANTI_CHEAT_POLICY, "/flag", "spec.thresholds.flag"),
        (ANTI_CHEAT_POLICY, "/kinds/0", "spec.selector.kinds[0]"),
        (SEASON, "/ends_at", "spec.end"),
    ],
)
def test_a_fault_is_told_by_the_name_of_the_field_in_the_resource(kind: Kind, pointer: str, field: str) -> None:
    assert field_of(kind, pointer) == field


def test_truth_is_taken_from_the_answer_and_nothing_is_made_up() -> None:
    told = {"season": {"name": "All time"}, "players": 7, "frozen": False}
    assert truth_of(BOARD, told) == {"season": "All time", "players": 7, "frozen": False}
    assert truth_of(BOARD, {"season": None, "players": 0}) == {"season": None, "players": 0, "frozen": None}


# --- What answers mean ----------------------------------------------------------------------------------------------


def problem(status: int, **members: Any) -> Verdict:
    return verdict_of(ACTION_KIND, status, json.dumps(members).encode(), members.get("retry", ""))


@pytest.mark.parametrize(
    ("status", "members", "state", "reason"),
    [
        (409, {"reason": "owned"}, State.CONFLICT, "OwnedByAnother"),
        (409, {"reason": "taken_over"}, State.CONFLICT, "TakenOver"),
        (409, {"reason": "not yet known"}, State.CONFLICT, "Conflict"),
        (400, {"errors": [{"pointer": "/points", "detail": "x"}]}, State.INVALID, "Refused"),
        (400, {"waits_for": [{"resource": "boards", "key": "main"}]}, State.WAITING, "WaitsForOthers"),
        (413, {}, State.INVALID, "Refused"),
        (422, {}, State.INVALID, "Refused"),
        (401, {}, State.DEGRADED, "Unauthenticated"),
        (403, {}, State.DEGRADED, "Forbidden"),
        (404, {"code": "NOT_FOUND"}, State.DEGRADED, "NotThere"),
        (404, {}, State.DEGRADED, "WrongApi"),
        (405, {}, State.DEGRADED, "WrongApi"),
        (429, {}, State.DEGRADED, "Busy"),
        (302, {}, State.DEGRADED, "Unavailable"),
        (500, {}, State.DEGRADED, "Unavailable"),
        (503, {}, State.DEGRADED, "Unavailable"),
        (504, {}, State.DEGRADED, "Unavailable"),
    ],
)
def test_each_refusal_has_its_state(status: int, members: dict[str, Any], state: State, reason: str) -> None:
    verdict = problem(status, **members)
    assert (verdict.state, verdict.reason) == (state, reason)
    assert verdict.outcome in OUTCOMES


def test_a_refusal_is_told_in_words_with_the_fields() -> None:
    faults = [{"pointer": "/max_duration_s", "detail": "must be above the minimum"}]
    told = problem(400, detail="The request is not valid.", errors=faults).message
    assert told == "The request is not valid. spec.maximumDurationSeconds: must be above the minimum"
    told = problem(409, reason="owned", detail="Somebody else has it.", owner={"uid": "u-2", "name": "a/b"}).message
    assert told == "Somebody else has it. It belongs to a/b."
    waits = problem(400, waits_for=[{"resource": "boards", "key": "a"}, {"resource": "kinds", "key": "b"}])
    assert waits.message == "Waits until it is declared: board “a”, action kind “b”."
    assert waits.waits_for == (("boards", "a"), ("kinds", "b"))


@given(st.integers(100, 599), st.binary(max_size=64), st.text(max_size=8))
def test_no_answer_is_without_a_verdict(status: int, body: bytes, retry_after: str) -> None:
    verdict = verdict_of(BOARD, status, body, retry_after)
    assert verdict.message
    assert verdict.outcome in OUTCOMES
    assert 0 <= verdict.retry_after < float("inf")


def test_a_token_that_is_refused_is_told_with_its_issuer() -> None:
    told = verdict_of(BOARD, 401, b"{}", issuer="https://issuer.example").message
    assert "It was issued by https://issuer.example; the chart's value operator.tokenIssuer" in told
    assert "issued" not in verdict_of(BOARD, 401, b"{}").message


def test_a_kind_that_counts_nowhere_says_so() -> None:
    def told(boards: list[str]) -> str:
        view = {"key": "quiz", "version": 2, "outcome": "seen", "status": {"counts_on": boards, "retired_boards": []}}
        return verdict_of(ACTION_KIND, 200, json.dumps(view).encode()).message

    assert told([]) == "The action kind “quiz” is declared as version 2. It counts on no board now."
    assert told(["main"]) == "The action kind “quiz” is declared as version 2."


def test_requests_to_the_api_server_are_tried_for_ever_and_never_hastily() -> None:
    for _ in range(2):  # each request begins anew
        pauses = list(islice(Backoffs(), 500))
        assert pauses[:6] == [1, 2, 4, 8, 16, 30]
        assert set(pauses[5:]) == {30}


def test_an_event_is_given_up_within_a_minute(tmp_path: Path) -> None:
    chosen = kopf_settings(OperatorSettings(api_url="http://api", operator_token_file=tmp_path))
    assert sum(chosen.posting.default_backoffs) < 60  # type: ignore[arg-type]


def test_an_answer_that_is_not_ours_declares_nothing() -> None:
    for body in (b"<html>", b"{}", b'{"key":"main"}', b'{"key":"main","version":"1"}'):
        assert verdict_of(BOARD, 200, body).state is State.DEGRADED


# --- What a resource says then --------------------------------------------------------------------------------------


VERDICTS = [
    DECLARED,
    problem(400, waits_for=[{"resource": "boards", "key": "main"}]),
    problem(409, reason="owned"),
    problem(400),
    unreachable("ClientConnectorError"),
    PAUSED,
]
