"""Live connections in trouble: all come back at once, some never read, some send garbage. The others notice nothing."""

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from benchmarks.sockets import LiveSocket, allow_many_files, connect
from scoreboard.security.access_token import AccessTokens
from scoreboard.security.passwords import Passwords
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.sign_in import SignIn
from tests.chaos.fault_run import FaultRun
from tests.chaos.garbage import garbage
from tests.chaos.gauges import gauged, resident_mib
from tests.chaos.ground import Ground, Stopwatch, open_ground
from tests.chaos.returning import Returning
from tests.contract.conftest import Contestant, Stage
from tests.contract.live_clients import PlainClient
from tests.contract.test_live_protocol_restarts import reads_nothing
from tests.ledger_check import check_ledger
from tests.security.callers import open_player
from tests.security.test_sockets import PLAIN, STOCK, Witness, raw_socket
from tests.stage import patient, until

PODS = ("realtime", "realtime-2")
STORM_FULL, STORM_QUICK = 2000, 300
MOST_QUERIES = 3
RESYNCED_WITHIN = 120.0
"""After this a round is given up; how long it took is judged by the catalogue."""
STALLED, LISTENERS, ENTRIES, SCORES = 50, 20, 80, 40
ATTACKERS = 12


@pytest_asyncio.fixture(scope="module")
async def ground() -> AsyncIterator[Ground]:
    allow_many_files()
    async with open_ground("worker", *PODS, SCOREBOARD_STALE_CLOSE_AFTER="3") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def stage(ground: Ground) -> AsyncIterator[Stage]:
    settings = patient(ground.environment)
    passwords = Passwords(threads=1, queue=64)
    sign_in = SignIn(ground.platform, AccessTokens(settings), passwords)
    stage = Stage(ground.environment, ground.platform, sign_in, OutboxMarker(ground.platform))
    yield stage
    await stage.marker.finish()
    passwords.close()


async def _contestant(ground: Ground) -> Contestant:
    """A player without the cost of a password."""
    player = await open_player(ground.platform)
    return Contestant(player.id, player.username, "", UUID(int=0))


@pytest.mark.fault("reconnect-storm")
async def test_all_sockets_come_back_at_once(ground: Ground, stage: Stage, fault: FaultRun) -> None:
    count = STORM_FULL if fault.full else STORM_QUICK
    board, ada = await stage.board(), await _contestant(ground)
    await stage.score(ada, board, 1)
    score = 1
    ports = [ground.services[name].port for name in PODS]
    crowd = [
        Returning(ports[place % 2 :] + ports[: place % 2], f"board:{board}", random.Random(fault.rng.random()))
        for place in range(count)
    ]
    tasks = [asyncio.create_task(each.follow()) for each in crowd]
    try:
        await _all_show(crowd, score)
        for _ in fault.rounds:
            before = [each.connections for each in crowd]
            for name in PODS:
                ground.services[name].kill()
            await stage.score(ada, board, 1)  # everybody misses something
            score += 1
            watch = Stopwatch()
            await ground.start(*PODS)
            await _all_show(crowd, score)
            took = watch.seconds
            assert all(now.connections > then for now, then in zip(crowd, before, strict=True)), "nobody had to return"
            queries = [await _top_queries(ground, name) for name in PODS]
            # Beside those two a process that is late for Redis reads Postgres each two seconds: for all, again.
            assert not fault.full or max(queries) <= MOST_QUERIES, queries
            fault.note(
                resynced_s=took,
                sockets=count,
                top_queries=max(queries),
                sockets_a_query=count / len(PODS) / max(queries),
            )
        assert not [each.backwards for each in crowd if each.backwards]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await check_ledger(ground.platform)
    fault.held |= {"I2", "I3", "I6"}


async def _all_show(crowd: list[Returning], score: int) -> None:
    def behind() -> list[str]:
        return [str(each) for each in crowd if each.top != score]

    try:
        await until(lambda: not behind(), within=RESYNCED_WITHIN, every=0.1)
    except AssertionError:
        left = behind()
        raise AssertionError(f"{len(left)} of {len(crowd)} do not show {score}: {left[:3]}") from None


async def _top_queries(ground: Ground, name: str) -> float:
    """How often this process has read a board since it began."""
    levels = [
        await ground.total(name, "scoreboard_cache_reads_total", level=level) for level in ("leaderboard", "postgres")
    ]
    return sum(levels)


@pytest_asyncio.fixture
async def crowded(ground: Ground, stage: Stage) -> tuple[str, list[Contestant]]:
    """A board whose frames are large, and its players."""
    board = await stage.board(size=ENTRIES)
    players = [await _contestant(ground) for _ in range(ENTRIES)]
    for points, player in enumerate(players, 1):
        await stage.score(player, board, points)
    return board, players


class Listeners:
    """Sockets that read, and how long each of a row of scores took to all of them."""

    def __init__(self) -> None:
        self.heard = 0
        self.sockets: list[LiveSocket] = []

    async def connect(self, port: int, board: str) -> None:
        self.sockets = [await connect(port, f"board:{board}", self._hear) for _ in range(LISTENERS)]

    def _hear(self, content: bytes) -> None:
        self.heard += 1

    async def delays(self, stage: Stage, board: str, players: list[Contestant], rng: random.Random) -> list[float]:
        """Seconds from the commit's return to the last of them, for each score."""
        found = []
        for _ in range(SCORES):
            await asyncio.sleep(0.11 + 0.05 * rng.random())  # beyond the tick: each goes out at once
            heard = self.heard
            await stage.score(rng.choice(players), board, 1)
            began = time.perf_counter()
            await until(lambda heard=heard: self.heard >= heard + LISTENERS, within=10, every=0.0005, what="the update")
            found.append(time.perf_counter() - began)
        return found

    def close(self) -> None:
        for each in self.sockets:
            each.close()


@pytest.mark.fault("never-reads")
async def test_sockets_that_never_read_are_dropped(
    ground: Ground, stage: Stage, crowded: tuple[str, list[Contestant]], fault: FaultRun
) -> None:
    board, players = crowded
    name = PODS[0]
    service, listeners = ground.services[name], Listeners()
    await listeners.connect(service.port, board)
    try:
        for _ in fault.rounds:
            without = await listeners.delays(stage, board, players, fault.rng)
            dropped = await ground.total(name, "scoreboard_realtime_disconnects_total", reason="TOO_MANY_REQUESTS")
            memory = resident_mib(ground, name)
            stalled = [await reads_nothing(service, board) for _ in range(STALLED)]
            async with gauged(ground, name) as gauge:
                beside = await listeners.delays(stage, board, players, fault.rng)

                async def gone(dropped: float = dropped) -> bool:
                    await stage.score(fault.rng.choice(players), board, 1)
                    reason = {"reason": "TOO_MANY_REQUESTS"}
                    now = await ground.total(name, "scoreboard_realtime_disconnects_total", **reason)
                    return now - dropped >= STALLED

                watch = Stopwatch()
                await until(gone, within=60, every=0.05, what="those who never read being dropped")
            for each in stalled:
                each.close()
            usual, disturbed = statistics.median(without), statistics.median(beside)
            fault.note(
                dropped=STALLED,
                dropped_s=watch.seconds,
                grown_mib=max(gauge.memory_mib) - memory,
                usual_ms=1000 * usual,
                disturbed_ms=1000 * disturbed,
                beyond_tenth_s=max(0.0, disturbed - 1.1 * usual),
            )
            assert not any(each.lost for each in listeners.sockets), "one who reads was dropped too"
    finally:
        listeners.close()
    await check_ledger(ground.platform)
    fault.held |= {"I2", "I3"}


async def _attack(ground: Ground, rng: random.Random, until_: float) -> int:
    """Send garbage over one connection after another; how many there were."""
    service, made = ground.services[PODS[0]], 0
    while time.monotonic() < until_:
        made += 1
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            reader, writer = await raw_socket(service, rng.choice((PLAIN, STOCK)))
            try:
                for piece in garbage(rng):
                    writer.write(piece)
                    await asyncio.wait_for(writer.drain(), 2)
                    await asyncio.sleep(0)
                async with asyncio.timeout(0.1):
                    assert b"Traceback" not in await reader.read()
            finally:
                writer.transport.abort()
    return made


@pytest.mark.fault("malformed-sockets")
async def test_garbage_ends_at_worst_the_socket_that_it_came_by(ground: Ground, stage: Stage, fault: FaultRun) -> None:
    name = PODS[0]
    service = ground.services[name]
    process = service.process
    written = len(service.log.read_text("utf-8", errors="replace"))
    witness = Witness(PlainClient(service.url), stage, await stage.board(), await _contestant(ground))
    await witness.client.open()
    await witness.client.say({"type": "subscribe", "channels": [f"board:{witness.board}"]})
    await witness.client.hear("subscribed")
    await witness.client.hear("leaderboard.initial")
    ends = time.monotonic() + fault.count
    attacks = [asyncio.create_task(_attack(ground, random.Random(fault.rng.random()), ends)) for _ in range(ATTACKERS)]
    heard = 0
    async with gauged(ground, name) as gauge:
        while time.monotonic() < ends:
            await witness.hears_the_next_score()
            heard += 1
            await asyncio.sleep(0.05)
        made = sum(await asyncio.gather(*attacks))
    await witness.hears_the_next_score()
    await witness.client.leave()
    fault.did(fault.count)
    assert service.process is process
    assert process is not None
    assert process.poll() is None
    told = service.log.read_text("utf-8", errors="replace")[written:]
    assert "Traceback" not in told, told[told.index("Traceback") - 2000 :][:4000]

    async def let_go() -> bool:
        return await ground.total(name, "scoreboard_realtime_connections") == 0

    await until(let_go, within=30, every=0.2, what="every socket being let go")
    fault.note(attacks=made, heard=heard, grown_mib=gauge.grown_mib)
    await check_ledger(ground.platform)
    fault.held |= {"I2", "I3"}
