"""Stores and servers to measure on: started for one run, placed on cores, gone afterwards.

Who runs where decides what is measured. The application server has the first core for itself: it is what is compared,
and Python uses one core. The load, Postgres and Redis share the others. On two cores this is the honest split: with
everything floating, the faster a server is, the more its own stores and its own load get in its way.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import asyncpg
import psutil

from scoreboard.settings import Settings
from scoreboard.storage.migrate import migrate
from scoreboard_cli.keys import development_keys
from scoreboard_cli.ports import pick_free
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.valkey_server import ValkeyServer

TEMPLATE = "template_benchmark"
ROOT = Path(__file__).resolve().parent.parent
# The limits are checked on every request, but nobody runs into them.
_ROOMY = {
    f"SCOREBOARD_{name}": "1000000"
    for name in (
        "PLAYER_WRITE_RATE",
        "PLAYER_WRITE_BURST",
        "ADDRESS_RATE",
        "ADDRESS_BURST",
        "GLOBAL_RATE",
        "GLOBAL_BURST",
        "SOCKETS_PER_ADDRESS",
        "SOCKETS_PER_PLAYER",
    )
} | {"SCOREBOARD_SOCKETS_PER_POD": "6000"}


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the measured server and everything else have."""

    server: frozenset[int]
    others: frozenset[int]

    @property
    def every(self) -> frozenset[int]:
        """All of them."""
        return self.server | self.others


def split_cores() -> Cores:
    """The first core for the server; on a machine with one core nothing is split."""
    mine = sorted(os.sched_getaffinity(0))
    return Cores(frozenset(mine[:1]), frozenset(mine[1:] or mine))


@dataclass
class Ground:
    """Running stores and the folder that everything of this run lies in."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    keys: dict[str, str]
    cores: Cores
    _valkey_databases: int = 0

    def environment(self, name: str, **extra: str) -> dict[str, str]:
        """A fresh database and a fresh Redis database, and everything else that a service reads at its start."""
        asyncio.run(self._create(name))
        self._valkey_databases += 1
        return {
            **self.keys,
            **_ROOMY,
            "DATABASE_URL": self.postgres.url_for(name),
            "REDIS_URL": self.valkey.url_for(self._valkey_databases),
            **extra,
        }

    async def _create(self, name: str) -> None:
        await self.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")

    async def run(self, statement: str) -> None:
        """Run one statement of an administrator."""
        connection = await asyncpg.connect(self.postgres.url_for("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def place_stores(self, cores: frozenset[int]) -> None:
        """Move the stores to these cores; Postgres' future connections inherit it."""
        for pid in (self.postgres.pid, self.valkey.pid):
            if pid is not None:
                process = psutil.Process(pid)
                for each in (process, *process.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess, ProcessLookupError):  # a connection that ended meanwhile
                        for thread in each.threads():
                            os.sched_setaffinity(thread.id, cores)


@contextmanager
def prepared_ground() -> Iterator[Ground]:
    """Start the stores as the product starts them, durable as it is; stop and remove them in the end."""
    folder = Path(tempfile.mkdtemp(prefix="sb"))
    folder.chmod(0o711)  # Postgres may run as another user
    postgres, valkey = PostgresServer(folder / "pg"), ValkeyServer(folder / "vk")
    try:
        postgres.start()
        valkey.start()
        ground = Ground(folder, postgres, valkey, development_keys(folder / "keys", {}), split_cores())
        asyncio.run(ground.run(f"CREATE DATABASE {TEMPLATE}"))
        asyncio.run(migrate(postgres.url_for(TEMPLATE)))
        ground.place_stores(ground.cores.others)
        yield ground
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def settings_of(environment: dict[str, str]) -> Settings:
    """Settings as a service with this environment reads them."""
    before = dict(os.environ)
    try:
        os.environ.update(environment)
        return Settings()  # type: ignore[call-arg]
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass
class Server:
    """A server process on the measured core."""

    module: str
    environment: dict[str, str]
    log: Path
    cores: frozenset[int]
    port_variable: str = "SCOREBOARD_API_PORT"
    port: int = field(default_factory=pick_free)
    pause: float = 0.05
    process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 30.0) -> None:
        """Start it and wait until it is ready. Raises RuntimeError with the end of its log when it is not."""
        environment = {**os.environ, **self.environment, self.port_variable: str(self.port)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module], env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        os.sched_setaffinity(self.process.pid, self.cores)
        deadline = time.monotonic() + patience
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.module} did not become ready:\n{self.tail()}")
            time.sleep(self.pause)

    def _ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=2) as reply:
                return bool(reply.status == 200)
        except (URLError, OSError):
            return False

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        assert self.process is not None
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-3000:]

    def stop(self) -> None:
        """SIGTERM and wait, so that what is under way is finished."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
