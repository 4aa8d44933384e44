"""A ground whose API reaches its stores over a network that can fail. Its worker, and the tests, have another way."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2 as httpx

from scoreboard.security.access_token import AccessTokens
from tests.chaos.ground import Ground, open_ground
from tests.pipe import Pipe
from tests.security.callers import open_caller
from tests.stage import Person, settings_from


@dataclass
class Network:
    """The ground, and the API's ways to its stores."""

    ground: Ground
    postgres: Pipe
    redis: Pipe

    def way_to(self, store: str) -> Pipe:
        """The API's way to ``postgres`` or ``redis``."""
        return {"postgres": self.postgres, "redis": self.redis}[store]

    def heal(self) -> None:
        """The network is as it should be, and delivers what it has kept."""
        for pipe in (self.postgres, self.redis):
            pipe.delay = pipe.reset_share = 0.0
            pipe.flow()


@asynccontextmanager
async def open_network(rng: random.Random, **extra: str) -> AsyncIterator[Network]:
    """Start the platform; ``extra`` settings are the API's alone, ``rng`` decides what the network breaks."""
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(open_ground())
        ways, pipes = dict[str, str](), list[Pipe]()
        for name in ("DATABASE_URL", "REDIS_URL"):
            parts = urlsplit(ground.environment[name])
            pipe = await stack.enter_async_context(Pipe.to(parts.hostname or "", parts.port or 0))
            pipe.rng = rng
            ways[name] = pipe.leading(ground.environment[name])
            pipes.append(pipe)
        stack.callback(ground.end)  # before the pipes: who looks for a store that is gone ends late
        ground.add("api", **ways, **extra)
        ground.add("worker")
        await ground.start("api", "worker")
        await ground.conceal()
        yield Network(ground, *pipes)


async def crowd_of(ground: Ground, client: httpx.AsyncClient, count: int) -> list[Person]:
    """Players with sessions, without the cost of passwords. Many: what comes together rarely concerns the same ones."""
    tokens = AccessTokens(settings_from(ground.environment))
    return [(await open_caller(ground.platform, tokens)).person(client) for _ in range(count)]
