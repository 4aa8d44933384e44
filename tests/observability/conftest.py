"""All services, every request recorded: started once for the modules that look at traces and at log lines."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.observability.collector import Collector, collecting
from tests.observability.staging import SERVICES, Stage, recording, staged
from tests.stage import Person, Stores, register


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest_asyncio.fixture(scope="session")
async def recorded(
    stores: Stores, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """All four services; every request is recorded."""
    async with staged(stores, tmp_path_factory.mktemp("recorded"), *SERVICES, **recording(collector)) as stage:
        yield stage


@pytest_asyncio.fixture(scope="session")
async def ada(recorded: Stage) -> Person:
    return await register(recorded.client)
