"""``scoreboard up`` as a real process over real stores, with small stand-ins for the four services."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
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
