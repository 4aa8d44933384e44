"""A service that is told to leave while it still imports leaves at once, also as PID 1 of a container.

As PID 1 a process hears only the signals that it handles itself, and a signal that is handled ends the process with the
handler's code: 0 here, where the default action would show as -15.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = [f"scoreboard_{name}" for name in ("api", "realtime", "worker", "anticheat_ml", "operator")]
STUCK = "import time\nprint('importing', flush=True)\ntime.sleep(100)\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_service_can_leave_before_it_has_imported_anything(package: str, tmp_path: Path) -> None:
    (tmp_path / "structlog.py").write_text(STUCK)  # stands for a slow disk: all services import it early
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([sys.executable, "-m", package], env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"importing\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
