"""The ladder says which steps ran, and a step that needs nothing may not be skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from charts.generate import CHARTS

SKIPPED = """import pytest

@pytest.mark.parametrize("server", ["{server}"])
def test_one(server):
    pytest.skip("not here")
"""


def ran(folder: Path, file: str, server: str) -> subprocess.CompletedProcess[str]:
    """A run over one test that skips itself, with the ladder's own conftest."""
    for name in ("charts", "operator"):
        (folder / "tests" / name).mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "conftest.py", folder / "tests" / "charts")
    (folder / "tests" / file).write_text(SKIPPED.format(server=server), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    command += ["--import-mode=importlib", "tests/charts", "tests/operator"]
    return subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", ["operator/test_story.py", "charts/test_kubelet.py", "charts/test_policy.py"])
def test_a_step_that_needs_nothing_may_not_be_skipped(file: str, tmp_path: Path) -> None:
    done = ran(tmp_path, file, "kmock")
    assert done.returncode == 1, done.stdout
    assert "this step may not be skipped" in done.stdout


@pytest.mark.parametrize("file", ["operator/test_story.py", "charts/test_rolling.py", "charts/test_images.py"])
def test_a_step_that_needs_a_tool_says_why_it_was_skipped(file: str, tmp_path: Path) -> None:
    done = ran(tmp_path, file, "real")
    assert done.returncode == 0, done.stdout
    assert "skipped: not here" in done.stdout


def test_the_ladder_runs_the_operator_too() -> None:
    makefile = (CHARTS.parent / "Makefile").read_text("utf-8")
    recipe = makefile.split("\ntest-charts:", 1)[1].splitlines()[1]
    assert {"tests/charts", "tests/operator"} <= set(recipe.split())
