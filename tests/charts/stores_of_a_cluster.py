"""The stores and Secrets that a release finds: a database with an owner, and a login for the services."""

import itertools
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from charts.generate import CHART
from scoreboard_cli.binaries import find_postgres
from scoreboard_cli.postgres_server import PostgresServer
from tests.charts.documents import Document
from tests.charts.kubelet import Secrets
from tests.stage import Stores

_numbers = itertools.count(1)
WRITER = "scoreboard_writer"


@dataclass(frozen=True)
class Found:
    """What the cluster holds before the chart comes.

    ``services`` maps names and ports of the cluster to addresses here, as DNS does.
    """

    secrets: Secrets
    services: dict[str, str]
    owner_url: str
    service_url: str
    redis_url: str


async def prepare(stores: Stores) -> Found:
    """An empty database of an owner's, the roles that an administrator makes, and every Secret that profiles name."""
    number = next(_numbers)
    name, password = f"release_{secrets.token_hex(3)}_{number}", secrets.token_hex(12)
    owner, login = f"{name}_owner", f"{name}_service"
    connection = await asyncpg.connect(stores.postgres.url_for("postgres"))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", WRITER):
            await connection.execute(f"CREATE ROLE {WRITER} NOLOGIN")
        await connection.execute(f"CREATE ROLE {owner} LOGIN PASSWORD '{password}'")
        await connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{password}' IN ROLE {WRITER}")
        await connection.execute(f"CREATE DATABASE {name} OWNER {owner}")
    finally:
        await connection.close()
    parts = urlsplit(stores.postgres.url_for(name))
    place = f"{parts.hostname}:{parts.port}/{name}"
    owner_url, service_url = (f"postgresql://{role}:{password}@{place}" for role in (owner, login))
    redis_url = await stores.emptied_redis()
    keys = {
        "signing-key": stores.keys["SCOREBOARD_SIGNING_KEY"],
        "master-key": stores.keys["SCOREBOARD_MASTER_KEY"],
    }
    found: Secrets = {
        "scoreboard-keys": keys,
        "scoreboard-postgres": {"url": service_url},
        "scoreboard-postgres-owner": {"url": owner_url},
        "scoreboard-redis": {"url": redis_url},
        "shared-postgres": {"scoreboard-url": service_url},
        "shared-redis": {"scoreboard-url": redis_url},
        "scoreboard-db-app": {"uri": owner_url},
        "scoreboard-service-login": {"username": "scoreboard_service", "password": password},
        "scoreboard-dev-postgres": {"owner-password": password, "service-password": password},
    }
    return Found(found, {}, owner_url, service_url, redis_url)


def options_of(container: Document) -> dict[str, str]:
    """The server settings among a container's arguments, given as ``-c name=value``."""
    arguments = container["args"]
    assert arguments[::2] == ["-c"] * (len(arguments) // 2)
    return dict(each.split("=", 1) for each in arguments[1::2])


@contextmanager
def own_postgres(found: Found, folder: Path, options: dict[str, str]) -> Iterator[Found]:
    """A Postgres with the names that the chart composes itself, furnished by the chart's own script.

    The image of Postgres makes user and database scoreboard, then runs the script; the embedded server has both too.
    """
    folder.mkdir()
    folder.chmod(0o711)
    server = PostgresServer(folder / "postgres", options={"fsync": "off", **options})
    server.start()
    try:
        parts = urlsplit(server.url)
        password = found.secrets["scoreboard-dev-postgres"]["service-password"]
        environment = {
            **{"POSTGRES_USER": "scoreboard", "POSTGRES_DB": "scoreboard", "SERVICE_PASSWORD": password},
            **{"PGHOST": str(parts.hostname), "PGPORT": str(parts.port), "PGPASSWORD": str(parts.password)},
            "PATH": f"{find_postgres().directory}:{os.environ['PATH']}",
        }
        script = CHART / "files" / "roles.sh"
        done = subprocess.run(["sh", str(script)], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        place = f"{parts.hostname}:{parts.port}"
        passwords = {"owner-password": str(parts.password), "service-password": password}
        known = {**found.secrets, "scoreboard-dev-postgres": passwords, "scoreboard-db-app": {"uri": server.url}}
        service_url = f"postgresql://scoreboard_service:{password}@{place}/scoreboard"
        services = {"scoreboard-db-rw:5432": place, "scoreboard-postgres:5432": place}
        yield Found(known, services, server.url, service_url, found.redis_url)
    finally:
        server.stop()
