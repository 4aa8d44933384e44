"""A way between a process and a store that can be made slow or be cut, as networks are."""

import asyncio
import contextlib

from scoreboard_cli.ports import pick_free

_CHUNK = 65536


class Way:
    """Hands bytes on, in both directions.

    Args:
        port: of the store, on this machine.
    """

    def __init__(self, port: int) -> None:
        self.port = pick_free()
        self.delay = 0.0
        """Seconds that every piece waits before it is handed on, in both directions."""
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Refuse connections, and end those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer))
                group.create_task(self._pump(far_reader, writer))
        except* OSError:
            pass
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(_CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            writer.write(content)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
