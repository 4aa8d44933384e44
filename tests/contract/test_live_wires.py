"""Frames that go past uvicorn to the kernel: whole, in order, and to nobody else; on both kinds of event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect

from scoreboard_realtime.parcel import text_frame
from scoreboard_realtime.wire import EXTENSION, FramedWebSocket, Wire, Wires
from tests.stage import until

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
MOST = 32 * 1024
LONG = "x" * 5000


def on(loop: str, scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(scene())


class Stand:
    """A server that keeps the wires of its connections."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.url = ""

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        self.wires.append(scope["extensions"][EXTENSION])
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def meet(self) -> tuple[ClientConnection, Wire]:
        known = len(self.wires)
        client = await connect(self.url, compression=None, ping_interval=None, max_queue=1)
        await until(lambda: len(self.wires) > known)
        return client, self.wires[-1]


@asynccontextmanager
async def stand() -> Any:
    found = Stand()
    config = uvicorn.Config(
        found.application,
        interface="asgi3",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_config=None,
    )
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(lambda: FramedWebSocket(config, state, {}), "127.0.0.1", 0)
    found.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for protocol in list(state.connections):
            protocol.transport.abort()  # type: ignore[union-attr]
        await until(lambda: not state.connections)


def all_of(*wires: Wire) -> Wires:
    found = Wires()
    for wire in wires:
        found.add(wire)
    return found


@pytest.mark.parametrize("loop", LOOPS)
def test_what_the_kernel_does_not_take_arrives_whole_and_in_order(loop: str) -> None:
    async def scene() -> None:
        async with stand() as server:
            client, wire = await server.meet()
            wires, sent = all_of(wire), 0
            while not wires.offer(text_frame(f"{sent} {LONG}"), MOST):
                sent += 1
                wire.write(text_frame(f"{sent} {LONG}"))
                sent += 1
                await asyncio.sleep(0)
                assert sent < 100_000, "a reader that reads nothing was never too slow"
            assert wire.backlog() > MOST
            assert not wire.offer(b"", MOST)
            for number in range(sent):
                async with asyncio.timeout(20):
                    assert await client.recv() == f"{number} {LONG}"
            await until(lambda: not wire.backlog())
            assert wires.offer(text_frame("again"), MOST) == []
            async with asyncio.timeout(20):
                assert await client.recv() == "again"

    on(loop, scene)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_frame_for_somebody_who_left_reaches_nobody_else(loop: str) -> None:
    async def scene() -> None:
        async with stand() as server:
            client, gone = await server.meet()
            client.transport.abort()
            await until(gone.transport.is_closing)
            await asyncio.sleep(0)
            others: list[tuple[ClientConnection, Wire]] = []
            while len(others) < 20 and (not others or others[-1][1].descriptor != gone.descriptor):
                others.append(await server.meet())
            assert others[-1][1].descriptor == gone.descriptor, "the number was not given to another connection"
            assert all_of(gone).offer(text_frame("not for you"), MOST) == []
            assert gone.offer(text_frame("not for you"), MOST)
            gone.write(text_frame("not for you"))
            client, wire = others[-1]
            wire.write(text_frame("for you"))
            async with asyncio.timeout(20):
                assert await client.recv() == "for you"

    on(loop, scene)


@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_follows_a_close_frame(loop: str) -> None:
    async def scene() -> None:
        async with stand() as server:
            host, port = server.url.removeprefix("ws://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            await until(lambda: server.wires)
            server.wires[0].finish(1012, "restarting")
            server.wires[0].write(text_frame("late"))
            async with asyncio.timeout(20):
                said = await reader.read()  # this client does not answer, and is cut off
            assert said.endswith(b"\x88\x0c" + (1012).to_bytes(2, "big") + b"restarting")
            writer.close()

    on(loop, scene)
