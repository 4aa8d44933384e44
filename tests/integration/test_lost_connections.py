"""A connection that is lost a moment before it is written to: uvloop says so with a bare RuntimeError."""

import pytest

from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.platform import Platform

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


async def test_any_other_runtime_error_is_a_fault_of_ours(platform: Platform) -> None:
    with pytest.raises(RuntimeError, match="something else"):
        await platform.live.ask("test", fails("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        await platform.database.transact(lambda _: fails("something else"))
