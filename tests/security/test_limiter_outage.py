"""Redis dies in the middle of a flood: each process grants its share, never everything."""

import asyncio
from pathlib import Path

import pytest

from tests.security.callers import open_caller
from tests.security.conftest import Count
from tests.security.flood import flood
from tests.security.processes import fleet
from tests.stage import Stores

RATE, BURST = 40, 30


@pytest.mark.parametrize("seconds", [3.0, pytest.param(12.0, marks=pytest.mark.full)])
async def test_a_flood_gets_at_most_twice_the_limit_when_redis_dies(
    stores: Stores, tmp_path: Path, seconds: float, count: Count
) -> None:
    limits = {
        "SCOREBOARD_PLAYER_READ_RATE": str(RATE),
        "SCOREBOARD_PLAYER_READ_BURST": str(BURST),
        "SCOREBOARD_REPLICAS": "2",
    }
    async with fleet(stores, tmp_path, "api", "api", **limits) as pair:
        caller = await open_caller(pair.platform, pair.tokens)
        people = [caller.person(client) for client in pair.clients]
        senders = [lambda person=person: person.get("/api/v1/players/me") for person in people]

        async def outage() -> None:
            await asyncio.sleep(seconds / 3)
            stores.valkey.kill()

        try:
            flooded, _ = await asyncio.gather(flood(senders, seconds=seconds, each=4, expect={200}), outage())
        finally:
            stores.valkey.start()
        assert flooded.sent > 2 * flooded.accepted, "this was no flood"
        assert flooded.within(RATE, BURST, times=2), flooded
        assert flooded.accepted >= BURST + 0.3 * RATE * flooded.seconds, flooded
    count("limiter: requests to two processes", flooded.sent)
