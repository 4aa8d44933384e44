"""Too many failures of signature, replay or authentication: a line, a metric, a row, and a block of who failed."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2 as httpx
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from scoreboard.domain.errors import ErrorCode
from scoreboard.security.identifiers import new_id
from scoreboard_api.incidents import subject_address
from tests.conftest import Api, open_api
from tests.security.processes import fleet
from tests.stage import PASSWORD, Person, Stores, register, until

MOST = 6
STRICT = {"SCOREBOARD_INCIDENT_FAILURES": str(MOST), "SCOREBOARD_TRUSTED_PROXY_HOPS": "1"}
BOARDS = "/api/v1/boards"
LOGIN = "/api/v1/auth/login"
# Failures are those of the attacker; what honest clients meet as well is not counted.
COUNTED = {
    ErrorCode.INVALID_TOKEN,
    ErrorCode.INVALID_CREDENTIALS,
    ErrorCode.REFRESH_REUSED,
    ErrorCode.INVALID_SIGNATURE,
    ErrorCode.REPLAY_ATTACK,
}


@pytest_asyncio.fixture(scope="module")
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, **STRICT) as opened:
        yield opened


def coming(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def forge(client: httpx.AsyncClient, address: str, token: str = "forged") -> int:
    reply = await client.get("/api/v1/players/me", headers={**coming(address), "Authorization": f"Bearer {token}"})
    return reply.status_code


async def is_blocked(client: httpx.AsyncClient, address: str, path: str = BOARDS, **headers: str) -> bool:
    reply = await client.get(path, headers={**coming(address), **headers})
    assert reply.status_code in (200, 429), reply.text
    return reply.status_code == 429


async def rows(api: Api) -> list[Any]:
    return list(await api.sql("SELECT * FROM security_incidents ORDER BY id"))


async def counted(api: Api) -> None:
    """Wait until what was noted is counted."""
    task = api.wiring.incidents._counting
    if task is not None:
        await task


async def test_an_address_is_blocked_by_all_processes(stores: Stores, tmp_path: Path) -> None:
    async with fleet(stores, tmp_path, "api", "api", **STRICT) as running:
        here, there = running.clients
        address, other = "203.0.113.77", "203.0.113.78"
        for number in range(MOST):
            assert not await is_blocked((here, there)[number % 2], address)
            assert await forge((here, there)[number % 2], address) == 401
        for client in running.clients:
            await until(lambda c=client: is_blocked(c, address), within=5, what="the block")  # type: ignore[misc]
            assert not await is_blocked(client, other)
            assert (await client.get("/health/live", headers=coming(address))).status_code == 200
        reply = await there.post(LOGIN, json={"username": "x", "password": PASSWORD}, headers=coming(address))
        body = reply.json()
        assert (reply.status_code, body["code"]) == (429, "TOO_MANY_REQUESTS")
        assert 270 < int(reply.headers["Retry-After"]) <= 300
        assert reply.headers["RateLimit-Policy"] == f'"failures";q={MOST};w=300'
        connection = await asyncpg.connect(running.environment["DATABASE_URL"])
        try:
            stored = await until(lambda: connection.fetch("SELECT * FROM security_incidents"), what="the row")
        finally:
            await connection.close()
        written = "\n".join(service.log.read_text() for service in running.services)
    [row] = stored
    assert (row["what"], str(row["address"]), row["player_id"], row["failures"]) == (
        *("authentication", address, None, MOST),
    )
    assert row["first_at"] <= row["last_at"] < row["blocked_until"]
    lines = [json.loads(line) for line in written.splitlines() if '"security_incident"' in line]
    [line] = lines
    assert (line["incident"], line["network"], line["subject"]) == (str(row["id"]), "203.0.113.0/24", "address")
    assert address not in written


async def test_nobody_can_block_another_player(api: Api) -> None:
    """Neither by guessing at the name nor by a token that names the player: only the address is blocked."""
    ada = await register(api.client)
    token: str = ada.session["access_token"]
    forged = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
    for number in range(MOST):
        attempt = {"username": ada.username, "password": "wrong wrong"}
        reply = await api.client.post(LOGIN, json=attempt, headers=coming("198.51.100.1"))
        assert reply.status_code == 401, number
        assert await forge(api.client, "198.51.100.2", forged) == 401
    await counted(api)
    assert await is_blocked(api.client, "198.51.100.1")
    assert await is_blocked(api.client, "198.51.100.2")
    assert not await is_blocked(api.client, "198.51.100.3", "/api/v1/players/me", **ada.headers)
    assert not [row for row in await rows(api) if row.player_id is not None]


async def bad_signature(ada: Person, address: str) -> httpx.Response:
    """An action token with a wrong MAC, sent with a good access token."""
    begun = await ada.begin("quiz")
    token = begun["action_token"]
    middle = len(token) - 6
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    path = f"/api/v1/actions/{begun['action_id']}/complete"
    return await ada.post(path, {"action_token": changed}, X_Forwarded_For=address)


async def test_a_player_is_blocked_wherever_they_come_from(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    before = REGISTRY.get_sample_value("scoreboard_security_incidents_total", {"subject": "player"}) or 0
    for number in range(MOST):
        reply = await bad_signature(ada, f"192.0.2.{number + 1}")
        assert reply.json()["code"] == "INVALID_SIGNATURE", reply.text
    await counted(api)
    assert await is_blocked(api.client, "192.0.2.200", "/api/v1/players/me", **ada.headers)
    assert (await ada.post("/api/v1/actions", {"kind": "quiz"})).json()["code"] == "TOO_MANY_REQUESTS"
    assert not await is_blocked(api.client, "192.0.2.1", "/api/v1/players/me", **bob.headers)
    assert REGISTRY.get_sample_value("scoreboard_security_incidents_total", {"subject": "player"}) == before + 1
    [row] = await until(lambda: _of_player(api, ada), what="the row")
    assert (row.what, row.address, row.failures) == ("signature", None, MOST)


async def _of_player(api: Api, person: Person) -> list[Any]:
    return [row for row in await rows(api) if row.player_id == UUID(person.id)]


async def test_what_happens_to_honest_clients_never_blocks(api: Api) -> None:
    ada = await register(api.client)
    await ada.post("/api/v1/auth/logout", {})
    here = coming("192.0.2.77")
    for _ in range(3 * MOST):
        revoked = await api.client.get("/api/v1/players/me", headers={**here, **ada.headers})
        assert revoked.json()["code"] == "TOKEN_REVOKED"
        missing = await api.client.get("/api/v1/players/me", headers=here)
        assert missing.json()["code"] == "UNAUTHENTICATED"
    player = new_id()
    for code in set(ErrorCode) - COUNTED:
        for _ in range(3 * MOST):
            api.wiring.incidents.note(code, "192.0.2.77", player)
    for _ in range(3 * MOST):  # an action token that was kept for too long
        api.wiring.incidents.note(ErrorCode.INVALID_TOKEN, "192.0.2.77", player)
    assert not api.wiring.incidents._pending
    await counted(api)
    assert not await is_blocked(api.client, "192.0.2.77")


@pytest.mark.parametrize("code", sorted(COUNTED))
async def test_every_failure_counts(api: Api, code: ErrorCode) -> None:
    address = f"192.0.2.{100 + sorted(COUNTED).index(code)}"
    for _ in range(MOST - 1):
        api.wiring.incidents.note(code, address, None)
        await counted(api)
    assert not await is_blocked(api.client, address)
    api.wiring.incidents.note(code, address, None)
    await counted(api)
    assert await is_blocked(api.client, address)


async def test_an_ipv6_network_is_one_address(api: Api) -> None:
    for number in range(MOST):
        assert await forge(api.client, f"2001:db8:1:2::{number + 1:x}") == 401
    await counted(api)
    assert await is_blocked(api.client, "2001:db8:1:2:ffff::1")
    assert not await is_blocked(api.client, "2001:db8:1:3::1")
    mapped, plain = subject_address("::ffff:192.0.2.9"), subject_address("192.0.2.9")
    assert mapped == plain
    assert subject_address("fe80::1%eth0") == subject_address("fe80::2")
    assert [subject_address(text) for text in ("unknown", "", "1.2.3", "unix:/x")] == [None] * 4
