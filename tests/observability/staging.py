"""The platform's services as processes on stores of their own, to look at what they tell."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2 as httpx

from scoreboard.usecases.platform import open_platform
from tests.conftest import furnish
from tests.observability.collector import Collector
from tests.stage import Service, Stores, free_port, settings_from

SERVICES = ("api", "realtime", "worker", "anticheat_ml")


@dataclass
class Stage:
    """Services as processes on stores of their own."""

    environment: dict[str, str]
    services: dict[str, Service]
    metrics: dict[str, str]
    client: httpx.AsyncClient

    async def sql(self, statement: str, *values: Any) -> list[Any]:
        connection = await asyncpg.connect(self.environment["DATABASE_URL"])
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def scrape(self, service: str, **headers: str) -> str:
        async with httpx.AsyncClient(timeout=20) as client:
            return (await client.get(self.metrics[service], headers=headers)).text

    def lines(self, service: str) -> list[dict[str, Any]]:
        """What it has written so far; the last line may be half there."""
        text = self.services[service].log.read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()[: text.count("\n")] if line.startswith("{")]


@asynccontextmanager
async def staged(stores: Stores, folder: Path, *names: str, **extra: str) -> AsyncIterator[Stage]:
    environment = await stores.environment(**extra)
    platform = open_platform(settings_from(environment), application="test")
    await furnish(platform)
    await platform.close()
    services, metrics = {}, {}
    for name in names:
        port = free_port()
        service = Service(name, {**environment, "SCOREBOARD_METRICS_PORT": str(port)}, folder / f"{name}.log")
        metrics[name] = f"http://127.0.0.1:{service.port if name in ('worker', 'anticheat_ml') else port}/metrics"
        services[name] = service
        service.start()
    try:
        await asyncio.gather(*(service.ready(within=150) for service in services.values()))
        async with httpx.AsyncClient(base_url=services["api"].url, timeout=30) as client:
            yield Stage(environment, services, metrics, client)
    finally:
        for service in services.values():
            service.stop()


def recording(collector: Collector, **extra: str) -> dict[str, str]:
    given = {"TRACE_ENDPOINT": collector.url, "TRACE_SAMPLE": "1", "TRACE_EVERY": "0.1", **extra}
    return {f"SCOREBOARD_{name}": value for name, value in given.items()}
