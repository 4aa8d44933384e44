"""Runs promtool and amtool; tests that need one are skipped with a reason where it is missing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dashboards import local
from scoreboard_cli.failures import ExpectedError

PROMTOOL = shutil.which("promtool")
AMTOOL = shutil.which("amtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here: Debian's package prometheus has it")
needs_amtool = pytest.mark.skipif(
    AMTOOL is None, reason="amtool is not here: Debian's package prometheus-alertmanager has it"
)


def _is_here() -> bool:
    try:
        local.program("prometheus")
        local.program("alertmanager")
    except ExpectedError:
        return False
    return True


needs_prometheus = pytest.mark.skipif(
    not _is_here(),
    reason="Prometheus and Alertmanager are not here: Debian's packages prometheus, prometheus-alertmanager",
)


def run(tool: str | None, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end; what it says is in the result."""
    assert tool is not None
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=False)
