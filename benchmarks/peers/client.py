"""``client.c`` in Python, for machines without a C compiler: the same arguments, commands and answers.

It needs several times the processor time, on its own core; what is measured of the servers stays comparable.
"""

import asyncio
import base64
import os
import secrets
import socket
import sys
import time
from pathlib import Path

import uvloop

_AT_ONCE = 64
_EVENT, _SNAPSHOT = b'42["scoreboard_updated"', b'42["scoreboard_initial"'
_SUBSCRIBE = b'42["subscribe",{"channels":["board:main"]}]'


class Crowd:
    """All clients of this process, and what was heard since the last round."""

    def __init__(self, port: int, protocol: str, path: str, tokens: list[str]) -> None:
        self.port, self.path, self.tokens = port, path, tokens
        self.socketio = protocol == "socketio"
        self.clients: list[Client] = []
        self.reading = self.ready = 0
        self._heard = 0
        self._first = 0.0
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def connect(self, count: int, buffer: int) -> None:
        """So many more clients."""
        began = time.monotonic()
        await asyncio.gather(*(self._one(buffer) for _ in range(count)))
        self._heard = 0
        _answer(f"connected {time.monotonic() - began:.6f}")

    async def _one(self, buffer: int) -> None:
        async with self._free:
            end = socket.socket()
            end.setblocking(False)
            if buffer:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(end, ("127.0.0.1", self.port))
            client = Client(self, len(self.clients), slow=bool(buffer))
            self.clients.append(client)
            await loop.create_connection(lambda: client, sock=end)
            await client.subscribed
            self.reading += 1

    def stall(self) -> None:
        """Those with a buffer of their own stop reading."""
        slow = [client for client in self.clients if client.slow]
        for client in slow:
            client.pause()
        self.reading -= len(slow)
        _answer(f"stalled {len(slow)}")

    def count(self) -> None:
        """One event arrived somewhere."""
        if not self._heard:
            self._first = time.monotonic()
        self._heard += 1
        if self._heard == self.reading:
            self._heard = 0
            _answer(f"round {self._first:.6f} {time.monotonic():.6f}")


class Client(asyncio.Protocol):
    """One client."""

    def __init__(self, crowd: Crowd, number: int, *, slow: bool) -> None:
        self._crowd = crowd
        self._number = number
        self._data = b""
        self._open = self._paused = False
        self._transport: asyncio.Transport | None = None
        self.slow = slow
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = transport  # type: ignore[assignment]
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        assert self._transport is not None
        self._transport.write(
            f"GET {self._crowd.path} HTTP/1.1\r\nHost: 127.0.0.1:{self._crowd.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up ends the run; one that lets a stalled client go does what it should."""
        if not self._paused:
            _answer("failed closed: the server hung up")
            os._exit(1)

    def pause(self) -> None:
        """Read no more."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        data = self._data + data if self._data else data
        at = 0
        if not self._open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._data = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                _answer("failed handshake: not accepted")
                os._exit(1)
            self._open, at = True, end + 4
        while len(data) - at >= 2:
            size, begin = data[at + 1] & 127, at + 2
            if size > 125:
                wide = 2 if size == 126 else 8
                if len(data) < begin + wide:
                    break
                size, begin = int.from_bytes(data[begin : begin + wide]), begin + wide
            if len(data) < begin + size:
                break
            if data[at] == 0x81:
                self._heard(data[begin : begin + 24])
            at = begin + size
        self._data = data[at:]

    def _heard(self, start: bytes) -> None:
        subscribed = self.subscribed.done()
        if start.startswith(_EVENT) if self._crowd.socketio else subscribed:
            if subscribed:
                self._crowd.count()
        elif start.startswith(_SNAPSHOT) or not self._crowd.socketio:
            if not subscribed:
                self.subscribed.set_result(None)
        else:
            self._control(start)

    def _control(self, start: bytes) -> None:
        crowd = self._crowd
        if start.startswith(b"2"):
            self._say(b"3")
        elif start.startswith(b"0"):
            token = crowd.tokens[self._number % len(crowd.tokens)] if crowd.tokens else ""
            self._say(f'40{{"token":"{token}"}}'.encode() if token else b"40")
        elif start.startswith(b"40"):
            self._say(_SUBSCRIBE)
        elif start.startswith((b"44", b"41")):
            _answer("failed refused: the server let a client not in")
            os._exit(1)

    def _say(self, text: bytes) -> None:
        size = len(text)
        head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        assert self._transport is not None
        self._transport.write(head + bytes(4) + text)


def _answer(line: str) -> None:
    print(line, flush=True)


async def _obey(crowd: Crowd) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        match line.split():
            case ["connect", count, buffer]:
                await crowd.connect(int(count), int(buffer))
            case ["stall"]:
                crowd.stall()
            case _:
                break
    os._exit(0)


def main() -> None:
    """Obey commands until the end of stdin."""
    port, protocol, path, tokens = sys.argv[1:]
    read = Path(tokens).read_text("ascii").split() if tokens != "-" else []
    uvloop.run(_start(int(port), protocol, path, read))


async def _start(port: int, protocol: str, path: str, tokens: list[str]) -> None:
    await _obey(Crowd(port, protocol, path, tokens))


if __name__ == "__main__":
    main()
