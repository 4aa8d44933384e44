"""A pipe between a process and its store that can stand still: nothing arrives, nothing is refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Pipe:
    """Where it leads, and where it listens."""

    host: str
    to_port: int
    port: int = 0
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _flowing: set[asyncio.Task[None]] = field(default_factory=set)
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)

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
            pipe.flow()
            pipe.drop()
            await asyncio.gather(*pipe._flowing, return_exceptions=True)

    def hang(self) -> None:
        """What is sent stays where it is; new connections are taken and never answered."""
        self._flows.clear()

    def flow(self) -> None:
        """Let everything through, what waited too."""
        self._flows.set()

    def drop(self) -> None:
        """Cut every connection."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.host, self.to_port)
        self._ends |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.ensure_future(self._flow(source, sink))
            self._flowing.add(task)
            task.add_done_callback(self._flowing.discard)

    async def _flow(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._flows.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
