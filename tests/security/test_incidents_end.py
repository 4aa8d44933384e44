"""Blocks that end, processes that start later, stores that are away, addresses that are forgotten."""

from datetime import timedelta
from ipaddress import ip_interface
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from scoreboard.domain.errors import ErrorCode
from scoreboard.security.identifiers import new_id
from scoreboard.storage import incidents as incident_rows
from scoreboard.storage.incidents import Incident
from scoreboard.telemetry import utc_now
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.record_incident import network_of
from scoreboard_api.incidents import Incidents
from scoreboard_worker.loops import _forget
from tests.conftest import Api, open_api
from tests.security.test_incidents import LOGIN, MOST, STRICT, api, coming, counted, forge, is_blocked, rows
from tests.stage import Stores, patient, until

__all__ = ["api"]


async def test_a_block_ends_by_itself(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_INCIDENT_BLOCK="3", **STRICT) as api:
        for _ in range(MOST):
            assert await forge(api.client, "192.0.2.1") == 401
        await counted(api)
        assert await is_blocked(api.client, "192.0.2.1")

        async def free() -> bool:
            await api.wiring.incidents.look()
            return not await is_blocked(api.client, "192.0.2.1")

        await until(free, what="the end of the block")
        assert await forge(api.client, "192.0.2.1") == 401  # and it begins to count anew
        await counted(api)
        assert not await is_blocked(api.client, "192.0.2.1")


async def test_failures_far_apart_do_not_add_up(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_INCIDENT_WINDOW="1", **STRICT) as api:
        redis = Redis.from_url(api.environment["REDIS_URL"])
        try:
            for _ in range(3):
                for _ in range(MOST - 1):
                    assert await forge(api.client, "192.0.2.1") == 401
                await counted(api)
                await until(lambda: _no_counters(redis), what="the end of the window")
        finally:
            await redis.aclose()
        assert not await is_blocked(api.client, "192.0.2.1")


async def _no_counters(redis: Any) -> bool:
    return not await redis.keys("sb:failures:*")


async def test_a_process_that_starts_later_learns_of_blocks(api: Api) -> None:
    for _ in range(MOST):
        await forge(api.client, "192.0.2.150")
    await counted(api)
    late = Incidents(api.platform)
    await late.look()
    assert len(late._blocks) == len(api.wiring.incidents._blocks)
    await late.finish()


async def test_without_redis_each_process_counts_its_own(stores: Stores) -> None:
    environment = await stores.environment(**{**STRICT, "REDIS_URL": "redis://127.0.0.1:1/0"})
    platform = open_platform(patient(environment), application="test")
    alone = Incidents(platform)
    try:
        for _ in range(MOST - 1):
            alone.note(ErrorCode.REPLAY_ATTACK, "192.0.2.1", None)
        assert alone._counting is not None
        await alone._counting
        alone.require_unblocked_address("192.0.2.1")
        alone.note(ErrorCode.INVALID_SIGNATURE, "192.0.2.1", None)
        await alone._counting
        await alone.look()
        with pytest.raises(Exception, match="TOO_MANY_REQUESTS"):
            alone.require_unblocked_address("192.0.2.1")
        await alone.finish()
        stored = await platform.database.transact(lambda tx: tx.fetch("SELECT what, failures FROM security_incidents"))
        assert [tuple(row) for row in stored] == [("replay, signature", MOST)]
    finally:
        await platform.close()


async def test_an_incident_that_postgres_does_not_take_now_is_stored_later(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_DATABASE_LOCK_TIMEOUT="0.1", **STRICT) as api:
        connection = await asyncpg.connect(api.environment["DATABASE_URL"])
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE security_incidents")
        for _ in range(MOST):
            assert await forge(api.client, "192.0.2.1") == 401
        await counted(api)
        assert await is_blocked(api.client, "192.0.2.1")
        saving = api.wiring.incidents._saving
        assert saving is not None
        await saving
        await transaction.rollback()
        await connection.close()
        assert not await rows(api)
        await api.wiring.incidents.look()
        await until(lambda: rows(api), what="the row")
        assert len(await rows(api)) == 1


async def test_redis_keeps_no_address_for_long(api: Api) -> None:
    """Counters and blocks name addresses by a keyed hash; limits of log-ins hold them for their own minute."""
    address = "203.0.113.199"
    for _ in range(MOST):
        await api.client.post(LOGIN, json={"username": "nobody", "password": "wrong wrong"}, headers=coming(address))
    await counted(api)
    redis = Redis.from_url(api.environment["REDIS_URL"])
    try:
        names = [name async for name in redis.scan_iter()]
        assert b"sb:blocks" in names
        assert not any(address.encode() in member for member in await redis.zrange("sb:blocks", 0, -1))
        for name in names:
            if address.encode() in name:
                assert name.startswith(b"sb:limit:login-address:")
                assert 0 < await redis.ttl(name) <= 61
    finally:
        await redis.aclose()


async def test_addresses_are_shortened_after_thirty_days(api: Api) -> None:
    now = utc_now()
    given = {
        "198.51.100.23/32": "198.51.100.0/24",
        "2001:db8:aaaa:bbbb::/64": "2001:db8:aaaa::/48",
    }
    ids = {}
    for text, kept in given.items():
        for days, wanted in ((29, text), (31, kept)):
            incident = Incident(
                *(new_id(), "authentication", ip_interface(text), None, 50),
                *(now - timedelta(days=days, hours=-1), now - timedelta(days=days), now),
            )
            ids[incident.id] = wanted
            await api.platform.database.transact(lambda tx, i=incident: incident_rows.add(tx, i))  # type: ignore[misc]
            assert incident.address is not None
            assert network_of(incident.address) == kept
    for _ in range(2):
        await api.platform.database.transact(lambda tx: _forget(tx, api.platform.settings))
        found = {row.id: str(ip_interface(row.address)) for row in await rows(api) if row.id in ids}
        assert found == ids
