"""Fixtures: stores once for each test process, a fresh database for each test or module that asks."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from scoreboard import telemetry
from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator, Order, RankStyle, Visibility
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from scoreboard.usecases.revocation import restore_revocations
from scoreboard_api.app import create_app
from scoreboard_api.wiring import Wiring
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.valkey_server import ValkeyServer
from tests.stage import Service, Stores, make_keys, patient

telemetry.configure_logs("test", form="json", level="warning")
BOARDS = (
    Board("main", "All players"),
    Board("dense", "Dense ranks", rank_style=RankStyle.DENSE),
    Board("fastest", "Lowest wins", order=Order.ASC, operator=Operator.BEST, rank_style=RankStyle.ORDINAL),
    Board("hidden", "Members only", visibility=Visibility.PRIVATE),
)
KINDS = (
    ActionKind("quiz", "Quiz", points=10, boards=("main",)),
    ActionKind("match", "Match", min_points=-100, max_points=100, boards=("main", "dense")),
    ActionKind("lap", "Lap", min_points=1, max_points=10**6, boards=("fastest",)),
    ActionKind("huge", "Huge", min_points=-(2**53), max_points=2**53, direct=True, boards=("dense",)),
    ActionKind("tap", "Tap", points=1, direct=True, boards=("main",)),
    ActionKind("tap2", "Tap twice", points=2, direct=True, boards=("main",)),
    ActionKind("slow", "Slow", points=5, min_duration_s=60, boards=("main",)),
    ActionKind("quick", "Quick", points=5, max_duration_s=0.000001, boards=("main",)),
    ActionKind("daily", "Daily", points=50, cooldown_s=60, boards=("main",)),
    ActionKind("thrice", "Three times", points=1, attempts=3, window_s=3600, boards=("main",)),
    ActionKind("once", "Once", points=100, once=True, boards=("main",)),
    ActionKind("off", "Switched off", points=1, enabled=False, boards=("main",)),
    ActionKind("brief", "Token of one second", points=1, token_ttl_s=1, boards=("main",)),
    ActionKind("secret", "Members only", points=1, boards=("hidden",)),
)


@pytest_asyncio.fixture(scope="session")
async def stores() -> AsyncIterator[Stores]:
    folder = Path(tempfile.mkdtemp(prefix="sb"))
    folder.chmod(0o711)
    postgres = PostgresServer(folder / "postgres", options={"fsync": "off", "max_connections": "200"})
    valkey = ValkeyServer(folder / "valkey")
    postgres.start()
    valkey.start()
    stores = Stores(postgres, valkey, make_keys())
    await stores.prepare()
    yield stores
    valkey.stop()
    postgres.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def platform(stores: Stores) -> AsyncIterator[Platform]:
    """A platform in this process, with the test boards and their leaderboards."""
    platform = open_platform(patient(await stores.environment()), application="test")
    await furnish(platform)
    yield platform
    await platform.close()


async def furnish(platform: Platform) -> None:
    """Boards, kinds, seasons, leaderboards."""
    await configure(platform, BOARDS, KINDS, managed_by="test")
    await rebuild_leaderboards(platform, None, lambda done, total: None)
    await restore_revocations(platform)


@pytest_asyncio.fixture
async def marker(platform: Platform) -> AsyncIterator[OutboxMarker]:
    marker = OutboxMarker(platform)
    yield marker
    await marker.finish()


@dataclass
class Api:
    """The API in this process, on real stores: quick to start, and its settings and parts are at hand."""

    wiring: Wiring
    client: httpx.AsyncClient
    environment: dict[str, str]

    @property
    def platform(self) -> Platform:
        return self.wiring.platform

    async def sql(self, statement: str, **values: Any) -> Sequence[Any]:
        """Run a statement on the test's database; its rows, if it has any."""

        async def work(tx: Transaction) -> Sequence[Any]:
            result = await tx.execute(text(statement), values)
            return result.all() if result.returns_rows else ()

        return await self.platform.database.transact(work)


@asynccontextmanager
async def open_api(stores: Stores, **extra: str) -> AsyncIterator[Api]:
    """An API in this process on a fresh database."""
    environment = await stores.environment(**{"SCOREBOARD_LOG_LEVEL": "warning", **extra})
    app, wiring = create_app(patient(environment))
    await furnish(wiring.platform)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=30) as client:
        yield Api(wiring, client, environment)
    await wiring.close()


@asynccontextmanager
async def beside(first: Api, **extra: str) -> AsyncIterator[Api]:
    """A second API in this process on the same stores, with other settings."""
    environment = {**first.environment, **extra}
    app, wiring = create_app(patient(environment))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=30) as client:
        yield Api(wiring, client, environment)
    await wiring.close()


@pytest_asyncio.fixture(scope="module")
async def api(stores: Stores) -> AsyncIterator[Api]:
    """One API in this process for a module's tests. Nobody sweeps here: what an API leaves behind stays."""
    async with open_api(stores) as opened:
        yield opened


@pytest_asyncio.fixture
async def module_marker(api: Api) -> AsyncIterator[OutboxMarker]:
    """Ticks off what tests announce beside the API of their module."""
    marker = OutboxMarker(api.platform)
    yield marker
    await marker.finish()


@dataclass
class Running:
    """API and worker as processes, and a client for them."""

    environment: dict[str, str]
    api: Service
    worker: Service
    client: httpx.AsyncClient
    platform: Platform
    folder: Path


async def launch(stores: Stores, folder: Path, **extra: str) -> AsyncIterator[Running]:
    """Start the platform's processes on a fresh database."""
    environment = await stores.environment(**extra)
    platform = open_platform(patient(environment), application="test")
    await furnish(platform)
    api = Service("api", environment, folder / "api.log")
    worker = Service("worker", environment, folder / "worker.log")
    api.start()
    worker.start()
    try:
        await api.ready()
        await worker.ready()
        async with httpx.AsyncClient(base_url=api.url, timeout=15) as client:
            yield Running(environment, api, worker, client, platform, folder)
    finally:
        api.stop()
        worker.stop()
        await platform.close()


@pytest_asyncio.fixture(scope="module")
async def running(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One running platform for the tests of a module that leave it as they found it."""
    async for started in launch(stores, tmp_path_factory.mktemp("running")):
        yield started
