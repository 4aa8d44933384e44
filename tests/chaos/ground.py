"""Ground for faults: stores of its own and the platform's processes, each of which can be broken alone."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2 as httpx
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.usecases.change_role import change_role
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard_cli.embedded_server import EmbeddedServer
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.valkey_server import ValkeyServer
from tests.conftest import furnish
from tests.stage import PASSWORD, Person, Service, Stores, free_port, make_keys, patient, register, until

READY_WITHIN = 150.0  # on a busy machine the model's process imports for a while
LIVELY = {
    # A chaos test has seconds: what the platform does now and then, it does often.
    "SCOREBOARD_AUDIT_EVERY": "0.5",
    "SCOREBOARD_ROLLUP_EVERY": "0.5",
    "SCOREBOARD_JOB_LEASE": "1",
    "SCOREBOARD_SOCKETS_PER_ADDRESS": "10000",
}
LOOPS = ("sweep", "jobs", "seasons", "leaderboards", "revocations", "audit", "activity")
"""Of the worker; the others turn so seldom that no test can wait for them."""
_POSTGRES = {"max_connections": "200"}


@dataclass
class Ground:
    """Stores and processes. A service is named after its module; ``api-2`` is a second process of ``api``."""

    stores: Stores
    environment: dict[str, str]
    platform: Platform
    folder: Path
    services: dict[str, Service] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=15))
    concealed: set[str] = field(default_factory=set)
    """Ids of players whom nobody may see on a board."""

    @property
    def apis(self) -> list[str]:
        """Addresses of the API's processes, of those too that are down."""
        return [service.url for name, service in self.services.items() if service.name == "api"]

    @property
    def realtimes(self) -> list[str]:
        """Addresses of the realtime processes."""
        return [service.url for name, service in self.services.items() if service.name == "realtime"]

    def add(self, name: str, **extra: str) -> Service:
        """A further process, not started yet."""
        module = name.partition("-")[0].replace("ml", "anticheat_ml")
        port = free_port()
        environment = {**self.environment, "SCOREBOARD_METRICS_PORT": str(port), **extra}
        service = Service(module, environment, self.folder / f"{name}.log")
        self.services[name] = service
        own = module in ("worker", "anticheat_ml")
        self.metrics[name] = f"http://127.0.0.1:{service.port if own else port}/metrics"
        return service

    async def start(self, *names: str) -> None:
        """Start processes and wait until all are ready."""
        for name in names:
            self.services[name].start()
        await self.ready(*names)

    async def start_store(self, store: EmbeddedServer) -> None:
        """Start a store that was ended and wait until it serves, without keeping everybody else waiting."""
        store.launch()
        await until(store.is_ready, within=60, what=f"{store.title} being ready")

    async def ready(self, *names: str) -> None:
        """Wait until these are ready; all when none is named."""
        chosen = names or tuple(self.services)
        await asyncio.gather(*(self.services[name].ready(READY_WITHIN) for name in chosen))

    def pause(self, name: str) -> None:
        """SIGSTOP."""
        self._signal(name, signal.SIGSTOP)

    def wake(self, name: str) -> None:
        """SIGCONT."""
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: int) -> None:
        process = self.services[name].process
        assert process is not None
        process.send_signal(number)

    def running(self) -> dict[str, bool]:
        """Which processes have not ended by themselves or otherwise."""
        return {
            name: service.process is not None and service.process.poll() is None
            for name, service in self.services.items()
        }

    async def scrape(self, name: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """A process's metrics: (name, sorted labels) → value."""
        async with httpx.AsyncClient(timeout=20) as client:
            text = (await client.get(self.metrics[name])).text
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def total(self, name: str, metric: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        wanted = set(labels.items())
        found = await self.scrape(name)
        return sum(value for (known, marks), value in found.items() if known == metric and wanted <= set(marks))

    async def loops_alive(self, since: float, name: str = "worker") -> bool:
        """Whether every loop that turns within seconds has finished a round since (seconds of the wall clock)."""
        found = await self.scrape(name)
        rounds = {
            dict(marks)["loop"]: value
            for (metric, marks), value in found.items()
            if metric == "scoreboard_loop_last_success_seconds"
        }
        return all(rounds.get(loop, 0.0) > since for loop in LOOPS)

    async def sql(self, statement: str, *values: Any, database: str | None = None) -> list[Any]:
        """Run a statement as the owner, on the ground's database unless another is named."""
        url = self.stores.postgres.url_for(database) if database else self.environment["DATABASE_URL"]
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    def redis(self) -> "Redis[str]":
        """A client of the ground's Redis; close it."""
        return Redis.from_url(self.environment["REDIS_URL"])

    async def person(self) -> Person:
        """A new player, registered at the first API."""
        async with httpx.AsyncClient(base_url=self.apis[0], timeout=30) as client:
            found = await register(client)
        found.client = self.client
        return found

    async def people(self, count: int) -> list[Person]:
        """New players."""
        return [await self.person() for _ in range(count)]

    async def server(self) -> Person:
        """A trusted server, which may complete actions of others in batches."""
        person = await self.person()
        await change_role(self.platform, person.username, Role.SERVICE)
        login = {"username": person.username, "password": PASSWORD}
        reply = await self.client.post(f"{self.apis[0]}/api/v1/auth/login", json=login)
        assert reply.status_code == 200, reply.text
        return Person(self.client, person.id, person.username, reply.json())

    async def conceal(self) -> None:
        """Give the board a hidden and a banned player with points, whom no view may ever show (I7)."""
        for status in (PlayerStatus.HIDDEN, PlayerStatus.BANNED):
            person = await self.person()
            body = {"action_id": f"before-{status}", "kind": "tap2"}
            reply = await self.client.post(f"{self.apis[0]}/api/v1/scores/update", json=body, headers=person.headers)
            assert reply.status_code == 200, reply.text
            await change_status(self.platform, person.username, status, by="chaos")
            self.concealed.add(person.id)

    async def whole(self) -> None:
        """Bring back whatever a test that failed left behind: for the next one."""
        for store in (self.stores.postgres, self.stores.valkey):
            if store.pid is None:
                store.start()
            else:
                os.kill(store.pid, signal.SIGCONT)
        gone = []
        for name, service in self.services.items():
            if service.process is None or service.process.poll() is not None:
                service.start()
                gone.append(name)
            else:
                self.wake(name)
        await self.ready(*gone) if gone else None

    def end(self) -> None:
        """End every process."""
        for name, service in self.services.items():
            if service.process is not None and service.process.poll() is None:
                self.wake(name)
                service.kill()


@asynccontextmanager
async def open_ground(*names: str, postgres: dict[str, str] | None = None, **extra: str) -> AsyncIterator[Ground]:
    """Stores, processes, a furnished board with two concealed players, and players' client.

    Args:
        names: processes to start, as ``("api", "api-2", "worker", "ml", "realtime")``.
        postgres: server settings beside ours.
        extra: settings of the processes.
    """
    folder = Path(tempfile.mkdtemp(prefix="sbchaos"))
    folder.chmod(0o711)  # as root, Postgres runs as another user
    # What is killed here is a process, not the machine: the system's cache keeps what was written.
    options = {"fsync": "off", **_POSTGRES, **(postgres or {})}
    stores = Stores(PostgresServer(folder / "postgres", options=options), ValkeyServer(folder / "valkey"), make_keys())
    stores.postgres.start()
    stores.valkey.start()
    ground: Ground | None = None
    try:
        await stores.prepare()
        environment = await stores.environment(**{**LIVELY, **extra})
        platform = open_platform(patient(environment), application="test")
        await furnish(platform)
        ground = Ground(stores, environment, platform, folder)
        for name in names:
            ground.add(name)
        await ground.start(*names)
        if ground.apis:
            await ground.conceal()
        yield ground
    finally:
        if ground is not None:
            ground.end()
            await ground.client.aclose()
            await ground.platform.close()
        for store in (stores.valkey, stores.postgres):
            if store.pid is not None:
                os.kill(store.pid, signal.SIGCONT)
        stores.valkey.stop()
        stores.postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began
