"""One store is gone: the other carries on, nothing is lost, no board is ever wrong, and all heals by itself."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx2 as httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from scoreboard.domain.board import Board
from tests.conftest import Running, launch
from tests.ledger_check import check_ledger, settled
from tests.ranking_model import Row, rank
from tests.stage import PASSWORD, Person, Stores, register, until

LOOPS = {"sweep", "jobs", "seasons", "leaderboards", "audit", "activity", "revocations"}
MAIN = Board("main", "All players")


@pytest_asyncio.fixture(scope="module")
async def running(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    quick = {"SCOREBOARD_AUDIT_EVERY": "0.5", "SCOREBOARD_ROLLUP_EVERY": "0.5"}
    async for started in launch(stores, tmp_path_factory.mktemp("degraded"), **quick):
        yield started


@pytest.fixture(autouse=True)
def stores_come_back(stores: Stores) -> Iterator[None]:
    yield
    if stores.valkey.pid is None:
        stores.valkey.start()
    if stores.postgres.pid is None:
        stores.postgres.start()


class Watch:
    """Players who score without a pause while a spectator compares every read of the board with what is possible.

    Every page must be ranked as its own entries demand, hold nobody's score below what was answered before the read
    began nor above what was asked for when it ended.
    """

    def __init__(self, running: Running, crowd: list[Person], *, patience: float = 0.0) -> None:
        self._running, self._crowd, self._patience = running, crowd, patience
        self.answered: list[dict[str, Any]] = []
        self.reads = 0
        self.refused = 0
        self._floor: list[tuple[float, str, int]] = []
        self._ceiling = {player.id: 0 for player in crowd}
        self._stop = asyncio.Event()
        self._n = 0

    async def _play(self, player: Person) -> None:
        while not self._stop.is_set():
            self._n += 1
            self._ceiling[player.id] += 1
            body = {"action_id": f"w-{id(self)}-{self._n}", "kind": "tap"}
            reply = await player.post("/api/v1/scores/update", body)
            assert reply.status_code == 200, reply.text  # writes never fail
            done = reply.json()
            self.answered.append(done)
            self._floor.append((time.monotonic(), player.id, done["score"]["current"]))

    def _lowest(self, before: float) -> dict[str, int]:
        return {player: score for at, player, score in self._floor if at <= before}

    async def _look(self) -> None:
        while not self._stop.is_set():
            floor = self._lowest(time.monotonic() - self._patience)
            reply = await self._running.client.get("/api/v1/boards/main/entries", params={"limit": 500})
            assert reply.status_code == 200, reply.text
            page = reply.json()
            rows = [
                Row(UUID(e["player_id"]), e["username"], e["score"], e["reached_at"])  # type: ignore[arg-type]
                for e in page["entries"]
            ]
            shown = [(e["rank"], e["player_id"], e["score"]) for e in page["entries"]]
            assert shown == [(e.rank, str(e.player_id), e.score) for e in rank(MAIN, rows)]
            assert page["total"] == len(rows)
            scores = {str(row.player_id): row.score for row in rows}
            for player, score in floor.items():
                assert scores.get(player, 0) >= score, f"{scores.get(player)} shown after {score} was answered"
            for player, ceiling in self._ceiling.items():
                assert scores.get(player, 0) <= ceiling
            self.reads += 1

    async def __aenter__(self) -> "Watch":
        for player in self._crowd:
            standing = await player.get("/api/v1/boards/main/me")
            self._ceiling[player.id] = standing.json()["score"] if standing.status_code == 200 else 0
        self._tasks = [asyncio.create_task(work) for work in [*map(self._play, self._crowd), self._look()]]
        return self

    async def more(self, count: int = 30, reads: int = 3) -> None:
        """Wait until so many more scores were answered and boards were read."""
        goal, looked = len(self.answered) + count, self.reads + reads

        def reached() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return len(self.answered) >= goal and self.reads >= looked

        await until(reached, what="more scores and reads")

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


@pytest_asyncio.fixture
async def crowd(running: Running) -> list[Person]:
    return [await register(running.client) for _ in range(6)]


async def test_flushall_while_scores_arrive(running: Running, crowd: list[Person]) -> None:
    client = Redis.from_url(running.environment["REDIS_URL"])
    async with Watch(running, crowd) as watch:
        for _ in range(4):
            await watch.more()
            await client.flushall()
            await until(lambda: ready(running), within=20, what="the leaderboard being back")
        await watch.more()
    await client.aclose()
    await check_ledger(running.platform, watch.answered)
    await settled(running.platform)


async def ready(running: Running) -> bool:
    """Whether the board is read from Redis again: only then a page names its epoch."""
    reply = await running.client.get("/api/v1/boards/main/entries")
    return bool(reply.json()["epoch"])


async def test_redis_away_and_back_empty(running: Running, crowd: list[Person], stores: Stores) -> None:
    async with Watch(running, crowd) as watch:
        for _ in range(2):
            await watch.more()
            stores.valkey.kill()
            await watch.more(60, 5)
            assert not await ready(running)
            reply = await crowd[0].post("/api/v1/scores/update", {"action_id": "mine", "kind": "tap2"})
            assert reply.status_code in (200, 409)
            if reply.status_code == 200:
                assert reply.json()["rank"] is None
                watch._ceiling[crowd[0].id] += 2
            stores.valkey.start()
            await until(lambda: ready(running), within=20, what="the leaderboard being back")
            await watch.more()
    await check_ledger(running.platform, watch.answered)
    await settled(running.platform)
    again = await crowd[0].score("quiz")
    assert again["rank"]["current"] >= 1


async def test_health_says_degraded_without_redis(running: Running, stores: Stores) -> None:
    stores.valkey.kill()

    async def degraded() -> bool:
        reply = await running.client.get("/health/ready")
        assert reply.status_code == 200
        return bool(reply.json() == {"status": "degraded", "checks": {"database": "ok", "redis": "unavailable"}})

    await until(degraded)
    assert (await running.client.get("/health/ready?strict=1")).status_code == 503
    assert (await running.client.get("/health/live")).status_code == 200
    stores.valkey.start()
    await until(lambda: is_ok(running))


async def is_ok(running: Running) -> bool:
    return bool((await running.client.get("/health/ready")).json()["status"] == "ok")


async def test_postgres_away_and_back(running: Running, crowd: list[Person], stores: Stores) -> None:
    ada = crowd[0]
    answered = [await player.score("quiz") for player in crowd]
    await settled(running.platform)
    top = (await running.client.get("/api/v1/boards/main/top?limit=100")).json()
    begun = await ada.begin("quiz")
    stores.postgres.kill()

    for reply in (
        await ada.complete(begun),
        await ada.post("/api/v1/actions", {"kind": "quiz"}),
        await ada.post("/api/v1/scores/update", {"action_id": "away", "kind": "tap"}),
        await ada.post("/api/v1/actions/execute", {"action_id": "away", "kind": "tap"}),
        await running.client.post("/api/v1/auth/login", json={"username": ada.username, "password": PASSWORD}),
        await ada.get("/api/v1/players/me"),
        await ada.get(f"/api/v1/actions/{begun['action_id']}"),
    ):
        assert (reply.status_code, reply.json()["code"]) == (503, "DEPENDENCY_UNAVAILABLE"), reply.text
        assert int(reply.headers["Retry-After"]) >= 1
        assert reply.headers["content-type"] == "application/problem+json"

    async def stale() -> dict[str, Any] | None:
        reply = await running.client.get("/api/v1/boards/main/top?limit=100")
        assert reply.status_code == 200, reply.text
        page: dict[str, Any] = reply.json()
        return page if page["stale_since"] else None

    page = await until(stale, what="the board saying that it is stale")
    assert page["entries"] == top["entries"]
    assert (await ada.get("/api/v1/boards/main/me")).status_code == 200
    assert (await ada.get("/api/v1/boards/main/around")).status_code == 200
    assert (await running.client.get("/api/v1/boards/main/entries")).json()["stale_since"]

    restarted = time.time()
    stores.postgres.start()
    done = await ada.insist(
        f"/api/v1/actions/{begun['action_id']}/complete", {"action_token": begun["action_token"]}, "after"
    )
    assert done.status_code == 200
    await until(lambda: fresh(running), what="the board being fresh again")
    await until(lambda: loops_alive(running, restarted), within=30, what="every loop of the worker going on")
    await check_ledger(running.platform, [*answered, done.json()])
    await settled(running.platform)


async def fresh(running: Running) -> bool:
    return (await running.client.get("/api/v1/boards/main/top")).json()["stale_since"] is None


async def loops_alive(running: Running, since: float) -> bool:
    """Whether every loop has finished a round since."""
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"{running.worker.url}/metrics")).text
    found = re.findall(r'scoreboard_loop_last_success_seconds\{loop="(\w+)"\} (\S+)', metrics)
    return {loop for loop, at in found if float(at) > since} >= LOOPS


async def test_both_away_then_back(running: Running, crowd: list[Person], stores: Stores) -> None:
    ada = crowd[0]
    stores.valkey.kill()
    stores.postgres.kill()
    reply = await running.client.get("/api/v1/boards/main/entries")
    assert (reply.status_code, reply.json()["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert (await running.client.get("/health/live")).status_code == 200

    async def unready() -> bool:
        return (await running.client.get("/health/ready")).status_code == 503

    await until(unready)
    restarted = time.time()
    stores.postgres.start()
    stores.valkey.start()
    done = await ada.insist("/api/v1/scores/update", {"action_id": "back", "kind": "tap"}, "back")
    assert done.status_code == 200
    await until(lambda: loops_alive(running, restarted), within=30, what="every loop of the worker going on")
    await settled(running.platform)
    await check_ledger(running.platform, [done.json()])
