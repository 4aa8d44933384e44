"""An idle process tells 0 for every series whose labels are bounded, so that autoscalers and alerts see a sample."""

import ast
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from scoreboard.domain.events import Verdict
from scoreboard.domain.signals import Signal
from scoreboard.usecases.report_player import ReportReason
from scoreboard_realtime.transports import socketio

ROOT = Path(__file__).parents[2]
# Counted by what is said to whom, never what is scaled or alerted by: their first use makes them.
LATER = {"MESSAGES_SENT"}
Series = set[tuple[str, frozenset[str]]]


def idle_series() -> Series:
    """Name and label values of what a process tells that has done nothing but start."""
    code = "import scoreboard.telemetry, prometheus_client as p; print(p.generate_latest().decode())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {
        (sample.name, frozenset(sample.labels.values()))
        for family in text_string_to_metric_families(told)
        for sample in family.samples
    }


def labels_in_code() -> set[tuple[str, frozenset[str]]]:
    """Metric and label values wherever both stand literally in the code."""
    found = set()
    for path in [*(ROOT / "src" / "scoreboard").rglob("*.py"), *(ROOT / "services").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="labels", value=ast.Attribute(attr=metric, value=ast.Name(id="telemetry"))),
                    args=arguments,
                ):
                    values = [value for each in arguments for value in literals(each)]
                    found |= {(metric, frozenset({value})) for value in values if len(arguments) == 1}
    return found


def literals(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(word)):
            return [word]
        case ast.IfExp(body=yes, orelse=no):
            return [*literals(yes), *literals(no)]
    return []


def names_of(metric: str) -> set[str]:
    from scoreboard import telemetry

    (family,) = getattr(telemetry, metric).describe()
    return {family.name, f"{family.name}_total", f"{family.name}_count"}


def test_every_label_that_stands_in_the_code_is_there_from_the_start() -> None:
    series = idle_series()
    asked = {(metric, labels) for metric, labels in labels_in_code() if metric not in LATER}
    assert len(asked) > 20
    missing = {(metric, *labels) for metric, labels in asked if not {(n, labels) for n in names_of(metric)} & series}
    assert not missing


def test_labels_that_come_from_enumerations_are_there_from_the_start() -> None:
    series = idle_series()
    for name, values in (
        ("scoreboard_realtime_connections", (socketio.NAME, "websocket", "sse")),
        ("scoreboard_queue_items", ("guard", "create", "complete", "own_place", "around")),
        ("scoreboard_anticheat_signals_total", tuple(Signal)),
        ("scoreboard_model_verdicts_total", tuple(Verdict)),
        ("scoreboard_player_reports_total", tuple(ReportReason)),
        ("scoreboard_jobs_finished_total", ("succeeded", "failed")),
    ):
        told = {labels for told_name, labels in series if told_name == name}
        assert told == {frozenset({str(value)}) for value in values}, name
