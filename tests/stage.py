"""What tests stand on: real stores, real processes, and players who play. No fakes of anything that is ours."""

import asyncio
import base64
import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2 as httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis.asyncio import Redis

from scoreboard.settings import Settings
from scoreboard.storage.migrate import migrate
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.valkey_server import ValkeyServer

TEMPLATE = "template_scoreboard"
GENEROUS = {
    "SCOREBOARD_PLAYER_WRITE_RATE": "100000",
    "SCOREBOARD_PLAYER_WRITE_BURST": "100000",
    "SCOREBOARD_PLAYER_READ_RATE": "100000",
    "SCOREBOARD_PLAYER_READ_BURST": "100000",
    "SCOREBOARD_ADDRESS_RATE": "100000",
    "SCOREBOARD_ADDRESS_BURST": "100000",
    "SCOREBOARD_GLOBAL_RATE": "100000",
    "SCOREBOARD_GLOBAL_BURST": "100000",
    "SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE": "100000",
    "SCOREBOARD_LOGIN_ACCOUNT_PER_MINUTE": "100000",
    "SCOREBOARD_ACTION_PER_MINUTE": "6000000",
    "SCOREBOARD_ANTICHEAT_MODE": "shadow",
    "SCOREBOARD_INCIDENT_FAILURES": "1000000",
    "SCOREBOARD_OVERLOAD_DELAY": "2",
}
_databases = itertools.count(1)
_emptied = itertools.count(1)
_NUMBERED = 64  # databases of one Valkey


def make_keys() -> dict[str, str]:
    """Keys of a test platform."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "SCOREBOARD_SIGNING_KEY": key.decode(),
        "SCOREBOARD_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def free_port() -> int:
    """A port that was free a moment ago, below those from which clients are given theirs."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings as a service with this environment would read them."""
    before = dict(os.environ)
    try:
        os.environ.update(environment)
        return Settings()
    finally:
        os.environ.clear()
        os.environ.update(before)


def patient(environment: Mapping[str, str]) -> Settings:
    """Settings for a platform in a test's own process: a busy machine's late answer from Redis is no outage there.

    A Redis that is gone refuses at once; how long one that hangs is waited for is tested with services' own settings.
    """
    # A test folds a whole ledger inside the transaction that read it.
    thinking = {"SCOREBOARD_DATABASE_IDLE_TIMEOUT": "120"}
    return settings_from({**thinking, **environment, "SCOREBOARD_REDIS_TIMEOUT": "5"})


@dataclass
class Stores:
    """One Postgres and one Valkey, shared by the tests of a worker; every test gets a database of its own."""

    postgres: PostgresServer
    valkey: ValkeyServer
    keys: dict[str, str]

    async def prepare(self) -> None:
        """Migrate the template once."""
        await self._run(f"CREATE DATABASE {TEMPLATE}")
        await migrate(self.postgres.url_for(TEMPLATE))

    async def environment(self, **extra: str) -> dict[str, str]:
        """A fresh database, an emptied numbered database of Valkey, and limits that do not get in the way."""
        number = next(_databases)
        name = f"test_{os.getpid()}_{number}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return {
            **self.keys,
            **GENEROUS,
            "DATABASE_URL": self.postgres.url_for(name),
            "REDIS_URL": await self.emptied_redis(),
            **extra,
        }

    async def emptied_redis(self) -> str:
        """The address of a numbered database of Valkey that holds nothing: what another test said in its stream would
        be taken for this one's, as both number their ledgers from 1.
        """
        url = self.valkey.url_for(next(_emptied) % _NUMBERED)
        client = Redis.from_url(url)
        await client.flushdb()
        await client.aclose()
        return url

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self.postgres.url_for("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def until(
    condition: Callable[[], Any], *, within: float = 30.0, every: float = 0.02, what: str = "the condition"
) -> Any:
    """Wait for a condition (a plain or async callable that returns something true) and return its value."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within} s")
        await asyncio.sleep(every)


DEGRADED_S = 3.0
"""A process that has just begun on a busy machine may take its first answer from Redis for a late one."""


@dataclass
class Service:
    """A service as its own process on a free port."""

    name: str
    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        own = {
            "api": "SCOREBOARD_API_PORT",
            "realtime": "SCOREBOARD_REALTIME_PORT",
            "worker": "SCOREBOARD_METRICS_PORT",
            "anticheat_ml": "SCOREBOARD_METRICS_PORT",
            "operator": "SCOREBOARD_METRICS_PORT",
        }
        environment = {**os.environ, **self.environment, own[self.name]: str(self.port)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"scoreboard_{self.name}"], env=environment, stdout=log, stderr=log
            )

    async def ready(self, within: float = 60.0) -> None:
        """Wait until it answers and reaches its stores; a store that stays away is a matter of the test."""
        first: list[float] = []

        async def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"{self.name} ended:\n{self.log.read_text()[-3000:]}"
            try:
                async with httpx.AsyncClient() as client:
                    reply = await client.get(f"{self.url}/health/ready", timeout=2)
            except httpx.HTTPError:
                return False
            if reply.status_code != 200:
                return False
            first.append(time.monotonic())
            return "degraded" not in reply.text or first[-1] - first[0] > DEGRADED_S

        await until(answers, within=within, what=f"{self.name} being ready")

    def kill(self) -> None:
        """Kill -9, as a machine that fails would."""
        self._end(signal.SIGKILL)

    def stop(self, within: float = 40.0) -> int:
        """SIGTERM; the exit status."""
        return self._end(signal.SIGTERM, within)

    def _end(self, number: int, within: float = 40.0) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not stop:\n{self.log.read_text()[-3000:]}") from None


@dataclass
class Person:
    """A player with a session, as a client of the API."""

    client: httpx.AsyncClient
    id: str
    username: str
    session: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session['access_token']}"}

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, json=body, headers={**self.headers, **named})

    async def insist(self, path: str, body: Any, key: str, *, within: float = 40.0) -> httpx.Response:
        """Send it until it is answered for good, as our clients do: always with the same Idempotency-Key."""
        last: list[object] = []

        async def answer() -> httpx.Response | None:
            try:
                reply = await self.post(path, body, Idempotency_Key=key)
            except httpx.TransportError as error:
                last[:] = [error]
                return None
            last[:] = [reply.status_code, reply.text]
            assert reply.status_code != 500, reply.text
            return None if reply.status_code in (503, 504) else reply

        reply: httpx.Response = await until(answer, within=within, every=0.05, what=f"an answer (last: {last})")
        return reply

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params or None, headers=self.headers)

    async def begin(self, kind: str) -> dict[str, Any]:
        reply = await self.post("/api/v1/actions", {"kind": kind})
        assert reply.status_code == 201, reply.text
        begun: dict[str, Any] = reply.json()
        return begun

    async def complete(self, begun: dict[str, Any], **body: Any) -> httpx.Response:
        fields = {"action_token": begun["action_token"], **body}
        return await self.post(f"/api/v1/actions/{begun['action_id']}/complete", fields)

    async def score(self, kind: str, **body: Any) -> dict[str, Any]:
        """Begin and complete; the reply."""
        reply = await self.complete(await self.begin(kind), **body)
        assert reply.status_code == 200, reply.text
        completed: dict[str, Any] = reply.json()
        return completed


PASSWORD = "correct horse battery"


async def register(client: httpx.AsyncClient, username: str | None = None) -> Person:
    """A new player."""
    name = username or f"player-{secrets.token_hex(5)}"
    reply = await client.post("/api/v1/auth/register", json={"username": name, "password": PASSWORD})
    assert reply.status_code == 201, reply.text
    session = reply.json()
    return Person(client, session["player"]["id"], name, session)
