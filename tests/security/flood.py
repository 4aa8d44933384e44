"""A flood from many connections at once, and what of it was let through."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx2 as httpx

Send = Callable[[], Awaitable[httpx.Response]]


@dataclass
class Flooded:
    """How many requests were sent, how many were not refused by a limiter, and in how many seconds."""

    sent: int = 0
    accepted: int = 0
    seconds: float = 0.0

    def within(self, rate: float, burst: int, *, times: float = 1.0) -> bool:
        """Whether no more was accepted than ``times`` what the limit grants; one for the edges of the interval."""
        return self.accepted <= times * (burst + rate * self.seconds) + 1


async def flood(senders: Sequence[Send], *, seconds: float, each: int = 6, expect: set[int]) -> Flooded:
    """Send as fast as answers come, ``each`` at a time through every sender, for so long.

    Whatever is answered with 429 was refused; everything else must be one of ``expect``.
    """
    flooded, begin = Flooded(), time.monotonic()

    async def one(send: Send) -> None:
        while time.monotonic() - begin < seconds:
            reply = await send()
            flooded.sent += 1
            if reply.status_code == 429:
                assert float(reply.headers["Retry-After"]) >= 1
                continue
            assert reply.status_code in expect, reply.text
            flooded.accepted += 1

    await asyncio.gather(*(one(send) for send in senders for _ in range(each)))
    flooded.seconds = time.monotonic() - begin
    return flooded
