"""A process whose schema is not there, or too old, takes no requests, and says why; a newer one does not disturb it."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2 as httpx
from alembic import command
from prometheus_client import REGISTRY
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from scoreboard.storage import migrate, schema_revision
from scoreboard.storage.database import driver_url
from scoreboard_api.app import create_app
from tests.stage import Stores, settings_from

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
