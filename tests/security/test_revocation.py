"""An ended session is dead within a second, at every process and on every socket."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.security.conftest import Count
from tests.security.processes import Fleet, fleet
from tests.security.revocation import WAYS, Lifetimes, one_round
from tests.stage import Stores


@pytest_asyncio.fixture(scope="module")
async def running(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with fleet(stores, tmp_path_factory.mktemp("revocation"), "api", "api", "realtime") as started:
        yield started


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=[pytest.mark.full, pytest.mark.timeout(600)])])
async def test_an_ended_session_is_dead_within_a_second(running: Fleet, way: str, rounds: int, count: Count) -> None:
    lifetimes = Lifetimes()
    for _ in range(rounds):
        await one_round(running, lifetimes, WAYS[way])
    # Ten rounds have no hundredth part: on a busy machine one of them may meet a pause of the machine itself.
    assert lifetimes.worst(0.99 if rounds >= 200 else 0.9) <= 1.0, lifetimes
    count(f"revocations: {way}", rounds)
