"""The ladder's table at the end of a run: which steps ran, which were skipped and why."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

STEPS = {
    "test_render": "render: generated files, golden files, Helm 3 = Helm 4",
    "test_schemas": "schemas of Kubernetes 1.29 to 1.36",
    "test_policy": "policy over rendered documents",
    "test_values": "wrong values are refused in words",
    "test_crds": "custom resources: structure, CEL, examples",
    "test_kubelet": "process kubelet: rendered containers boot, answer, drain",
    "test_early_pods": "pods that start before their stores or the schema",
    "test_helm_pods": "helm test pods against a running platform",
    "test_rolling": "rolling restart behind haproxy under load",
    "test_images": "images: rules of the Dockerfiles, sizes, hardened run",
    "test_cluster": "a real API server, where one is named",
    "test_recipes": "k8s folder, skaffold, commands of docs/operations.md",
}
_results: dict[str, list[tuple[str, str]]] = defaultdict(list)


def pytest_runtest_logreport(report: Any) -> None:
    step = Path(report.nodeid.split("::")[0]).stem
    if step not in STEPS or "tests/charts/" not in report.nodeid:
        return
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _results[step].append(("skipped", reason.removeprefix("Skipped: ")))
    elif report.when == "call" or report.failed:
        _results[step].append((report.outcome, ""))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _results:
        return
    terminalreporter.section("the ladder")
    for step, title in STEPS.items():
        outcomes = _results.get(step, [])
        count = {kind: sum(each == kind for each, _ in outcomes) for kind in ("passed", "failed", "skipped")}
        told = ", ".join(f"{number} {kind}" for kind, number in count.items() if number) or "not run"
        terminalreporter.write_line(f"{title:<62} {told}")
        for reason in sorted({reason for kind, reason in outcomes if kind == "skipped"}):
            terminalreporter.write_line(f"    skipped: {reason}")
