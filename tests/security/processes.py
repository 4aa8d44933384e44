"""Several real processes on one pair of stores, as behind a load balancer."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from scoreboard.security.access_token import AccessTokens
from scoreboard.usecases.platform import Platform, open_platform
from tests.conftest import furnish
from tests.stage import Service, Stores, free_port, settings_from

METRICS = "SCOREBOARD_METRICS_PORT"


@dataclass
class Fleet:
    """Running services by name in the order they were named, and a client for each that speaks HTTP."""

    environment: dict[str, str]
    platform: Platform
    tokens: AccessTokens
    services: list[Service]
    clients: list[httpx.AsyncClient]

    def metrics_url(self, service: Service) -> str:
        """Where the service tells its metrics: the worker's port is nothing else."""
        port = service.port if service.name == "worker" else service.environment[METRICS]
        return f"http://127.0.0.1:{port}/metrics"

    def only(self, name: str) -> list[Service]:
        """The services of this name."""
        return [service for service in self.services if service.name == name]


@asynccontextmanager
async def fleet(stores: Stores, folder: Path, *names: str, **extra: str) -> AsyncIterator[Fleet]:
    """Start these services (``api``, ``realtime``, ``worker``; a name may come twice) on a fresh database."""
    environment = await stores.environment(SCOREBOARD_SOCKETS_PER_ADDRESS="2000", SCOREBOARD_DRAIN_SECONDS="1", **extra)
    settings = settings_from(environment)
    platform = open_platform(settings, application="test-fleet")
    await furnish(platform)
    services = [
        Service(name, {**environment, METRICS: str(free_port())}, folder / f"{name}{n}.log")
        for n, name in enumerate(names)
    ]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.close)
        for service in services:
            service.start()
            stack.callback(service.stop)
        for service in services:
            await service.ready()
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=each.url, timeout=15, limits=limits))
            for each in services
        ]
        yield Fleet(environment, platform, AccessTokens(settings), services, clients)
