"""A connection that has ended leaves nothing that only the garbage collector could take apart.

It looks at objects that have lasted hardly ever (``tune_garbage_collector``): what each connection left would stay.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2 as httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.contract.conftest import Stage
from tests.security.test_sockets import PLAIN, POLLING, STOCK
from tests.stage import Service, free_port, until

CONNECTIONS = 40
LOOKS = """
import gc, os, signal, sys

def look(*_):
    with open(os.environ["GARBAGE"], "a") as file:
        print(gc.collect(), file=file, flush=True)

if "scoreboard_realtime" in sys.orig_argv:
    signal.signal(signal.SIGUSR2, look)
"""


class Watched(Service):
    """A service that says on demand how many objects only the collector could free."""

    told: Path
    board: str

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def subscribe(self) -> dict[str, list[str]]:
        return {"channels": [f"board:{self.board}"]}

    async def garbage(self) -> int:
        before = self.told.read_text().splitlines() if self.told.exists() else []
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGUSR2)

        def looked() -> list[str]:
            found = self.told.read_text() if self.told.exists() else ""
            return found.splitlines()[len(before) :] if found.endswith("\n") else []

        return int((await until(looked, within=10))[0])


@pytest_asyncio.fixture(scope="module")
async def watched(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    folder = tmp_path_factory.mktemp("garbage")
    (folder / "sitecustomize.py").write_text(LOOKS)
    told = folder / "told"
    own = {"PYTHONPATH": str(folder), "GARBAGE": str(told), "SCOREBOARD_METRICS_PORT": str(free_port())}
    service = Watched("realtime", {**stage.environment, **own}, folder / "realtime.log")
    service.told, service.board = told, await stage.board()
    service.start()
    try:
        await service.ready()
        yield service
    finally:
        service.stop()


def socket_url(service: Watched, path: str) -> str:
    return service.url.replace("http", "ws", 1) + path


async def plain(service: Watched) -> None:
    async with connect(socket_url(service, PLAIN)) as socket:
        await socket.send(json.dumps({"type": "subscribe", **service.subscribe()}))
        for _ in range(2):
            await socket.recv()


async def plain_cut(service: Watched) -> None:
    async with connect(socket_url(service, PLAIN)) as socket:
        await socket.send(json.dumps({"type": "subscribe", **service.subscribe()}))
        await socket.recv()
        socket.transport.abort()


async def nonsense(service: Watched) -> None:
    async with connect(socket_url(service, PLAIN)) as socket:
        with contextlib.suppress(ConnectionClosed):
            await socket.send("x" * 70_000)
            await socket.recv()
            await socket.recv()


async def stock(service: Watched) -> None:
    async with connect(socket_url(service, STOCK)) as socket:
        await socket.recv()
        await socket.send("40")
        await socket.recv()
        await socket.send("42" + json.dumps(["subscribe", service.subscribe()]))
        for _ in range(2):
            await socket.recv()


async def stock_nonsense(service: Watched) -> None:
    async with connect(socket_url(service, STOCK)) as socket:
        await socket.recv()
        with contextlib.suppress(ConnectionClosed):
            await socket.send("nonsense")
            await socket.recv()
            await socket.recv()


async def polling(service: Watched) -> None:
    async with httpx.AsyncClient(base_url=service.url) as client:
        opened = json.loads((await client.get(POLLING)).text[1:])
        address = f"{POLLING}&sid={opened['sid']}"
        await client.post(address, content="40")
        await client.get(address)
        await client.post(address, content="41")
        await client.post(address, content="1")


async def upgraded(service: Watched) -> None:
    async with httpx.AsyncClient(base_url=service.url) as client:
        opened = json.loads((await client.get(POLLING)).text[1:])
        async with connect(socket_url(service, f"{STOCK}&sid={opened['sid']}")) as socket:
            await socket.send("2probe")
            assert await socket.recv() == "3probe"
            await client.get(f"{POLLING}&sid={opened['sid']}")
            await socket.send("5")
            await socket.send("40")
            await socket.recv()


async def events(service: Watched) -> None:
    async with (
        httpx.AsyncClient(base_url=service.url) as client,
        client.stream("GET", f"/api/v1/live/boards/{service.board}") as reply,
    ):
        async for line in reply.aiter_lines():
            if line.startswith("data:"):
                return


KINDS: list[Callable[[Watched], Awaitable[None]]] = [
    *(plain, plain_cut, nonsense, stock, stock_nonsense, polling, upgraded, events)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_what_a_connection_leaves_needs_no_collector(
    watched: Watched, kind: Callable[[Watched], Awaitable[None]]
) -> None:
    await kind(watched)  # what is made once only
    await kind(watched)
    open_files = watched.descriptors
    await watched.garbage()
    await asyncio.gather(*(kind(watched) for _ in range(CONNECTIONS)))
    await until(lambda: watched.descriptors <= open_files, within=30, what="every connection being gone")
    assert await watched.garbage() < CONNECTIONS
