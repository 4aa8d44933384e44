"""Secrets that people and programs send, in the right fields and in wrong ones, turn up nowhere that they should not.

Each secret is a word that exists once in the world. It is sent while errors of all kinds are provoked, faults of our
own included; then every log, metric, document and refusal is searched for all of them.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import asyncpg
import httpx2 as httpx
import pytest
import pytest_asyncio

from tests.security.canary_trap import AROUND, FIELD, Trap, around_accounts, around_actions
from tests.security.conftest import Count
from tests.security.processes import fleet
from tests.stage import Stores


@pytest_asyncio.fixture(scope="module")
async def trap(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trap]:
    folder = tmp_path_factory.mktemp("canaries")
    async with fleet(stores, folder, "api", "realtime", "worker", SCOREBOARD_LOG_LEVEL="debug") as running:
        trap = Trap(running)
        environment = running.environment
        trap.keep("master key", environment["SCOREBOARD_MASTER_KEY"])
        trap.keep("signing key", environment["SCOREBOARD_SIGNING_KEY"].splitlines()[1])
        trap.keep("database password", environment["DATABASE_URL"].partition("//")[2].partition("@")[0])
        yield trap


@pytest.mark.parametrize("provoke", AROUND, ids=lambda provoke: provoke.__name__)
async def test_no_secret_turns_up(trap: Trap, provoke: Callable[[Trap], Awaitable[None]], count: Count) -> None:
    known = len(trap.words)
    await provoke(trap)
    for refusal in trap.refusals:
        seen = [what for what in trap.seen_in(refusal) if not what.startswith(FIELD)]
        assert not seen, (seen, refusal[:500])
    trap.refusals.clear()
    for service in trap.running.services:
        for line in service.log.read_text().splitlines():
            assert not trap.seen_in(line), (service.name, trap.seen_in(line), line[:3000])
    async with httpx.AsyncClient() as client:
        for service in trap.running.services:
            metrics = (await client.get(trap.running.metrics_url(service))).text
            assert "scoreboard_" in metrics
            assert not trap.seen_in(metrics), service.name
        for path in ("/openapi.json", "/docs", "/", "/.well-known/jwks.json", "/health/ready"):
            assert not trap.seen_in((await trap.running.clients[0].get(path)).text), path
    count("secrets looked for", len(trap.words) - known)


async def test_no_secret_is_kept_in_the_clear(trap: Trap) -> None:
    """Whoever reads the database gets no password, no token and no key."""
    for provoke in (around_accounts, around_actions):
        await provoke(trap)
    private = ("password", "access token", "refresh token", "signing key", "master key", "cookie", "wrong password")
    words = {what: word for what, word in trap.words.items() if what.startswith(private)}
    connection = await asyncpg.connect(trap.running.environment["DATABASE_URL"])
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert len(tables) > 15
        for (table,) in tables:
            rows = "\n".join(row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} AS t"))
            assert not [what for what, word in words.items() if word in rows], table
    finally:
        await connection.close()


async def test_logs_are_json_and_no_name_forges_a_line(trap: Trap, tmp_path: Path) -> None:
    forged = '"}\n{"message":"forged","log.level":"info"}\r\n\x1b[2J\u2028'
    await trap.post("/api/v1/auth/login", {"username": forged, "password": forged})
    await trap.send("GET", f"/{quote(forged)}")
    for service in trap.running.services:
        for line in service.log.read_text().split("\n"):
            assert not line or json.loads(line)["message"] != "forged"
