"""A proxy before the API that keeps the replies to some requests for itself: for the client they never came."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

MARK = "X-Lose"


@dataclass(frozen=True)
class Stolen:
    """A reply that its client never got."""

    status: int
    body: dict[str, object]


@dataclass
class Thief:
    """Hands everything on, except replies to requests with a mark: then the client's connection breaks instead."""

    host: str
    to_port: int
    port: int = 0
    stolen: dict[str, Stolen] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @asynccontextmanager
    async def before(cls, url: str) -> AsyncIterator["Thief"]:
        """Listen on a free port before the API at this URL."""
        parts = urlsplit(url)
        thief = cls(parts.hostname or "", parts.port or 0)
        server = await asyncio.start_server(thief._serve, "127.0.0.1", 0)
        thief.port = server.sockets[0].getsockname()[1]
        try:
            yield thief
        finally:
            server.close()
            for task in thief._tasks:
                task.cancel()
            await asyncio.gather(*thief._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            there, far = await asyncio.open_connection(self.host, self.to_port)
            while (request := await _message(reader)) is not None:
                far.write(request.raw)
                reply = await _message(there)
                if reply is None:
                    return
                mark = request.headers.get(MARK.lower())
                if mark is not None:
                    status = int(request_line(reply).split()[1])
                    self.stolen[mark] = Stolen(status, msgspec.json.decode(reply.body))
                    return
                writer.write(reply.raw)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # cancelled only at the end, and nobody asks a server's task how it went
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            if far is not None:
                far.transport.abort()


@dataclass(frozen=True)
class Message:
    """A request or reply with a length, as it is on the wire."""

    head: bytes
    headers: dict[str, str]
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.head + self.body


def request_line(message: Message) -> str:
    """The first line."""
    return message.head.split(b"\r\n", 1)[0].decode("latin-1")


async def _message(reader: asyncio.StreamReader) -> Message | None:
    """The next one; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    pairs = (line.split(":", 1) for line in head.decode("latin-1").split("\r\n")[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    return Message(head, headers, await reader.readexactly(int(headers.get("content-length", 0))))
