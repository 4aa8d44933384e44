"""kill -9 and lost connections under load: what was answered is in the ledger, once, and boards heal by themselves."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import Running, launch
from tests.ledger_check import check_ledger, settled
from tests.stage import Person, Stores, register

PLAYERS = 12
PATH = "/api/v1/scores/update"


@pytest_asyncio.fixture(scope="module")
async def running(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async for started in launch(stores, tmp_path_factory.mktemp("chaos"), SCOREBOARD_JOB_LEASE="1"):
        yield started


@pytest_asyncio.fixture(scope="module")
async def crowd(running: Running) -> list[Person]:
    return [await register(running.client) for _ in range(PLAYERS)]


class Load:
    """Players who score without a pause and insist on an answer."""

    def __init__(self, crowd: list[Person], name: str) -> None:
        self.acknowledged: list[dict[str, object]] = []
        self._crowd, self._name = crowd, name
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def _play(self, player: Person) -> None:
        n = 0
        while not self._stop.is_set():
            n += 1
            name = f"{self._name}-{n}"
            if n % 3:
                reply = await player.insist(PATH, {"action_id": name, "kind": "tap"}, name)
            else:
                begun = (await player.insist("/api/v1/actions", {"kind": "quiz"}, f"begin-{name}")).json()
                path = f"/api/v1/actions/{begun['action_id']}/complete"
                reply = await player.insist(path, {"action_token": begun["action_token"]}, name)
            assert reply.status_code == 200, reply.text
            self.acknowledged.append(reply.json())

    async def __aenter__(self) -> "Load":
        self._task = asyncio.create_task(self._all())
        return self

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for player in self._crowd:
                group.create_task(self._play(player))

    async def more(self, count: int, within: float = 60.0) -> None:
        """Wait until so many more completions were answered."""
        goal = len(self.acknowledged) + count

        async def reached() -> None:
            assert self._task is not None
            while len(self.acknowledged) < goal:
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.005)

        await asyncio.wait_for(reached(), within)

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        assert self._task is not None
        await self._task


async def test_killing_the_api_under_load_loses_and_doubles_nothing(running: Running, crowd: list[Person]) -> None:
    async with Load(crowd, "api") as load:
        for _ in range(4):
            await load.more(60)
            running.api.kill()
            running.api.start()
        await load.more(60)
    report = await check_ledger(running.platform, load.acknowledged)
    # Everything was insisted on, so nothing is in the ledger that was not answered in the end.
    assert {str(action) for action in report.actions} == {reply["action_id"] for reply in load.acknowledged}
    await settled(running.platform)


async def test_killing_the_worker_under_load_is_caught_up(running: Running, crowd: list[Person]) -> None:
    before = len((await check_ledger(running.platform)).entries)
    async with Load(crowd, "worker") as load:
        for _ in range(3):
            await load.more(60)
            running.worker.kill()
            await load.more(30)
            running.worker.start()
    report = await check_ledger(running.platform, load.acknowledged)
    assert len(report.entries) == before + len(load.acknowledged)
    await running.worker.ready()
    await settled(running.platform, within=5)


async def test_a_lost_reply_is_given_again(running: Running, crowd: list[Person]) -> None:
    """The connection is dropped as soon as the request is out; the retry gets the one answer."""
    address = urlsplit(running.api.url)
    replies = []
    for n in range(60):
        player = crowd[n % PLAYERS]
        body = json.dumps({"action_id": f"lost-{n}", "kind": "tap"}).encode()
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: test\r\nAuthorization: {player.headers['Authorization']}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: lost-{n}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        writer.transport.abort()
        first = await player.insist(PATH, {"action_id": f"lost-{n}", "kind": "tap"}, f"lost-{n}")
        second = await player.insist(PATH, {"action_id": f"lost-{n}", "kind": "tap"}, f"lost-{n}")
        assert first.status_code == second.status_code == 200
        assert first.json()["score"] == second.json()["score"]
        assert second.headers["Idempotency-Replayed"] == "true"
        replies.append(second.json())
    await check_ledger(running.platform, replies)


async def test_terminated_backends_never_lose_what_was_answered(
    running: Running, crowd: list[Person], stores: Stores
) -> None:
    database = urlsplit(running.environment["DATABASE_URL"]).path.lstrip("/")
    admin = await asyncpg.connect(stores.postgres.url_for("postgres"))
    try:
        async with Load(crowd, "terminated") as load:
            for _ in range(15):
                await load.more(10)
                ended = await admin.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = $1 AND application_name <> 'test'",
                    database,
                )
                assert ended
    finally:
        await admin.close()
    await check_ledger(running.platform, load.acknowledged)
    await settled(running.platform)
    assert running.api.process is not None
    assert running.api.process.poll() is None
    assert running.worker.process is not None
    assert running.worker.process.poll() is None


async def test_sigterm_under_load_answers_what_it_took(running: Running, crowd: list[Person]) -> None:
    async with Load(crowd, "term") as load:
        for _ in range(2):
            await load.more(60)
            assert running.api.stop() in (0, -15)
            running.api.start()
        await load.more(30)
    await check_ledger(running.platform, load.acknowledged)
    await settled(running.platform)
