"""Runs promtool and amtool; tests that need one are skipped with a reason where it is missing."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = shutil.which("promtool")
AMTOOL = shutil.which("amtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here: Debian's package prometheus has it")
needs_amtool = pytest.mark.skipif(
    AMTOOL is None, reason="amtool is not here: Debian's package prometheus-alertmanager has it"
)


def run(tool: str | None, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end; what it says is in the result."""
    assert tool is not None
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=False)
