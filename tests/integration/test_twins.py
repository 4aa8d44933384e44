"""The same request twice at once, under one Idempotency-Key: both get the answer of the one that was first."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest_asyncio

from scoreboard.storage import players
from scoreboard.storage.database import Transaction
from tests.conftest import Api, beside, open_api
from tests.integration.reviewing import CASES, decided, moderator, send, with_held_points
from tests.integration.test_bans_and_completions import waiting_transactions
from tests.refusals import check
from tests.stage import Person, Stores, register, until

PATIENT = {
    "SCOREBOARD_DATABASE_LOCK_TIMEOUT": "30",
    "SCOREBOARD_DATABASE_STATEMENT_TIMEOUT": "40",
    "SCOREBOARD_REQUEST_DEADLINE": "60",
}


@pytest_asyncio.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, **PATIENT) as opened:
        yield opened


async def twice(api: Api, second: Api, who: Person, locked: str, path: str, body: dict[str, object]) -> None:
    """Send it to two processes while somebody else has the row that both need first."""
    there = replace(who, client=second.client)
    twins: list[asyncio.Task[object]] = []

    async def both_wait(tx: Transaction) -> None:
        await players.lock(tx, UUID(locked))
        twins.extend(asyncio.create_task(send(one, path, body, "twin")) for one in (who, there))

        async def wait() -> bool:
            return await waiting_transactions(tx) >= 2

        await until(wait, within=25, what="both requests waiting")

    await api.platform.database.transact(both_wait)
    first, second = await asyncio.gather(*twins)
    assert first.status_code in (200, 202), first.text  # type: ignore[attr-defined]
    assert second.json() == first.json()  # type: ignore[attr-defined]
    repeated = [one.headers.get("idempotency-replayed") for one in (first, second)]  # type: ignore[attr-defined]
    assert sorted(map(str, repeated)) == ["None", "true"]


async def test_a_decision_an_appeal_and_a_report_are_made_once(api: Api) -> None:
    mia, bob = await moderator(api), await register(api.client)
    ada, case = await with_held_points(api, times=1)
    async with beside(api) as second:
        await twice(api, second, mia, ada.id, f"{CASES}/{case}/decide", {"decision": "reject", "note": "seen"})
        await twice(api, second, ada, ada.id, "/api/v1/appeals", {"words": "It was me."})
        body: dict[str, object] = {"player_id": ada.id, "reason": "cheating", "note": ""}
        await twice(api, second, bob, bob.id, "/api/v1/reports", body)
    assert len(await api.sql("SELECT 1 FROM reports UNION ALL SELECT 1 FROM appeals")) == 2


async def test_the_twin_of_a_request_that_takes_long_is_told_so(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_DATABASE_LOCK_TIMEOUT="0.1") as api:
        mia = await moderator(api)
        ada, case = await with_held_points(api, times=1)
        told = []

        async def keep(tx: Transaction) -> None:
            await players.lock(tx, UUID(ada.id))
            told.append(await send(mia, f"{CASES}/{case}/decide", {"decision": "reject", "note": "seen"}, "twin"))

        await api.platform.database.transact(keep)
        assert check(told[0], "IDEMPOTENCY_KEY_IN_FLIGHT")["retry_after"] == 1
        assert (await decided(mia, case, "reject")).status_code == 200
