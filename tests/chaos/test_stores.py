"""Redis emptied, killed, stopped; Postgres stopped, disconnected, read-only, without room: all under load."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from scoreboard.live import leaderboard
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from tests.chaos.fault_run import FaultRun
from tests.chaos.ground import Ground, Stopwatch, open_ground
from tests.chaos.invariants import Proof
from tests.chaos.load import Load
from tests.chaos.many_players import fill
from tests.chaos.small_disk import fill_up, small_disk
from tests.chaos.spectator import Spectator, generation, scores_of
from tests.ledger_check import leaderboards_match
from tests.stage import Person, until

PLAYERS = 8
STOPPED_S = 5.0
HEALED_S = 5.0
REST_S, LOOK_S = 0.1, 1.0
"""Between two actions, two reads of a large board: while Postgres answers, each read sorts all its players."""
BURST = 40
MANY, MANY_IN_A_HURRY = 100_000, 20_000
REFUSALS = 15
pytestmark = pytest.mark.slow


@pytest_asyncio.fixture(scope="module")
async def shared() -> AsyncIterator[Ground]:
    async with open_ground("api", "api-2", "worker") as ground:
        yield ground


@pytest_asyncio.fixture
async def ground(shared: Ground) -> Ground:
    await shared.whole()
    return shared


@pytest_asyncio.fixture
async def crowd(ground: Ground) -> list[Person]:
    return await ground.people(PLAYERS)


async def back(ground: Ground, before: str) -> float:
    """Wait until the board is read from Redis again, of another generation than before; the seconds it took."""
    watch = Stopwatch()

    async def read() -> bool:
        return await generation(ground) not in ("", before)

    await until(read, within=60, every=0.01, what="the board being read from Redis again")
    return watch.seconds


@asynccontextmanager
async def playing(
    ground: Ground, crowd: list[Person], fault: FaultRun, make: Callable[..., Load], name: str, **look: float
) -> AsyncIterator[Load]:
    """A load that Redis may not disturb, with a spectator; ``look`` is for the latter."""
    before = await scores_of(ground, [person.id for person in crowd])
    async with (
        make(crowd, ground.apis, fault.rng, f"{fault.fault.name}-{name}") as load,
        Spectator(ground, load, before, **look) as spectator,
    ):
        await load.more(BURST)
        await spectator.more()
        yield load
        await load.more(BURST)
        await spectator.more()
    assert not load.refusals, f"a write failed: {load.refusals[:3]}"
    assert not load.lost, load.lost[:3]
    fault.note(answers=len(load.acknowledged))
    if any(figure.name == "stale_s" for figure in fault.fault.figures):
        fault.note(stale_s=spectator.stale_s, reads=spectator.reads)


@pytest.mark.fault("redis-flush")
async def test_flush_redis(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    proof = await Proof(ground, fault).begin()
    for n in fault.rounds:
        async with playing(ground, crowd, fault, proof.load, str(n)):
            before = await generation(ground)
            await flush(ground)
            fault.note(rebuilt_s=await back(ground, before))
        await proof.round()
    await proof.end()


async def flush(ground: Ground) -> None:
    client = ground.redis()
    await client.flushall()
    await client.aclose()


@pytest.mark.fault("redis-kill")
async def test_kill_redis(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    proof = await Proof(ground, fault).begin()
    for n in fault.rounds:
        async with playing(ground, crowd, fault, proof.load, str(n)) as load:
            before = await generation(ground)
            ground.stores.valkey.kill()
            await load.more(2 * BURST)
            await ground.start_store(ground.stores.valkey)
            fault.note(rebuilt_s=await back(ground, before))
        await proof.round()
    await proof.end()


@pytest.mark.fault("stop-redis")
async def test_stop_redis(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    proof = await Proof(ground, fault).begin()
    for n in fault.rounds:
        async with playing(ground, crowd, fault, proof.load, str(n), lag_s=STOPPED_S + HEALED_S) as load:
            await generation(ground)
            assert ground.stores.valkey.pid is not None
            os.kill(ground.stores.valkey.pid, signal.SIGSTOP)
            await asyncio.sleep(STOPPED_S)
            await load.more(BURST)
            os.kill(ground.stores.valkey.pid, signal.SIGCONT)
            fault.note(rebuilt_s=await back(ground, ""))  # what it held may be good still
        await proof.round()
    await proof.end()


@pytest.mark.fault("redis-flush-large")
async def test_flush_redis_with_many_players(fault: FaultRun) -> None:
    """Their scores were never played for, so the ledger cannot be folded here; everything else is held against it."""
    async with open_ground("api", "worker") as ground:
        await fill(ground, MANY if fault.full else MANY_IN_A_HURRY)
        await rebuild_leaderboards(ground.platform, None, lambda done, total: None)
        crowd = await ground.people(PLAYERS)
        season = (await ground.platform.catalog.season("main", None)).id
        loads: list[Load] = []

        def make(*arguments: Any) -> Load:
            loads.append(Load(*arguments, pause=REST_S))
            return loads[-1]

        for n in fault.rounds:
            async with playing(ground, crowd, fault, make, str(n), pause=LOOK_S):
                before = await generation(ground)
                await flush(ground)
                watch = Stopwatch()
                await until(lambda: leaderboard.is_ready(ground.platform.live, season), within=60, every=0.02)
                fault.note(rebuilt_s=watch.seconds)
                assert await generation(ground) not in ("", before)
            await until(lambda: leaderboards_match(ground.platform), within=40, what="the leaderboard being right")
        counted = await ground.sql("SELECT action_id::text AS id FROM ledger")
        assert {answer["action_id"] for load in loads for answer in load.acknowledged} <= {row["id"] for row in counted}
        await Proof(ground, fault).end()
        fault.held |= {"I1", "I5"}


async def alive(ground: Ground, since: float) -> None:
    """Every process is the one that was started, and every loop of the worker has gone round since."""
    assert all(ground.running().values()), ground.running()
    await until(lambda: ground.loops_alive(since), within=40, every=0.2, what="every loop of the worker going on")


def only_503(fault: FaultRun, load: Load) -> None:
    """What was refused was refused as it should be."""
    assert set(load.statuses) <= {200, 201, 409, 503}, load.statuses
    assert all(each.retry_after is not None and each.retry_after >= 1 for each in load.refusals), load.refusals[:3]
    assert not load.lost, load.lost[:3]
    fault.note(answers=len(load.acknowledged))
    if any(figure.name == "refused" for figure in fault.fault.figures):
        fault.note(refused=len(load.refusals))


@pytest.mark.fault("postgres-restart")
async def test_stop_postgres_at_once(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    postgres = ground.stores.postgres
    proof = await Proof(ground, fault).begin()
    for n in fault.rounds:
        async with proof.load(crowd, ground.apis, fault.rng, f"restart-{n}") as load:
            await load.more(BURST)
            assert postgres.pid is not None
            os.kill(postgres.pid, signal.SIGQUIT)  # an immediate stop: no checkpoint, connections are dropped
            await until(lambda: postgres.pid is None, what="Postgres being gone")
            await load.refused(PLAYERS)
            await ground.start_store(postgres)
            watch, since = Stopwatch(), time.time()
            await load.more(1)
            fault.note(back_s=watch.seconds)
            await load.more(BURST)
        only_503(fault, load)
        await alive(ground, since)
        await proof.round()
    await proof.end()


@pytest.mark.fault("terminated-backends")
async def test_terminate_all_connections(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    database = ground.environment["DATABASE_URL"].rpartition("/")[2]
    proof = await Proof(ground, fault).begin()
    async with proof.load(crowd, ground.apis, fault.rng, "terminated") as load:
        for _ in fault.rounds:
            await load.more(5)
            await asyncio.sleep(0.5)
            [row] = await ground.sql(
                "SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity"
                " WHERE datname = $1 AND pid <> pg_backend_pid() AND application_name <> 'test'",
                database,
                database="postgres",
            )
            assert row["ended"]
            fault.note(terminated=row["ended"])
        since = time.time()
        await load.more(BURST)
    only_503(fault, load)
    await alive(ground, since)
    await proof.round()
    await proof.end()


async def refused(ground: Ground, load: Load) -> None:
    """Players are refused, boards can be read, and nothing ends."""
    await load.refused(REFUSALS)
    for url in ground.apis:
        page = await ground.client.get(f"{url}/api/v1/boards/main/top")
        assert page.status_code == 200, page.text
        assert (await ground.client.get(f"{url}/health/live")).status_code == 200
    assert all(ground.running().values())


@pytest.mark.fault("read-only-postgres")
async def test_read_only_postgres(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    proof = await Proof(ground, fault).begin()
    for n in fault.rounds:
        async with proof.load(crowd, ground.apis, fault.rng, f"read-only-{n}") as load:
            await load.more(BURST)
            await ground.sql("ALTER SYSTEM SET default_transaction_read_only = on")
            await ground.sql("SELECT pg_reload_conf()")
            try:
                await refused(ground, load)
            finally:
                await ground.sql("ALTER SYSTEM RESET default_transaction_read_only")
                await ground.sql("SELECT pg_reload_conf()")
            since = time.time()
            await load.more(BURST)
        only_503(fault, load)
        await alive(ground, since)
        await proof.round()
    await proof.end()


@pytest.mark.fault("disk-full")
async def test_disk_full(ground: Ground, crowd: list[Person], fault: FaultRun) -> None:
    proof = await Proof(ground, fault).begin()
    async with small_disk(ground) as disk:
        for n in fault.rounds:
            async with proof.load(crowd, ground.apis, fault.rng, f"full-{n}") as load:
                await load.more(BURST)
                ballast = disk / "ballast"
                fill_up(ballast)
                try:
                    await refused(ground, load)
                finally:
                    ballast.unlink()
                since = time.time()
                await load.more(BURST)
            only_503(fault, load)
            await alive(ground, since)
            await proof.round()
    await proof.end()
