"""Fixtures of the integration tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.arena import Arena, open_arena
from tests.stage import Stores


@pytest_asyncio.fixture
async def arena(stores: Stores) -> AsyncIterator[Arena]:
    """Boards, seasons and a moderator of a test's own."""
    async with open_arena(stores) as opened:
        yield opened
