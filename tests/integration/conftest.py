"""Fixtures of the integration tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.platform import open_platform
from tests.arena import Arena, furnished
from tests.stage import Stores, patient


@pytest_asyncio.fixture
async def arena(stores: Stores) -> AsyncIterator[Arena]:
    """Boards, seasons and a moderator of a test's own."""
    environment = await stores.environment(SCOREBOARD_CATALOG_TTL="0.01", SCOREBOARD_SEASON_CLOSE_GRACE="0")
    platform = open_platform(patient(environment), application="test")
    marker = OutboxMarker(platform)
    yield await furnished(platform, marker)
    await marker.finish()
    await platform.close()
