"""``scoreboard up`` as a real process over real stores, with small stand-ins for the four services."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from scoreboard_cli import ports
from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.processes import start_mark, wait_until

STAND_IN = """
import http.server, json, os, signal, sys
port = int(os.environ[{port_name!r}])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())
    def log_message(self, *arguments):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("stand-in ready", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
PORT_NAMES = {
    "api": "SCOREBOARD_API_PORT",
    "realtime": "SCOREBOARD_REALTIME_PORT",
    "worker": "SCOREBOARD_METRICS_PORT",
    "anticheat_ml": "SCOREBOARD_METRICS_PORT",
}
OWN_SETTINGS = ("DATABASE_URL", "REDIS_URL")


@dataclass
class Place:
    """A folder for ``up``, the stand-ins, and free ports."""

    root: Path
    api: int = field(default_factory=ports.pick_free)
    realtime: int = field(default_factory=ports.pick_free)
    metrics: int = field(default_factory=lambda: next(p for p in range(14000, 14900, 4) if _free(*range(p, p + 4))))
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.root / "data"

    def stand_in(self, name: str, code: str) -> None:
        package = self.root / "stand_ins" / f"scoreboard_{name}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(code)

    def up(self, *arguments: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        paths = [str(self.root / "stand_ins"), *filter(None, [os.environ.get("PYTHONPATH")])]
        ports_given = ("--api-port", self.api, "--realtime-port", self.realtime, "--metrics-port", self.metrics)
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "scoreboard_cli", "up", "--data", str(self.data), "--no-seed"),
                *(str(argument) for argument in (*ports_given, *arguments)),
            ],
            env=kept | {"PYTHONPATH": os.pathsep.join(paths)} | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def refused(self, *arguments: str) -> str:
        """What ``up`` says when it gives up; it must not be a traceback."""
        started = self.up(*arguments)
        _, said = started.communicate(timeout=60)
        assert started.returncode == 1, said
        assert "Traceback" not in said
        return said

    def running(self) -> dict[str, object]:
        content: dict[str, object] = json.loads((self.data / "run.json").read_text())
        return content

    def pids(self) -> dict[str, int]:
        return dict(self.running()["pids"])  # type: ignore[call-overload, no-any-return]


def _free(*candidates: int) -> bool:
    return all(ports.is_free(port) for port in candidates)


@pytest.fixture
def place() -> Iterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="sb-"))
    root.chmod(0o711)
    place = Place(root)
    for name, port_name in PORT_NAMES.items():
        place.stand_in(name, STAND_IN.format(port_name=port_name))
    yield place
    shutil.rmtree(root)


@contextlib.contextmanager
def started(place: Place, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = place.up(*arguments)
    try:
        assert wait_until(lambda: (place.data / "run.json").exists() or process.poll() is not None, 60)
        assert process.poll() is None, process.communicate()
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()


def test_up_starts_everything_and_stops_it_in_order(place: Place) -> None:
    with started(place) as process:
        pids = place.pids()
        assert sorted(pids) == ["anticheat", "api", "postgres", "realtime", "redis", "worker"]
        with urllib.request.urlopen(f"http://127.0.0.1:{place.api}/") as reply:
            environment = json.load(reply)
        services, owner = urlsplit(environment["DATABASE_URL"]), urlsplit(str(place.running()["database_url"]))
        assert (services.username, owner.username) == ("scoreboard_service", "scoreboard")
        assert (services.port, services.path) == (owner.port, owner.path)
        asyncio.run(_may_write_but_not_edit(environment["DATABASE_URL"]))
        assert environment["SCOREBOARD_REALTIME_URL"] == f"http://127.0.0.1:{place.realtime}"
        origins = f"http://127.0.0.1:{place.api},http://localhost:{place.api}"
        assert environment["SCOREBOARD_ALLOWED_ORIGINS"] == origins
        assert "PYTHONDONTWRITEBYTECODE" not in environment
        assert (place.data / "run.json").stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    stopped = [line.split()[1] for line in out.splitlines() if " stopped" in line]
    assert stopped == ["realtime", "api", "anticheat", "worker", "redis", "postgres"]
    assert f"http://127.0.0.1:{place.api}/docs" in out
    assert not any(map(start_mark, pids.values()))
    assert not (place.data / "run.json").exists()


async def _may_write_but_not_edit(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO audit_log (actor_role, event, subject, detail) VALUES ('a', 'b', 'c', '{}')"
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE audit_log SET event = 'x'")
    finally:
        await connection.close()


def test_data_and_keys_persist(place: Place) -> None:
    secrets = [place.data / "keys" / "signing_key.pem", place.data / "keys" / "master_key"]
    with started(place):
        first = [secret.read_text() for secret in secrets]
    began = time.monotonic()
    with started(place):
        assert time.monotonic() - began < 30
        assert [secret.read_text() for secret in secrets] == first
    assert all(secret.stat().st_mode & 0o077 == 0 for secret in secrets)


def test_a_second_up_in_the_same_folder_is_refused(place: Place) -> None:
    with started(place) as process:
        assert f"Another scoreboard runs in {place.data} (pid {process.pid})" in place.refused()
        assert process.poll() is None


def test_after_kill_9_nothing_is_left_and_the_next_start_works(place: Place) -> None:
    with started(place) as process:
        pids = place.pids()
        process.kill()
        process.communicate()
        if sys.platform == "linux":
            assert wait_until(lambda: not any(map(start_mark, pids.values())), 20), "orphans remain"
    (place.data / "run.json").unlink()
    with started(place):
        assert not any(map(start_mark, pids.values()))
        assert set(place.pids()) == set(pids)


def test_other_commands_see_that_a_killed_platform_is_gone(place: Place) -> None:
    with started(place) as process:
        process.kill()
        process.communicate()
    done = subprocess.run(
        [sys.executable, "-m", "scoreboard_cli", "migrate", "--data", str(place.data)],
        env={name: value for name, value in os.environ.items() if name not in OWN_SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Nothing is running here" in done.stderr
    assert "scoreboard up" in done.stderr


@pytest.mark.parametrize("name", ["worker", "redis", "postgres"])
def test_what_crashes_is_restarted(place: Place, name: str) -> None:
    with started(place) as process:
        os.kill(place.pids()[name], signal.SIGKILL)
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(name in line and "restarting: exit code -9" in line for line in lines)
        assert any(name in line and "ready" in line for line in lines)


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
