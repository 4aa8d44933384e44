"""The worker as a process: overdue cases are decided, and the queue can be watched from outside."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import text

from scoreboard.domain.events import Verdict
from scoreboard.storage.database import Transaction
from scoreboard.usecases.raise_cases import raise_cases
from tests.conftest import Running, launch
from tests.integration.reviewing import suspect
from tests.stage import Stores, register, until


@pytest.fixture(scope="module")
async def working(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("reviews")
    async for started in launch(stores, folder, SCOREBOARD_REVIEW_LOOK_EVERY="0.1"):
        yield started


async def sql(running: Running, statement: str, **values: Any) -> Any:
    async def work(tx: Transaction) -> Any:
        result = await tx.execute(text(statement), values)
        return result.all() if result.returns_rows else ()

    return await running.platform.database.transact(work)


async def gauges(running: Running) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        told = (await client.get(f"{running.worker.url}/metrics")).text
    lines = re.findall(r"^(scoreboard_review_\S+) ([\d.e+]+)$", told, re.MULTILINE)
    return {name: float(value) for name, value in lines}


async def test_the_worker_watches_the_queue_and_releases_what_is_overdue(working: Running) -> None:
    ada = await register(working.client)

    async def work(tx: Transaction) -> None:
        now = (await tx.fetch("SELECT clock_timestamp()"))[0][0]
        await raise_cases(tx, [suspect(ada.id, Verdict.HOLD, "regular_intervals")], now)

    await working.platform.database.transact(work)
    assert (await ada.complete(await ada.begin("quiz"))).status_code == 202

    async def watched() -> bool:
        now = await gauges(working)
        return (now["scoreboard_review_cases"], now["scoreboard_review_held_actions"]) == (1, 1)

    await until(watched, what="the gauges")
    now = await gauges(working)
    assert now['scoreboard_review_opened_cases{source="rules",verdict="hold"}'] == 1
    assert now["scoreboard_review_overdue_cases"] == 0
    [row] = await sql(working, "SELECT priority, stakes FROM review_cases")
    assert row[0] > 200  # who would lead comes first
    assert "leads:main" in row[1]
    await sql(working, "UPDATE review_cases SET due_at = clock_timestamp() - interval '1 second'")

    async def released() -> bool:
        return (await ada.get("/api/v1/boards/main/me")).json().get("score") == 10

    await until(released, what="the release")

    async def counted() -> bool:
        now = await gauges(working)
        decided = now.get('scoreboard_review_decisions_total{by="deadline",decision="release"}')
        return (now["scoreboard_review_cases"], decided) == (0, 1)

    await until(counted, what="the count of decisions")
