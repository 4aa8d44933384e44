"""A process whose work stands refuses before it does anything; that it lives, and what it tells, is not refused."""

import re
from pathlib import Path

from tests.observability.staging import staged
from tests.stage import Stores, until

TOP = "/api/v1/boards/main/top"


async def test_refused_in_words_with_a_time_to_come_back(stores: Stores, tmp_path: Path) -> None:
    # No event loop is this punctual: everything seems to stand.
    async with staged(stores, tmp_path, "api", SCOREBOARD_OVERLOAD_DELAY="0.0000001") as stage:

        async def refused() -> bool:
            return (await stage.client.get(TOP)).status_code == 503

        await until(refused, within=30, what="the first refusal")
        for method, path in (("GET", TOP), ("POST", "/api/v1/auth/register"), ("POST", "/api/v1/scores/update")):
            reply = await stage.client.request(method, path)
            assert (reply.status_code, reply.json()["code"]) == (503, "OVERLOADED")
            assert reply.headers["Retry-After"] in ("1", "2")
        assert (await stage.client.get("/health/live")).status_code == 200
        assert (await stage.client.get("/health/ready")).status_code == 200
        told = dict(re.findall(r'scoreboard_requests_shed_total\{rank="(\w+)"\} (\S+)', await stage.scrape("api")))
        assert all(float(told[rank]) >= 1 for rank in ("looks", "begins", "completes")), told
