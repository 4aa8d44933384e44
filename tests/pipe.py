"""A pipe between two processes that fails as networks do: nothing arrives, it takes long, or a connection breaks.

What is held up is delivered late, as TCP does once a network is whole again: also what was sent by somebody who has
given up since.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

_CHUNK = 65536


class Way(Enum):
    """A direction, as the one who connects sees it."""

    THERE = "there"
    BACK = "back"


BOTH = frozenset(Way)


@dataclass(eq=False)
class Link:
    """One connection through the pipe. ``dead``: both ends believe in it, and nothing passes any more."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    dead: bool = False

    def cut(self) -> None:
        """Reset it on both ends."""
        for end in (self.near, self.far):
            end.transport.abort()


@dataclass
class Pipe:
    """Where it leads, and where it listens.

    Attributes:
        delay: seconds that every piece waits before it is handed on, in each direction; pieces wait beside each other.
        reset_share: how many pieces of a hundred break their connection, as a share.
        rng: decides which ones.
        resets: connections that were broken so.
    """

    host: str
    to_port: int
    port: int = 0
    delay: float = 0.0
    reset_share: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    resets: int = 0
    _open: dict[Way, asyncio.Event] = field(default_factory=lambda: {way: asyncio.Event() for way in Way})
    _links: set[Link] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def to(cls, host: str, port: int) -> AsyncIterator["Pipe"]:
        """Listen on a free port of this machine."""
        pipe = cls(host, port)
        pipe.flow()
        server = await asyncio.start_server(pipe._serve, "127.0.0.1", 0)
        pipe.port = server.sockets[0].getsockname()[1]
        try:
            yield pipe
        finally:
            server.close()
            pipe.delay = 0.0
            pipe.flow()
            pipe.drop()
            for task in pipe._tasks:
                task.cancel()
            await asyncio.gather(*pipe._tasks, return_exceptions=True)

    def leading(self, url: str) -> str:
        """The same URL through this pipe."""
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}127.0.0.1:{self.port}").geturl()

    def hang(self, ways: frozenset[Way] = BOTH) -> None:
        """What is sent these ways stays where it is; new connections are taken and never answered."""
        for way in ways:
            self._open[way].clear()

    def flow(self) -> None:
        """Let everything through, what waited too."""
        for gate in self._open.values():
            gate.set()

    def drop(self) -> None:
        """Cut every connection."""
        for link in self._links:
            link.cut()

    def forget(self) -> int:
        """Every connection there is leads nowhere from now on, and neither end is told. How many there were."""
        alive = [link for link in self._links if not link.dead]
        for link in alive:
            link.dead = True
        return len(alive)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self.host, self.to_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, back)
        self._links.add(link)
        flows = [
            asyncio.ensure_future(self._flow(link, Way.THERE, reader, back)),
            asyncio.ensure_future(self._flow(link, Way.BACK, there, writer)),
        ]
        self._tasks |= {*flows}
        try:
            await asyncio.gather(*flows, return_exceptions=True)
        finally:
            self._tasks -= {*flows}
            self._links.discard(link)
            link.cut()

    async def _flow(self, link: Link, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        carrying = asyncio.ensure_future(self._carry(link, way, pieces, sink))
        self._tasks.add(carrying)
        carrying.add_done_callback(self._tasks.discard)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                pieces.put_nowait((loop.time() + self.delay, data))
        pieces.put_nowait((loop.time() + self.delay, b""))
        await carrying

    async def _carry(
        self, link: Link, way: Way, pieces: "asyncio.Queue[tuple[float, bytes]]", sink: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, RuntimeError):
            while True:
                due, data = await pieces.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                await self._open[way].wait()
                if link.dead:
                    continue
                if not data:
                    sink.write_eof()
                    return
                if self.reset_share and self.rng.random() < self.reset_share:
                    self.resets += 1
                    link.cut()
                    return
                sink.write(data)
                await sink.drain()
