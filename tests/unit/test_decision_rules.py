"""What a completion is worth, decided from what is stored: boards, refusals, moments."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from scoreboard.domain.action import (
    Action,
    ActionKind,
    ActionStatus,
)
from scoreboard.domain.board import (
    Board,
)
from scoreboard.domain.completion import AlreadyDecided, CompletionRequest, Decision, Rows, decide, fold
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.season import Season, SeasonStatus
from tests.unit.test_domain_rules import ACTION, ADA, NOW, player, refusal


def rows(**changes: object) -> Rows:
    kind = ActionKind("tap", "Tap", points=1, direct=True, boards=("main", "gone", "none"))
    season = Season(7, "main", "s", NOW, None, SeasonStatus.OPEN)
    known = Rows(
        players={ADA: player()},
        actions={},
        direct={},
        kinds={"tap": kind},
        versions={},
        boards={"main": Board("main", "M"), "none": Board("none", "N")},
        seasons={"main": season},
        usage={},
        totals={},
    )
    for name, value in changes.items():
        setattr(known, name, value)
    return known


def tap(client_id: str = "a", **changes: object) -> CompletionRequest:
    asked = CompletionRequest(ADA, ACTION, client_id.encode(), client_id=client_id, kind_key="tap")
    return replace(asked, **changes)  # type: ignore[arg-type]


def test_a_decision_counts_on_every_board_that_has_a_season() -> None:
    known = rows()
    decision = decide(tap(), known, NOW)
    assert isinstance(decision, Decision)
    assert decision.board_keys == ("main",)
    assert decision.entry.previous == (None,)
    assert decision.entry.current == (1,)
    fold(decision, known)
    assert isinstance(decide(tap(), known, NOW), AlreadyDecided)
    second = decide(tap("b", action_id=UUID(int=9)), known, NOW)
    assert isinstance(second, Decision)
    assert second.entry.previous == (1,)


@pytest.mark.parametrize(
    ("changes", "asked", "code"),
    [
        ({"players": {}}, tap(), ErrorCode.INVALID_TOKEN),
        ({"seasons": {}}, tap(), ErrorCode.CONFLICT),
        ({}, tap(season_id=8), ErrorCode.CONFLICT),
        ({"kinds": {}}, tap(), ErrorCode.NOT_FOUND),
        ({"kinds": {"tap": ActionKind("tap", "T", points=1)}}, tap(), ErrorCode.CONFLICT),
        ({"kinds": {"tap": ActionKind("tap", "T", points=1, direct=True, enabled=False)}}, tap(), ErrorCode.CONFLICT),
        ({}, replace(tap(), client_id=None, kind_key=None), ErrorCode.TASK_NOT_FOUND),
    ],
)
def test_decisions_that_are_refused(changes: dict[str, object], asked: CompletionRequest, code: ErrorCode) -> None:
    with pytest.raises(Refusal) as caught:
        decide(asked, rows(**changes), NOW)
    assert caught.value.code is code


def test_a_queued_request_is_judged_by_when_it_came_in() -> None:
    ends = NOW + timedelta(seconds=10)
    action = Action(ACTION, ADA, "tap", 1, ActionStatus.CREATED, NOW, ends)
    known = rows(actions={ACTION: action}, versions={("tap", 1): ActionKind("tap", "T", points=1, boards=("main",))})
    asked = CompletionRequest(ADA, ACTION, b"x", accepted_at=ends)
    late = NOW + timedelta(seconds=60)
    assert isinstance(decide(asked, known, late), Decision)
    with refusal(ErrorCode.INVALID_TOKEN):
        decide(replace(asked, accepted_at=None), known, late)
    with refusal(ErrorCode.INVALID_TOKEN):
        decide(replace(asked, accepted_at=ends + timedelta(seconds=1)), known, late)
