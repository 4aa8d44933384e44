"""Each service installs with its own extra and needs nothing else; the lock covers everything and holds no address."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
SERVICES = {
    "api": "scoreboard_api.process",
    "realtime": "scoreboard_realtime.process",
    "worker": "scoreboard_worker.process",
    "anticheat-ml": "scoreboard_anticheat_ml.process",
    "operator": "scoreboard_operator.process",
}


def locked() -> set[str]:
    return {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", LOCK, re.MULTILINE)}


def test_the_lock_covers_every_dependency_and_names_no_address() -> None:
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    groups.append(PROJECT["dependency-groups"]["dev"])
    wanted = {canonicalize_name(Requirement(line).name) for group in groups for line in group}
    assert wanted <= locked()
    assert "://" not in LOCK
    assert "socketio" not in locked(), "an unrelated project that collides with python-socketio"


@pytest.mark.parametrize("extra", sorted(SERVICES))
@pytest.mark.timeout(300)
def test_a_service_imports_with_its_own_extra_only(extra: str, tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    tool = str(uv) if uv.exists() else shutil.which("uv")
    if tool is None:
        pytest.skip("uv is not installed in this environment")
    venv = tmp_path / "venv"
    run: Any = {"cwd": ROOT, "check": True, "capture_output": True}
    subprocess.run([tool, "venv", "--quiet", "--python", sys.executable, str(venv)], **run)
    python = str(venv / "bin" / "python")
    subprocess.run(
        [tool, "pip", "install", "--quiet", "--python", python, "--constraint", "requirements.lock", f".[{extra}]"],
        **run,
    )
    done = subprocess.run(
        [python, "-c", f"import {SERVICES[extra]}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
