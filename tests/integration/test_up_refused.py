"""What stops `scoreboard up`, in words, and what is left behind then."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from scoreboard_cli import ports
from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.processes import wait_until
from tests.integration.test_up import OWN_SETTINGS, PORT_NAMES, Place, place, started

__all__ = ["place"]


@pytest.mark.parametrize(("flag", "offset"), [("--api-port", 0), ("--realtime-port", 0), ("--metrics-port", 2)])
def test_a_taken_port_names_its_holder_and_the_flag(place: Place, flag: str, offset: int) -> None:
    port = {"--api-port": place.api, "--realtime-port": place.realtime, "--metrics-port": place.metrics}[flag] + offset
    with socket.create_server(("127.0.0.1", port)):
        said = place.refused()
    assert f"Port {port}" in said
    assert f"pid {os.getpid()}" in said
    assert flag in said


@pytest.mark.parametrize(("name", "default"), [("DATABASE_URL", "postgresql"), ("REDIS_URL", "redis")])
def test_an_unreachable_store_is_named_without_its_password(place: Place, name: str, default: str) -> None:
    place.environment[name] = f"{default}://someone:secret@127.0.0.1:{ports.pick_free()}/0"
    said = place.refused()
    assert "127.0.0.1:" in said
    assert f"({name}) is not reachable" in said
    assert "secret" not in said


def test_a_service_that_cannot_start_shows_why_and_everything_stops(place: Place) -> None:
    place.stand_in("worker", "raise SystemExit('no such queue')")
    said = place.refused()
    assert "worker ended with exit code 1" in said
    assert "no such queue" in said
    assert not list((place.data / "processes").glob("*.json"))
    assert not (place.data / "postgres" / "process.json").exists()


def test_an_unusable_folder_is_named(place: Place) -> None:
    place.data.touch()
    assert f"The folder {place.data} cannot be used" in place.refused()


def test_ctrl_c_while_starting_stops_cleanly(place: Place) -> None:
    place.stand_in("worker", "import time; time.sleep(600)")
    process = place.up()
    record = place.data / "processes" / "worker.json"
    assert wait_until(record.exists, 60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert not record.exists()


def test_a_service_left_by_a_crash_elsewhere_frees_its_port(place: Place) -> None:
    """Where the kernel tells children nothing (macOS), a service outlives a killed supervisor."""
    environment = dict(os.environ) | {"PYTHONPATH": str(place.root / "stand_ins"), PORT_NAMES["api"]: str(place.api)}
    leftover = subprocess.Popen([sys.executable, "-m", "scoreboard_api"], env=environment, stdout=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: not ports.is_free(place.api), 20)
        DataFolder(place.data).record("api").write(leftover.pid)
        with started(place):
            assert leftover.poll() is not None
    finally:
        leftover.kill()
        leftover.wait()


def test_the_other_commands_work_on_the_running_platform(place: Place) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}

    def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "scoreboard_cli", *arguments, "--data", str(place.data)],
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    with started(place):
        seeded = run("migrate", "--seed")
        assert (seeded.returncode, "demo boards" in seeded.stdout) == (0, True), seeded
        assert run("rebuild").stdout.strip().endswith("leaderboards rebuilt.")
        assert "1 leaderboard rebuilt." in run("rebuild", "main").stdout
        unknown = run("rebuild", "nowhere")
        assert unknown.returncode == 1
        assert "Traceback" not in unknown.stderr
        created = run("create-admin", "chief", "--password-stdin", text="correct horse battery\n")
        assert "chief is an administrator." in created.stdout, created.stderr
        refused = run("create-admin", "chief", "--password-stdin", text="\n")
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
