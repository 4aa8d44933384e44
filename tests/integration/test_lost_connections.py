"""Connections that are lost: a moment before they are written to, or because we froze in a transaction."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage.database import Database, StoreContended, StoreUnavailable, Transaction
from scoreboard.usecases.platform import Platform, open_platform
from tests.pipe import Pipe
from tests.stage import Stores, patient, settings_from

LOST = "unable to perform operation on <TCPTransport closed=True reading=False 0x5>; the handler is closed"


async def fails(words: str) -> None:
    raise RuntimeError(words)


async def test_redis_is_away_then(platform: Platform) -> None:
    with pytest.raises(LiveUnavailable):
        await platform.live.ask("test", fails(LOST))
    assert platform.live.down()


async def test_postgres_is_tried_again(platform: Platform) -> None:
    tries = 0

    async def work(tx: Transaction) -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            await fails(LOST)
        return int((await tx.fetch("SELECT 7"))[0][0])

    assert await platform.database.transact(work) == 7
    with pytest.raises(StoreUnavailable):
        await platform.database.transact(lambda _: fails(LOST))


async def test_no_try_begins_after_the_deadline(stores: Stores) -> None:
    short = {"REQUEST_DEADLINE": "0.3", "DATABASE_STATEMENT_TIMEOUT": "0.2", "DATABASE_LOCK_TIMEOUT": "0.1"}
    extra = {f"SCOREBOARD_{name}": value for name, value in short.items()}
    database, tries = Database(settings_from(await stores.environment(**extra))), 0

    async def slow(_: Transaction) -> None:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.4)
        await fails(LOST)

    with pytest.raises(StoreUnavailable):
        await database.transact(slow)
    await database.close()
    assert tries == 1


async def test_who_lost_a_race_for_a_key_too_late_for_another_try_is_told_to_come_back(stores: Stores) -> None:
    short = {"REQUEST_DEADLINE": "0.3", "DATABASE_STATEMENT_TIMEOUT": "0.2", "DATABASE_LOCK_TIMEOUT": "0.1"}
    extra = {f"SCOREBOARD_{name}": value for name, value in short.items()}
    database = Database(settings_from(await stores.environment(**extra)))

    async def twice(tx: Transaction) -> None:
        await asyncio.sleep(0.4)
        for _ in range(2):
            await tx.fetch("INSERT INTO consumer_positions (consumer, seq, updated_at) VALUES ('x', 0, now())")

    with pytest.raises(StoreContended):
        await database.transact(twice)
    await database.close()


async def test_any_other_runtime_error_is_a_fault_of_ours(platform: Platform) -> None:
    with pytest.raises(RuntimeError, match="something else"):
        await platform.live.ask("test", fails("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        await platform.database.transact(lambda _: fails("something else"))


async def test_who_freezes_in_a_transaction_does_not_keep_its_rows_and_begins_again(stores: Stores) -> None:
    environment = await stores.environment(SCOREBOARD_DATABASE_IDLE_TIMEOUT="0.5")
    frozen, other = (open_platform(patient(environment), application="test") for _ in range(2))
    locked, woken = asyncio.Event(), asyncio.Event()
    tries = 0

    async def slow(tx: Transaction) -> int:
        nonlocal tries
        tries += 1
        await tx.fetch("SELECT * FROM ledger_head FOR UPDATE")
        if tries == 1:
            locked.set()
            await woken.wait()
        return int((await tx.fetch("SELECT 7"))[0][0])

    sleeper = asyncio.create_task(frozen.database.transact(slow))
    await locked.wait()
    rows = await other.database.transact(lambda tx: tx.fetch("SELECT * FROM ledger_head FOR UPDATE"))
    assert rows, "the row was kept"
    woken.set()
    assert await sleeper == 7
    assert tries == 2
    await frozen.close()
    await other.close()


async def test_what_is_acknowledged_after_a_begin_that_came_late_is_committed(stores: Stores) -> None:
    """The BEGIN of a transaction that was given up arrives when the network is whole again, on a pooled connection."""
    hasty = {"SCOREBOARD_DATABASE_LOCK_TIMEOUT": "0.1", "SCOREBOARD_DATABASE_STATEMENT_TIMEOUT": "0.2"}
    hasty |= {"SCOREBOARD_TRANSACTION_TRIES": "1"}
    environment = await stores.environment(**hasty)
    parts = urlsplit(environment["DATABASE_URL"])
    owner = await asyncpg.connect(environment["DATABASE_URL"])
    await owner.execute("CREATE TABLE kept (number int)")
    async with Pipe.to(parts.hostname or "", parts.port or 0) as pipe:
        through = {**environment, "DATABASE_URL": pipe.leading(environment["DATABASE_URL"])}
        platform = open_platform(patient(through), application="test")

        async def keep(number: int) -> None:
            await platform.database.transact(lambda tx: tx.fetch("INSERT INTO kept VALUES ($1)", number))

        await keep(1)
        pipe.hang()
        with pytest.raises(StoreUnavailable):
            await keep(2)
        pipe.flow()
        for number in (3, 4):
            await keep(number)
            rows = await owner.fetch("SELECT number FROM kept")
            assert number in {row["number"] for row in rows}, "acknowledged, but not committed"
        await platform.close()
    await owner.close()
