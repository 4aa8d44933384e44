"""Cheap live clients over the plain WebSocket, and a process that holds many of them: ``python -m benchmarks.sockets``.

A client here does what a browser's network part does and nothing more: it reads frames and answers heartbeats.
"""

import argparse
import asyncio
import base64
import os
import resource
import secrets
import sys
from collections.abc import Callable

import msgspec
import uvloop

_PATH = "/api/v1/ws/leaderboard"
_CONNECTING_AT_ONCE = 50


class Crowd(msgspec.Struct):
    """What the sockets of a crowd have heard: how many updates came in all, and to the least and most lucky one."""

    sockets: int
    updates: int
    fewest: int
    most: int
    lost: int
    cpu_seconds: float


class LiveSocket(asyncio.Protocol):
    """One plain WebSocket that follows one board.

    Args:
        host: for the handshake.
        channel: what to subscribe to.
        hear: gets the text of every update and snapshot of the board.
    """

    def __init__(self, host: str, channel: str, hear: Callable[[bytes], None] | None = None) -> None:
        self._host = host
        self._channel = channel
        self._hear = hear
        self._buffer = b""
        self._open = False
        self._transport: asyncio.Transport | None = None
        self.updates = 0
        self.lost = False
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = transport  # type: ignore[assignment]
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._write(
            f"GET {_PATH} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember that it ended before the benchmark did."""
        self.lost = True
        if not self.subscribed.done():
            self.subscribed.set_exception(ConnectionError("closed before it was subscribed"))

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        data = self._buffer + data if self._buffer else data
        if not self._open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self._buffer = b""
                self.subscribed.set_exception(ConnectionError(data[:200].decode(errors="replace")))
                return
            self._open = True
            self._say({"type": "subscribe", "channels": [self._channel]})
            data = data[end + 4 :]
        start = 0
        while (frame := _next_frame(data, start)) is not None:
            content, start = frame
            self._heard(content)
        self._buffer = data[start:]

    def _heard(self, content: bytes) -> None:
        if b'"type":"leaderboard.' in content[:64]:
            if not self.subscribed.done():
                self.subscribed.set_result(None)
            else:
                self.updates += 1
            if self._hear is not None:
                self._hear(content)
        elif b'"type":"ping"' in content[:64]:
            self._say({"type": "pong"})

    def _say(self, message: dict[str, object]) -> None:
        content = msgspec.json.encode(message)
        # A client has to mask; a mask of zeros leaves the text as it is.
        self._write(bytes([0x81, 0x80 | len(content)]) + bytes(4) + content)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def _next_frame(data: bytes, start: int) -> tuple[bytes, int] | None:
    """The content of the frame that begins at ``start`` and where it ends; None while it is incomplete."""
    if len(data) < start + 2:
        return None
    length, begin = data[start + 1] & 0x7F, start + 2
    if length > 125:
        size = 2 if length == 126 else 8
        length, begin = int.from_bytes(data[begin : begin + size]), begin + size
    if len(data) < begin + length:
        return None
    return data[begin : begin + length], begin + length


async def connect(port: int, channel: str, hear: Callable[[bytes], None] | None = None) -> LiveSocket:
    """A socket that has received its first snapshot."""
    host = f"127.0.0.1:{port}"
    loop = asyncio.get_running_loop()
    _, live = await loop.create_connection(lambda: LiveSocket(host, channel, hear), "127.0.0.1", port)
    await asyncio.wait_for(live.subscribed, 20)
    return live


def allow_many_files() -> None:
    """Raise the limit of open files as far as this user may; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _hold(port: int, count: int, channel: str) -> Crowd:
    sockets: list[LiveSocket] = []
    for first in range(0, count, _CONNECTING_AT_ONCE):
        some = range(first, min(count, first + _CONNECTING_AT_ONCE))
        sockets += await asyncio.gather(*(connect(port, channel) for _ in some))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)  # until we are told to stop
    lost = sum(each.lost for each in sockets)
    heard = [each.updates for each in sockets]
    for each in sockets:
        each.close()
    times = os.times()
    return Crowd(count, sum(heard), min(heard), max(heard), lost, times.user + times.system)


def main() -> None:
    """Connect, say ``ready``, count until a line comes in, print what was heard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--channel", default="board:main")
    parser.add_argument("--cores", type=lambda text: {int(core) for core in text.split(",")}, required=True)
    asked = parser.parse_args()
    os.sched_setaffinity(0, asked.cores)
    allow_many_files()
    crowd = uvloop.run(_hold(asked.port, asked.count, asked.channel))
    print(msgspec.json.encode(crowd).decode(), flush=True)


if __name__ == "__main__":
    main()
