"""Fixtures: stores once for each test process, a fresh database for each test or module that asks."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
import pytest_asyncio
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.valkey_server import ValkeyServer

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator, Order, RankStyle, Visibility
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from tests.stage import Service, Stores, make_keys, settings_from

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
    platform = open_platform(settings_from(await stores.environment()), application="test")
    await furnish(platform)
    yield platform
    await platform.close()


async def furnish(platform: Platform) -> None:
    """Boards, kinds, seasons, leaderboards."""
    await configure(platform, BOARDS, KINDS, managed_by="test")
    await restore_missing(platform)


@pytest_asyncio.fixture
async def marker(platform: Platform) -> AsyncIterator[OutboxMarker]:
    marker = OutboxMarker(platform)
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
    platform = open_platform(settings_from(environment), application="test")
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
