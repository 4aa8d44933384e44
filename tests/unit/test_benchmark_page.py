"""The page about the benchmarks says of every figure what it had to be, and of every benchmark whether it ran."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import page, report

ROUND = {"rate": 100.0, "p50": 1.0, "p90": 2.0, "p99": 3.0}
MACHINE = {"processor": "one of a kind"}


def write_figures(ratio: float) -> dict[str, Any]:
    servers = {name: {"rounds": [ROUND]} for name in ("naive", "ours")}
    table = {"title": "Completions", "head": ["server", "rate"], "rows": [["naive | plain", "100"]]}
    pgbench = [{"name": "1 function call", "rate": 300.0}]
    return {
        **{"machine": MACHINE, "servers": servers, "pgbench": pgbench, "soak": [], "tables": [table]},
        "measured": {"ratio_to_naive": ratio, "p99_ms_at_64": 14.0, "p99_to_naive": 0.04},
    }


@pytest.mark.parametrize(("ratio", "word", "passed"), [(21.0, "goal reached", True), (7.0, "**FAILED**", False)])
def test_a_page_judges_what_was_measured(tmp_path: Path, ratio: float, word: str, passed: bool) -> None:
    assert page.write({"write": write_figures(ratio), "live": None}, tmp_path) is passed
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert f"| {ratio:g} | ≥ 11 | 20 | {word} |" in text
    assert "| 0.04 | ≤ 0.05 | 0.03 | goal missed |" in text
    assert "| 14 | ≤ 80 | 15 | goal reached |" in text
    assert "Not in this run: live." in text
    assert "processor one of a kind" in text
    assert "| naive \\| plain | 100 |" in text
    for file in ("write-rate.png", "write-latency.png"):
        assert f"(benchmarks/{file})" in text
        assert (tmp_path / "benchmarks" / file).stat().st_size > 1000


def test_a_figure_that_only_has_a_goal_never_fails() -> None:
    [low] = report.verdicts("write", {"ratio_to_one_call": 0.1})
    [high] = report.verdicts("write", {"ratio_to_one_call": 0.6})
    assert (low.passed, low.reached, low.word) == (True, False, "below goal")
    assert (high.passed, high.reached, high.word) == (True, True, "goal reached")


def test_an_unknown_figure_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        report.verdicts("write", {"made_up": 1.0})
