"""A platform whose model acts, and workers of it in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from scoreboard.usecases.platform import Platform
from scoreboard_anticheat_ml.threads import arithmetic_threads, limit_this_thread
from tests.model_play import Process, opened_platform
from tests.stage import Stores


@pytest_asyncio.fixture(autouse=True, scope="module")
async def one_thread_each() -> None:
    """As in the service: numeric libraries that start threads of their own would wait for each other."""
    asyncio.get_running_loop().set_default_executor(arithmetic_threads())
    limit_this_thread()


@pytest_asyncio.fixture
async def platform(stores: Stores) -> AsyncIterator[Platform]:
    async with opened_platform(stores) as opened:
        yield opened


@pytest_asyncio.fixture
async def start(platform: Platform) -> AsyncIterator[Callable[[], Process]]:
    started: list[Process] = []

    def begin() -> Process:
        started.append(Process(platform))
        return started[-1]

    yield begin
    for process in started:
        await process.kill()
