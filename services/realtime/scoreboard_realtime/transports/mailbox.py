"""An outlet for transports that fetch: messages wait here until the sending loop takes them."""

import asyncio
from collections import deque
from collections.abc import Callable

from scoreboard_realtime.errors import Close
from scoreboard_realtime.parcel import Codec, Parcel


class Mailbox:
    """Messages handed over, and how many bytes of them were not taken yet."""

    codec = Codec.PLAIN

    def __init__(self, transport: str, size: Callable[[Parcel], int]) -> None:
        self.transport = transport
        self.closed: tuple[Close, str] | None = None
        self._size = size
        self._waiting: deque[Parcel] = deque()
        self._bytes = 0
        self._news = asyncio.Event()

    def send(self, parcel: Parcel) -> None:
        """Add a message."""
        if self.closed is None:
            self._waiting.append(parcel)
            self._bytes += self._size(parcel)
            self._news.set()

    def wire(self) -> None:
        """None: everything is fetched."""

    def backlog(self) -> int:
        """Bytes that wait. A message counts until the one after it is asked for."""
        return self._bytes

    def close(self, code: Close, reason: str) -> None:
        """Nothing comes after what is waiting."""
        if self.closed is None:
            self.closed = (code, reason)
            self._news.set()

    def peek(self) -> Parcel | None:
        """The first waiting message, left where it is."""
        return self._waiting[0] if self._waiting else None

    async def next(self, timeout: float | None = None) -> Parcel | None:
        """The next message; None once it is closed and empty. Raises TimeoutError after ``timeout`` seconds."""
        while not self._waiting:
            if self.closed is not None:
                return None
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), timeout)
        return self._waiting.popleft()

    def taken(self, parcel: Parcel) -> None:
        """The network has the message now."""
        self._bytes -= self._size(parcel)
