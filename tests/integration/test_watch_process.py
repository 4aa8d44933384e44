"""What every process tells about itself: its version, its event loop, its stores, its pool."""

import time

from prometheus_client import REGISTRY

from scoreboard import __version__
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.supervision import end_tasks
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.watch_process import watch_process
from tests.stage import Stores, free_port, patient, until


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_a_process_tells_its_version_its_stores_and_that_its_loop_turns(platform: Platform) -> None:
    turned = value("scoreboard_loop_lag_seconds_count") or 0
    tasks = watch_process(platform, "test")
    try:
        await until(lambda: (value("scoreboard_loop_lag_seconds_count") or 0) > turned, what="a measure of the lag")
        await until(lambda: value("scoreboard_store_up", store="database") == 1, what="the database being seen")
        assert value("scoreboard_store_up", store="redis") == 1
        assert value("scoreboard_build_info", service="test", version=__version__) == 1
    finally:
        await end_tasks(tasks)


async def test_a_store_that_is_away_is_told(stores: Stores) -> None:
    environment = await stores.environment(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    platform = open_platform(patient(environment), application="test")
    tasks = watch_process(platform, "test")
    try:
        await until(lambda: value("scoreboard_store_up", store="redis") == 0, within=30, what="Redis being missed")
    finally:
        await end_tasks(tasks)
        await platform.close()


async def test_a_blocked_loop_is_measured(platform: Platform) -> None:
    tasks = watch_process(platform, "test")
    turned = value("scoreboard_loop_lag_seconds_count") or 0
    try:
        await until(lambda: (value("scoreboard_loop_lag_seconds_count") or 0) > turned, what="the next pause")
        late = value("scoreboard_loop_lag_seconds_sum") or 0
        time.sleep(1.2)  # noqa: ASYNC251 - that is the fault
        await until(lambda: (value("scoreboard_loop_lag_seconds_sum") or 0) - late > 0.5, what="the lag being seen")
    finally:
        await end_tasks(tasks)


async def test_transactions_that_wait_or_fail_are_counted(stores: Stores) -> None:
    environment = await stores.environment(SCOREBOARD_DATABASE_POOL_SIZE="1", SCOREBOARD_DATABASE_POOL_WAIT="0.1")
    platform = open_platform(patient(environment), application="test")
    waited = value("scoreboard_database_wait_seconds_count") or 0
    refused = value("scoreboard_transaction_failures_total", reason="pool") or 0

    async def outer(_: Transaction) -> float | None:
        try:
            await platform.database.transact(lambda tx: tx.fetch("SELECT 1"))
        except StoreUnavailable:
            return value("scoreboard_database_connections_in_use")
        return None

    assert await platform.database.transact(outer) == 1
    assert value("scoreboard_database_connections_in_use") == 0
    assert value("scoreboard_database_pool_connections") == 1
    assert (value("scoreboard_database_wait_seconds_count") or 0) == waited + 1
    assert (value("scoreboard_transaction_failures_total", reason="pool") or 0) == refused + 1
    await platform.close()
