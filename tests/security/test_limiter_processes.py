"""One limit counts however many processes a flood comes through, and a refusal costs nothing but itself."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import Api, open_api
from tests.security.callers import open_caller
from tests.security.conftest import Count
from tests.security.flood import flood
from tests.security.processes import Fleet, fleet
from tests.stage import Stores

RATE, BURST = 40, 25
SECONDS = [1.5, pytest.param(15.0, marks=pytest.mark.full)]


@pytest_asyncio.fixture(scope="module")
async def pair(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    limits = {
        "SCOREBOARD_PLAYER_WRITE_RATE": str(RATE),
        "SCOREBOARD_PLAYER_WRITE_BURST": str(BURST),
        "SCOREBOARD_ADDRESS_RATE": "400",
        "SCOREBOARD_ADDRESS_BURST": "60",
        "SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE": "30",
        "SCOREBOARD_REPLICAS": "2",
    }
    async with fleet(stores, tmp_path_factory.mktemp("pair"), "api", "api", **limits) as started:
        yield started


@pytest.mark.parametrize("seconds", SECONDS)
async def test_a_players_writes_through_two_processes(pair: Fleet, seconds: float, count: Count) -> None:
    caller = await open_caller(pair.platform, pair.tokens)
    people = [caller.person(client) for client in pair.clients]
    senders = [lambda person=person: person.post("/api/v1/actions", {"kind": "quiz"}) for person in people]
    flooded = await flood(senders, seconds=seconds, each=4, expect={201})
    assert flooded.sent > 1.5 * flooded.accepted, "this was no flood"
    assert flooded.within(RATE, BURST), flooded
    assert flooded.accepted >= BURST + 0.5 * RATE * flooded.seconds, flooded
    count("limiter: requests to two processes", flooded.sent)


@pytest.mark.parametrize("seconds", SECONDS)
async def test_an_addresss_requests_through_two_processes(pair: Fleet, seconds: float, count: Count) -> None:
    senders = [lambda client=client: client.get("/robots.txt") for client in pair.clients]
    flooded = await flood(senders, seconds=seconds, expect={200})
    assert flooded.within(400, 60), flooded
    assert flooded.accepted >= 30, flooded
    count("limiter: requests to two processes", flooded.sent)


async def test_log_ins_from_one_address_through_two_processes(pair: Fleet, count: Count) -> None:
    """Counted before the password costs anything: these are refused for being too short."""
    body = {"username": "somebody", "password": "short"}
    senders = [lambda client=client: client.post("/api/v1/auth/register", json=body) for client in pair.clients]
    flooded = await flood(senders, seconds=1.5, each=2, expect={400})
    assert flooded.within(30 / 60, 30), flooded
    assert flooded.accepted >= 30, flooded
    count("limiter: requests to two processes", flooded.sent)


# --- What a refusal takes -------------------------------------------------------------------------------------------


async def buckets(api: Api) -> dict[str, str]:
    """Every bucket in Redis."""
    redis: Any = api.platform.live.redis
    names = sorted([name async for name in redis.scan_iter("sb:limit:*")])
    return {name.decode(): (await redis.get(name)).decode() for name in names}


@pytest.mark.parametrize(
    ("tight", "code"),
    [
        ({"SCOREBOARD_ACTION_PER_MINUTE": "1"}, "ACTION_LIMIT"),
        ({"SCOREBOARD_PLAYER_WRITE_RATE": "0.01", "SCOREBOARD_PLAYER_WRITE_BURST": "1"}, "USER_RATE_LIMIT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_one_limiter_refuses_takes_nothing_from_the_others(
    stores: Stores, tight: dict[str, str], code: str
) -> None:
    async with open_api(stores, **tight) as api:
        caller = await open_caller(api.platform, api.wiring.tokens)
        person = caller.person(api.client)
        assert (await person.post("/api/v1/actions", {"kind": "quiz"})).status_code == 201
        before, rows = await buckets(api), await api.sql("SELECT count(*) AS n FROM actions")
        assert len(before) == 2
        for _ in range(5):
            reply = await person.post("/api/v1/actions", {"kind": "quiz"})
            assert (reply.status_code, reply.json()["code"]) == (429, code)
        assert await buckets(api) == before
        assert await api.sql("SELECT count(*) AS n FROM actions") == rows


async def test_a_revoked_session_takes_nothing(stores: Stores) -> None:
    async with open_api(stores) as api:
        caller = await open_caller(api.platform, api.wiring.tokens)
        assert (await api.client.post("/api/v1/auth/logout", headers=caller.headers)).status_code == 204
        before = await buckets(api)
        reply = await caller.person(api.client).post("/api/v1/actions", {"kind": "quiz"})
        assert reply.json()["code"] == "TOKEN_REVOKED"
        assert await buckets(api) == before


async def test_a_refused_log_in_takes_nothing_from_the_account_or_the_address(stores: Stores) -> None:
    tight = {"SCOREBOARD_LOGIN_ACCOUNT_PER_MINUTE": "1", "SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE": "50"}
    async with open_api(stores, **tight) as api:
        body = {"username": "somebody", "password": "wrong wrong"}
        assert (await api.client.post("/api/v1/auth/login", json=body)).status_code == 401
        before = await buckets(api)
        for _ in range(3):
            assert (await api.client.post("/api/v1/auth/login", json=body)).json()["code"] == "USER_RATE_LIMIT"
        assert await buckets(api) == before


async def test_an_addresss_refusals_take_nothing_from_the_process(stores: Stores) -> None:
    tight = {"SCOREBOARD_ADDRESS_RATE": "0.001", "SCOREBOARD_ADDRESS_BURST": "2"}
    async with open_api(stores, **tight) as api:
        replies = [await api.client.get("/robots.txt") for _ in range(2)]
        assert [reply.status_code for reply in replies] == [200, 200]
        before = dict(api.wiring.barrier._limits._arrivals)
        assert len(before) == 2
        for _ in range(5):
            assert (await api.client.get("/robots.txt")).json()["code"] == "TOO_MANY_REQUESTS"
        assert dict(api.wiring.barrier._limits._arrivals) == before
