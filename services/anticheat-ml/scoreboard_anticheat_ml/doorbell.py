"""Says when there may be something new in the ledger. The stream only rings; what happened is read from the ledger.

So nothing depends on what Redis still has: without it the ledger is looked at a few times a second.
"""

import asyncio
from typing import Any

from scoreboard.live import bus
from scoreboard.live.redis_link import Live, LiveUnavailable

_NEWEST = "$"
_GRACE = 1.0


class Doorbell:
    """Listens to the stream.

    Args:
        live: Redis.
        longest: Seconds after which it is worth looking although nothing was heard.
    """

    def __init__(self, live: Live, longest: float) -> None:
        self._live = live
        self._longest = longest
        self._client: Any = None

    async def wait(self) -> bool:
        """Wait for an event, at most so long. True: there was one; False: nothing was heard, or Redis is away."""
        if self._live.down():
            await asyncio.sleep(self._longest)
            return False
        began = asyncio.get_running_loop().time()
        if self._client is None:
            self._client = self._live.blocking_client()
        block = max(1, int(self._longest * 1000))
        read = bus.read_events(self._client, _NEWEST, block_ms=block, count=1)
        try:
            return bool(await self._live.ask("doorbell", asyncio.wait_for(read, self._longest + _GRACE)))
        except LiveUnavailable:
            await self.close()
            await asyncio.sleep(max(self._longest - (asyncio.get_running_loop().time() - began), 0))
            return False

    async def close(self) -> None:
        """Give the connection back."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
