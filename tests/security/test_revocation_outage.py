"""Without Redis nobody announces that a session has ended; it is dead within half a minute all the same."""

from pathlib import Path

import pytest

from tests.security.processes import fleet
from tests.security.revocation import WAYS, Lifetimes, one_round
from tests.stage import Stores

WITHIN = 30.0


@pytest.mark.parametrize(
    "way", ["log-out", *(pytest.param(way, marks=pytest.mark.full) for way in WAYS if way != "log-out")]
)
async def test_an_ended_session_dies_without_redis(stores: Stores, tmp_path: Path, way: str) -> None:
    async with fleet(stores, tmp_path, "api", "api", "realtime") as running:
        lifetimes = Lifetimes()
        try:
            ended = await one_round(running, lifetimes, WAYS[way], within=WITHIN, before=stores.valkey.kill)
        finally:
            stores.valkey.start()
        assert lifetimes.worst() <= WITHIN
        # Redis is back and knows nothing: the session stays dead, and others die as quickly as ever.
        for client in running.clients[:2]:
            reply = await client.get("/api/v1/players/me", headers=ended.headers)
            told = (403, "ACCOUNT_BANNED") if way == "ban" else (401, "TOKEN_REVOKED")
            assert (reply.status_code, reply.json()["code"]) == told
        await one_round(running, lifetimes, WAYS[way])
