"""A process whose schema is not there, or too old, takes no requests, and says why; a newer one does not disturb it."""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2 as httpx
import pytest
from alembic import command
from prometheus_client import REGISTRY
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from scoreboard.storage import migrate, schema_revision
from scoreboard.storage.database import driver_url
from scoreboard.storage.privileges import WRITER
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import open_platform
from scoreboard_api.app import create_app
from tests.pipe import Pipe
from tests.stage import Stores, patient, settings_from, until

BEFORE = f"{int(schema_revision.NEEDED) - 1:04}"


async def upgrade(url: str, revision: str) -> None:
    def apply(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = create_async_engine(driver_url(url))
    async with engine.connect() as connection:
        await connection.run_sync(apply)
        await connection.commit()
    await engine.dispose()


async def test_readiness_waits_for_the_schema(stores: Stores) -> None:
    await stores._run("CREATE DATABASE without_schema")
    url = stores.postgres.url_for("without_schema")
    environment = await stores.environment(DATABASE_URL=url, SCOREBOARD_LOG_LEVEL="error")
    app, wiring = create_app(settings_from(environment))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:

        async def ready() -> tuple[int, str, str | None]:
            reply = await client.get("/health/ready")
            told = reply.json()
            assert told["checks"]["database"] == "ok"
            assert REGISTRY.get_sample_value("scoreboard_schema_mismatch") == (reply.status_code != 200)
            return reply.status_code, told["status"], told["checks"].get("schema")

        assert await ready() == (503, "unavailable", "missing")
        assert (await client.get("/health/startup")).json()["status"] == "started"
        await upgrade(url, BEFORE)
        assert await ready() == (503, "unavailable", "outdated")
        both = {"revision": BEFORE, "needed": schema_revision.NEEDED}
        assert REGISTRY.get_sample_value("scoreboard_schema_revision_info", both) == 1
        await migrate.migrate(url)
        assert await ready() == (200, "ok", None)
        assert REGISTRY.get_sample_value("scoreboard_schema_revision_info", both) is None
        connection = await asyncpg.connect(url)
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await connection.close()
        assert await ready() == (200, "ok", None), "the next version's schema only adds to ours"
    await wiring.close()


async def test_the_migration_of_an_older_version_leaves_a_newer_schema_as_it_is(stores: Stores, tmp_path: Path) -> None:
    """After a rollback, and for a pod of the former version that starts during an upgrade, it runs again."""
    url = (await stores.environment())["DATABASE_URL"]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await connection.execute(f"GRANT SELECT ON alembic_version TO {WRITER}")
        await connection.execute(f"GRANT TRUNCATE ON players TO {WRITER}")  # what only the newer version knows of
        ours = {**os.environ, **stores.keys, "DATABASE_URL": url}
        command_line = [sys.executable, "-m", "scoreboard_cli", "migrate", "--data", str(tmp_path), "--require-writer"]
        done = await asyncio.to_thread(subprocess.run, command_line, env=ours, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert "A newer version has migrated this database." in done.stdout
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
        assert await connection.fetchval(f"SELECT has_table_privilege('{WRITER}', 'players', 'TRUNCATE')")
    finally:
        await connection.close()


async def test_a_login_without_rights_is_told_what_it_lacks(stores: Stores) -> None:
    role, password = f"nobody_{secrets.token_hex(6)}", secrets.token_hex(12)
    await stores._run(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    environment = await stores.environment()
    parts = urlsplit(environment["DATABASE_URL"])
    url = parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}").geturl()
    platform = open_platform(patient({**environment, "DATABASE_URL": url}), application="test")
    with capture_logs() as logs:
        status, checks = await Health(platform).check()
    await platform.close()
    assert (status, checks) == ("unavailable", {"database": "ok", "redis": "ok", "schema": "no rights"})
    assert [line["event"] for line in logs if "scoreboard_writer" in line["event"]]


@pytest.mark.parametrize("first", [True, False], ids=["an open connection", "a new connection"])
async def test_a_database_that_hangs_is_away_sooner_than_a_probe_gives_up(stores: Stores, first: bool) -> None:
    """A node that fails answers nothing, and refuses nothing either."""
    environment = await stores.environment()
    parts = urlsplit(environment["DATABASE_URL"])
    async with Pipe.to(parts.hostname or "", parts.port or 0) as pipe:
        url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{pipe.port}").geturl()
        platform = open_platform(patient({**environment, "DATABASE_URL": url}), application="test")
        health = Health(platform)
        assert (await health.check())[0] == "ok"
        if not first:
            pipe.drop()
        pipe.hang()
        told = []
        for _ in range(3):
            began = time.monotonic()
            told.append((await health.check())[0])
            assert time.monotonic() - began < 1.9
        assert told == ["ok", "degraded", "degraded"], "one lost packet takes no pod out"
        pipe.flow()
        pipe.drop()
        await until(lambda: _is(health, "ok"), what="the database being found again")
        await platform.close()


async def test_several_who_ask_at_once_do_not_turn_one_failure_into_two(stores: Stores) -> None:
    """Kubelet, ingress and whoever else may reach the probe share an answer, and what is concluded from it."""
    environment = await stores.environment()
    parts = urlsplit(environment["DATABASE_URL"])
    async with Pipe.to(parts.hostname or "", parts.port or 0) as pipe:
        url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{pipe.port}").geturl()
        platform = open_platform(patient({**environment, "DATABASE_URL": url}), application="test")
        health = Health(platform)
        assert (await health.check())[0] == "ok"
        pipe.hang()
        told = [await asyncio.gather(*(health.check() for _ in range(3))) for _ in range(2)]
        assert [[state for state, _ in each] for each in told] == [["ok"] * 3, ["degraded"] * 3]
        pipe.flow()
        pipe.drop()
        await platform.close()


async def test_an_error_that_nobody_thought_of_is_a_failure_and_told_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(_: object) -> str:
        raise KeyError("surprise")

    platform = open_platform(patient(await stores.environment()), application="test")
    health = Health(platform)
    assert (await health.check())[0] == "ok"
    monkeypatch.setattr(schema_revision, "applied", breaks)
    with capture_logs() as logs:
        assert [(await health.check())[0] for _ in range(3)] == ["ok", "degraded", "degraded"]
    assert [line["store"] for line in logs if line["log_level"] == "error"] == ["database"]
    await platform.close()


async def _is(health: Health, status: str) -> bool:
    return (await health.check())[0] == status


async def test_requests_under_way_are_counted(stores: Stores) -> None:
    app, wiring = create_app(settings_from(await stores.environment()))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"username":'
        begun.set()
        await go_on.wait()
        yield b'"x"}'

    def in_flight() -> float | None:
        return REGISTRY.get_sample_value("scoreboard_requests_in_flight")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        assert in_flight() == 0
        headers = {"Content-Type": "application/json"}
        asked = asyncio.create_task(client.post("/api/v1/auth/login", content=body(), headers=headers))
        await begun.wait()
        assert in_flight() == 1
        go_on.set()
        assert (await asked).status_code == 400
        assert in_flight() == 0
    await wiring.close()
