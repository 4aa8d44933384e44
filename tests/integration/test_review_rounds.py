"""The worker's round for reviews: one case that cannot be released, or one step that fails, stops nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from scoreboard import telemetry
from scoreboard.domain.events import Verdict
from scoreboard.domain.player import PlayerStatus
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases import release_overdue as releasing
from scoreboard.usecases.change_status import change_status, lift_suspensions
from scoreboard.usecases.release_overdue import Failed, release_overdue
from scoreboard.usecases.watch_reviews import ReviewWatch
from scoreboard.usecases.weigh_stakes import weigh_stakes
from tests.amending import hold, play
from tests.conftest import Api, open_api
from tests.integration.reviewing import raised, suspect, total_of, with_held_points
from tests.stage import Stores, register

LATER = timedelta(days=2)


@pytest_asyncio.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, SCOREBOARD_DATABASE_LOCK_TIMEOUT="0.2") as opened:
        yield opened


@asynccontextmanager
async def kept(api: Api, statement: str, *arguments: str) -> AsyncIterator[None]:
    """What the statement locks is another transaction's meanwhile."""
    locked, done = asyncio.Event(), asyncio.Event()

    async def keep(tx: Transaction) -> None:
        await tx.fetch(statement, *arguments)
        locked.set()
        await done.wait()

    keeping = asyncio.create_task(api.platform.database.transact(keep))
    await locked.wait()
    try:
        yield
    finally:
        done.set()
        await keeping


async def overflowing(api: Api) -> UUID:
    """A case that cannot be released: its board could not hold the total."""
    ada = UUID((await register(api.client)).id)
    await play(api.platform, api.wiring.marker, ada, "huge", 2**53)
    case = (await raised(api, suspect(str(ada), Verdict.HOLD, "regular_intervals")))[ada]
    await hold(api.platform, ada, "huge", 2**53)
    return case


def failures() -> float:
    return telemetry.REVIEW_RELEASE_FAILURES._value.get()


async def test_a_case_that_cannot_be_released_keeps_no_other_waiting(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releasing, "_AT_ONCE", 1)
    stuck = await overflowing(api)
    bob, _ = await with_held_points(api, times=1)
    await api.sql("UPDATE review_cases SET due_at = due_at - interval '1 hour' WHERE id = :id", id=stuck)
    failed: Failed = {}
    before, now = failures(), utc_now() + LATER
    assert await release_overdue(api.platform, now, failed) == 0
    assert set(failed) == {stuck}
    assert failures() == before + 1
    assert await release_overdue(api.platform, now, failed) == 1
    assert await total_of(api, bob) == (20, True)
    assert await release_overdue(api.platform, now, failed) == 0
    assert failures() == before + 1  # not tried again so soon
    await release_overdue(api.platform, now + timedelta(seconds=api.platform.settings.review_retry_s), failed)
    assert failures() == before + 2
    [row] = await api.sql("SELECT status FROM review_cases WHERE id = :id", id=stuck)
    assert row[0] == "open"


async def test_all_that_are_due_at_once_are_tried(api: Api) -> None:
    await overflowing(api)
    bob, _ = await with_held_points(api, times=1)
    assert await release_overdue(api.platform, utc_now() + LATER) == 1
    assert await total_of(api, bob) == (20, True)


async def test_a_step_that_fails_leaves_the_others_their_turn(api: Api) -> None:
    """Nobody can be released while the table is locked; stakes and figures need another one."""
    await with_held_points(api, times=1)
    telemetry.REVIEW_OPEN.set(0)
    async with kept(api, "LOCK TABLE player_suspicion IN ACCESS EXCLUSIVE MODE"):
        with pytest.raises(StoreUnavailable):
            await ReviewWatch(api.platform).run()
    assert telemetry.REVIEW_OPEN._value.get() == 1
    [row] = await api.sql("SELECT stakes FROM review_cases")
    assert "leads:main" in row[0]


async def test_priorities_wait_for_nobody_who_works_on_a_case(api: Api) -> None:
    await with_held_points(api, times=1)
    _, busy = await with_held_points(api, times=3)
    async with kept(api, "SELECT 1 FROM review_cases WHERE id = CAST($1::text AS uuid) FOR UPDATE", busy):
        assert await weigh_stakes(api.platform) == 1
    assert await weigh_stakes(api.platform) == 1
    assert await weigh_stakes(api.platform) == 0


async def test_a_suspension_that_cannot_be_lifted_now_keeps_no_other(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    for who in (ada, bob):
        await who.score("quiz")
        await change_status(api.platform, UUID(who.id), PlayerStatus.SUSPENDED, until=utc_now(), by="test")
    statement = "SELECT 1 FROM player_suspicion WHERE player_id = CAST($1::text AS uuid) FOR UPDATE"
    async with kept(api, statement, ada.id):
        assert await lift_suspensions(api.platform) == 1
        assert (await total_of(api, ada), await total_of(api, bob)) == ((10, False), (10, True))
    assert await lift_suspensions(api.platform) == 1
    assert await total_of(api, ada) == (10, True)
