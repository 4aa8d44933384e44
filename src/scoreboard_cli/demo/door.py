"""Lets players arrive one after the other, slower than the server would allow.

The server counts log-ins for each address, twenty a minute. The person who started the demo is at the same address and
may want to register in the browser meanwhile, so some of the twenty are left to them.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_AT_ONCE = 15
_THEN_EVERY_S = 3.6


class Door:
    """One after the other; the first ``at_once`` quickly, then one every ``then_every`` seconds."""

    def __init__(self, at_once: int = _AT_ONCE, then_every: float = _THEN_EVERY_S) -> None:
        self._lock = asyncio.Lock()
        self._credit = (at_once - 1) * then_every
        self._gap = then_every
        self._next = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until it is one's turn, and keep the others waiting while inside."""
        async with self._lock:
            yield

    async def knock(self) -> None:
        """Before every registration and log-in, inside a turn: wait until it is due."""
        now = time.monotonic()
        self._next = max(self._next, now - self._credit) + self._gap
        if (wait := self._next - self._gap - now) > 0:
            await asyncio.sleep(wait)
