"""The ladder's table at the end of a run: which steps ran, which were skipped and why.

Some steps need nothing that could be missing: if one of their tests is skipped, the run has failed.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

STEPS = {
    "test_render": "render: generated files, golden files",
    "helm 3": "render: Helm 3 = Helm 4",
    "test_schemas": "schemas of Kubernetes 1.29 to 1.36",
    "test_policy": "policy over rendered documents",
    "test_values": "wrong values are refused in words",
    "test_choices": "what single values lead to: stopped, spread, migrations",
    "test_database_values": "Postgres: connections, the chart's own cluster, its restore",
    "promtool": "KEDA's arithmetic, by promtool",
    "test_crds": "custom resources: structure, CEL, examples",
    "test_kubelet": "process kubelet: rendered containers boot, answer, drain",
    "test_early_pods": "pods that start before their stores or the schema",
    "test_helm_pods": "helm test pods against a running platform",
    "kmock": "operator against an emulated API server (kmock)",
    "real": "operator against a real API server, where one is named",
    "test_rolling": "rolling restart behind haproxy under load",
    "test_images": "images: rules of the Dockerfiles, sizes, hardened run",
    "test_cluster": "documents at a real API server, where one is named",
    "test_recipes": "k8s folder, skaffold, commands of docs/operations.md",
}
_GOES_ON = {"test_policy_access": "test_policy", "test_kubelet_rules": "test_kubelet"}
"""Modules that go on with the step of another."""
NEVER_SKIPPED = {
    *("test_render", "test_schemas", "test_policy", "test_values", "test_choices", "test_database_values"),
    *("test_crds", "test_kubelet", "test_early_pods", "test_helm_pods", "kmock"),
}
ELSEWHERE = "alert rules, live scrapes, dashboards, routes: tests/observability (make test)"


def step_of(nodeid: str) -> str | None:
    """The step that a test belongs to; None for tests of other folders."""
    path, _, test = nodeid.partition("::")
    if "tests/operator/" in path:
        return "real" if re.search(r"[\[-]real[]-]", test) else "kmock"
    if "tests/charts/" not in path:
        return None
    for words, step in (("test_helm_3_", "helm 3"), ("test_keda_scales_", "promtool")):
        if test.startswith(words):
            return step
    stem = Path(path).stem
    return _GOES_ON.get(stem, stem)


class Ladder:
    """A plugin of its own: what stands in a conftest hears of the tests of its folder only."""

    def __init__(self) -> None:
        self._results: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: Any) -> None:
        step = step_of(report.nodeid)
        if step not in STEPS:
            return
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._results[step].append(("skipped", reason.removeprefix("Skipped: ")))
        elif report.when == "call" or report.failed:
            self._results[step].append((report.outcome, ""))

    def _wrongly_skipped(self) -> list[str]:
        skipped = {step for step, outcomes in self._results.items() if any(kind == "skipped" for kind, _ in outcomes)}
        return sorted(skipped & NEVER_SKIPPED)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._wrongly_skipped() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._results:
            return
        terminalreporter.section("the ladder")
        for step, title in STEPS.items():
            outcomes = self._results.get(step, [])
            count = {kind: sum(each == kind for each, _ in outcomes) for kind in ("passed", "failed", "skipped")}
            told = ", ".join(f"{number} {kind}" for kind, number in count.items() if number) or "not run"
            terminalreporter.write_line(f"{title:<62} {told}")
            for reason in sorted({reason for kind, reason in outcomes if kind == "skipped"}):
                terminalreporter.write_line(f"    skipped: {reason}")
        terminalreporter.write_line(ELSEWHERE)
        for step in self._wrongly_skipped():
            terminalreporter.write_line(f"FAILED: this step may not be skipped: {STEPS[step]}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Ladder(), "ladder")
