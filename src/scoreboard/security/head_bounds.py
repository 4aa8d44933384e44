"""HTTP connections whose head may neither grow nor take its time for ever.

uvicorn's parser takes header after header without an end, and waits for the rest of one as long as the client likes:
a few hundred idle sockets would be enough to run a server out of memory or descriptors. Everything behind the head
(body, reply) has bounds of its own in the services.
"""

import asyncio
from typing import Any

from scoreboard.settings import Settings

_CLOSING = b"content-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _CLOSING
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\n" + _CLOSING


class HeadBounds:
    """Goes before uvicorn's ``HttpToolsProtocol``, whose hooks it extends; the bounds are those of the class."""

    head_bytes = 0
    head_seconds = 0.0
    transport: asyncio.Transport
    parser: Any
    cycle: Any
    loop: asyncio.AbstractEventLoop
    _deadline: asyncio.TimerHandle | None = None
    _due = False
    _read = 0

    def connection_made(self, transport: Any) -> None:
        """A client is there; the first request is due."""
        self._next.connection_made(transport)
        self._due = True
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._arrived()
        self._next.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that is not complete yet."""
        awaited = self._due
        self._next.data_received(data)
        if self._due:
            if self._deadline is None:
                self._expect()
            # A head that begins behind another request's rest: how much of the data is its own is not known.
            self._read += len(data) if awaited else 1
            if self._read > self.head_bytes:
                self._end(_TOO_LARGE)
        elif self._deadline is None and self._answered():
            # More of a body that nobody wants to read, after which uvicorn would wait for ever for what comes next.
            self._expect()

    def _answered(self) -> bool:
        return self.parser is not None and self.cycle is not None and self.cycle.response_complete

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._next.on_message_begin()
        if not self._due:
            # The clock starts with the end of this piece of data: nearly always the whole head is in it.
            self._due = True

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._arrived()
        self._next.on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over. uvicorn unties this object and its parser only where a connection ends as HTTP."""
        self._next.handle_websocket_upgrade()
        self._arrived()
        self.parser = None

    @property
    def _next(self) -> Any:
        return super()

    def _expect(self) -> None:
        self._read = 0
        self._deadline = self.loop.call_later(self.head_seconds, self._end, _TOO_LATE)

    def _arrived(self) -> None:
        self._due = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, answer: bytes) -> None:
        self._arrived()
        if not self.transport.is_closing():
            if self._read:
                self.transport.write(answer)
            self.transport.close()


def with_head_bounds(protocol: type[Any], settings: Settings) -> type[Any]:
    """Uvicorn's protocol class with the bounds of these settings, for its option ``http``."""
    bounds = {"head_bytes": settings.head_limit, "head_seconds": settings.head_deadline}
    return type(f"Bounded{protocol.__name__}", (HeadBounds, protocol), bounds)
