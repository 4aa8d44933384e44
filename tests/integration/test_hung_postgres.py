"""A Postgres that hangs: who does not need it waits for no more of it than a setting says."""

import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from scoreboard.storage.database import Database, StoreTimeout, Transaction
from tests.conftest import Api, beside
from tests.pipe import Pipe
from tests.stage import patient, register

MINE = "/api/v1/boards/main/me"


@pytest_asyncio.fixture
async def pipe(api: Api) -> AsyncIterator[Pipe]:
    parts = urlsplit(api.environment["DATABASE_URL"])
    async with Pipe.to(parts.hostname or "", parts.port or 0) as opened:
        yield opened


async def test_a_read_is_given_up_in_time_and_ends_by_itself(api: Api, pipe: Pipe) -> None:
    async def seven(tx: Transaction) -> int:
        return int((await tx.fetch("SELECT 7"))[0][0])

    database = Database(patient({**api.environment, "DATABASE_URL": pipe.leading(api.environment["DATABASE_URL"])}))
    assert await database.read_within(5, seven) == 7
    pipe.hang()
    began = time.monotonic()
    with pytest.raises(StoreTimeout):
        await database.read_within(0.2, seven)
    assert time.monotonic() - began < 1
    pipe.flow()
    assert await database.read_within(5, seven) == 7
    await database.close()


async def test_an_own_place_is_told_without_what_only_postgres_knows(api: Api, pipe: Pipe) -> None:
    ada = await register(api.client)
    await ada.score("match", points=3)
    url = pipe.leading(api.environment["DATABASE_URL"])
    async with beside(api, DATABASE_URL=url, SCOREBOARD_PENDING_WAIT="0.2", SCOREBOARD_CATALOG_WAIT="0.2") as other:
        headers = {"Authorization": f"Bearer {ada.session['access_token']}"}
        known = (await other.client.get(MINE, headers=headers)).json()
        pipe.hang()
        began = time.monotonic()
        reply = await other.client.get(MINE, headers=headers)
        took = time.monotonic() - began
        pipe.flow()
    assert reply.status_code == 200, reply.text
    assert (reply.json()["score"], reply.json()["pending"]) == (known["score"], None)
    assert took < 2, f"{took:.1f} s: as long as Postgres' own limits"
