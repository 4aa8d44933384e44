"""The harness can fail: watchers and the judge of a run find what is wrong, and every fault has its one test."""

import re
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.chaos.catalogue import INVARIANTS, Fault, Figure
from tests.chaos.catalogue_outside import ELSEWHERE, FAULTS
from tests.chaos.fault_run import FaultRun
from tests.chaos.page import page
from tests.chaos.watchers import Watcher
from tests.security.counts import REQUIRED
from tests.stage import Person

HERE = Path(__file__).parent
ADA, BOB = str(uuid4()), str(uuid4())


def board(kind: str, epoch: str, seq: int, *entries: tuple[int, str, int]) -> dict[str, Any]:
    data = [
        {"rank": rank, "player_id": player, "username": player, "score": score, "reached_at": "2026-01-01"}
        for rank, player, score in entries
    ]
    return {"type": kind, "channel": "board:main", "epoch": epoch, "seq": seq, "data": data}


def score(previous: int | None, current: int, seq: int) -> dict[str, Any]:
    data = {"board": "main", "score": {"previous": previous, "current": current}}
    return {"type": "score.update", "channel": "me", "epoch": "s", "seq": seq, "data": data}


def heard(*messages: dict[str, Any]) -> list[str]:
    watcher = Watcher(Person(None, ADA, "ada", {}), [], {BOB})  # type: ignore[arg-type]
    watcher.connected()
    for message in messages:
        watcher.heard(message)
    return watcher.problems


INITIAL = board("leaderboard.initial", "a", 5, (1, ADA, 3))


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([INITIAL, board("leaderboard.update", "a", 4, (1, ADA, 3))], "went back"),
        ([INITIAL, board("leaderboard.update", "b", 9, (1, ADA, 3))], "without a snapshot"),
        ([INITIAL, board("leaderboard.update", "a", 6, (2, ADA, 3))], "ranked wrongly"),
        ([INITIAL, board("leaderboard.update", "a", 6, (1, ADA, 3), (2, BOB, 1))], "concealed"),
        ([score(None, 1, 1), score(2, 3, 2)], "a gap"),
        ([score(None, 1, 2), score(1, 3, 1)], "went back"),
    ],
)
def test_a_watcher_finds_what_is_wrong(messages: list[dict[str, Any]], problem: str) -> None:
    [found] = heard(*messages)
    assert problem in found


def test_a_watcher_takes_what_is_right() -> None:
    update = board("leaderboard.update", "a", 6, (1, ADA, 4))
    rebuilt = board("leaderboard.initial", "b", 1, (1, ADA, 4))
    assert heard(INITIAL, update, rebuilt, score(None, 1, 1), score(1, 4, 2)) == []


FAULT = Fault(
    "x", "x", "x", full=2, quick=1, holds=("I1",), figures=(Figure("x_s", "x", at_most=1.0), Figure("n", "n", ""))
)


def run(*, rounds: int = 2, seconds: float = 0.5, held: bool = True, full: bool = True) -> list[str]:
    done = FaultRun(FAULT, full, 1)
    for n in done.rounds:
        if n > rounds:
            break
        done.note(x_s=seconds, n=1)
    done.held = {"I1"} if held else set()
    return done.judge()


def test_a_run_is_judged() -> None:
    assert run() == []
    assert run(full=False, seconds=4.0, rounds=1) == []
    assert "1 of 2 rounds" in run(rounds=1)[0]
    assert "not checked: I1" in run(held=False)[0]
    assert "x_s is 1.500 s, at most 1" in run(seconds=1.5)[0]
    assert "at most 5" in run(full=False, seconds=6.0)[0]
    assert "was not taken" in FaultRun(FAULT, True, 1).judge()[2]
    with pytest.raises(AssertionError, match="no figure"):
        FaultRun(FAULT, True, 1).note(y=1)


def test_every_fault_has_its_one_test_and_says_what_it_holds() -> None:
    marked: Counter[str] = Counter()
    for path in HERE.glob("test_*.py"):
        marked.update(re.findall(r'pytest\.mark\.fault\("([a-z0-9-]+)"\)', path.read_text("utf-8")))
    assert marked == Counter(list(FAULTS))
    for fault in FAULTS.values():
        assert set(fault.holds) <= set(INVARIANTS), fault.name
        assert fault.quick <= fault.full
    assert {name for each in ELSEWHERE for name in each.counts} <= set(REQUIRED)
    assert all((HERE.parents[1] / name).is_file() for each in ELSEWHERE for name in each.tests)


def record(fault: Fault, *problems: str) -> dict[str, Any]:
    one = FaultRun(fault, True, 1)
    for figure in fault.figures:
        one.note(**{figure.name: 1.25})
    one.did(one.count)
    one.held = set(fault.holds)
    return one.record(list(problems))


def test_only_what_held_is_written_down() -> None:
    records = [record(fault) for fault in FAULTS.values()]
    text = page(records, {"cores": "2"}, full=True, seed=1)
    assert all(f"| `{name}` |" in text for name in FAULTS)
    assert "**full** run, seed 1" in text
    assert "**quick** run only" in page(records, {}, full=False, seed=1)
    with pytest.raises(ValueError, match="kill-api"):
        page([record(FAULTS["kill-api"], "a score was lost"), *records[1:]], {}, full=True, seed=1)
