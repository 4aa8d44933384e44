"""Twice as many scores as can be taken: most of what can be taken is, and everybody else is told when to come back.

What can be taken is set by a Postgres that is a little away and by small batches, so that it is about the same on
every machine, and so that whoever sends the load has processor time to spare.
"""

import random
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
import pytest_asyncio

from tests.chaos.arrivals import Arrival, Arrivals
from tests.chaos.fault_run import FaultRun
from tests.chaos.gauges import gauged
from tests.chaos.invariants import Proof
from tests.chaos.network import Network, crowd_of, open_network
from tests.ledger_check import check_ledger

AWAY_S = 0.003
BATCH = 6
PLAYERS = 150
AT_ONCE = 2 * BATCH
"""Those that always wait while the peak is measured: a batch that is saved, and one that gathers meanwhile."""
PEAK_S = 4.0
FULL_S, QUICK_S = 180.0, 12.0
TIMES = 2.0


@pytest_asyncio.fixture(scope="module")
async def network() -> AsyncIterator[Network]:
    small = {"SCOREBOARD_FLUSH_ITEMS": str(BATCH), "SCOREBOARD_FLUSH_IN_FLIGHT": "1"}
    async with open_network(random.Random(1), **small) as opened:
        yield opened


@pytest.mark.fault("overload")
async def test_twice_the_load_leaves_most_of_the_goodput(network: Network, fault: FaultRun) -> None:
    ground = network.ground
    proof = await Proof(ground, fault).begin()
    lasts = FULL_S if fault.full else QUICK_S
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=500)
    async with httpx.AsyncClient(base_url=ground.apis[0], timeout=30, limits=limits) as client:
        arrivals = Arrivals(await crowd_of(ground, client, PLAYERS), fault.rng, f"overload-{fault.seed}")
        network.postgres.delay = AWAY_S
        for _ in fault.rounds:
            await arrivals.peak(AT_ONCE, PEAK_S / 2)  # plans, connections, caches
            peak = _rate(await arrivals.peak(AT_ONCE, PEAK_S), PEAK_S)
            fault.say(f"  at its peak {peak:.0f} scores/s are taken; {TIMES:g} times as many come for {lasts:.0f} s")
            async with gauged(ground, "api") as gauge:
                came = await arrivals.come(TIMES * peak, lasts)
            good = _rate(came, lasts)
            fault.note(
                peak=peak,
                goodput_share=100 * good / peak,
                came=len(came),
                refused=sum(each.status in (429, 503) for each in came),
                grown_mib=gauge.grown_mib,
                queued=gauge.queued,
                slowest_s=max(each.seconds for each in came if each.status == 200),
            )
            others = {each.code or each.status for each in came if each.status not in (200, 429, 503)}
            assert not others, f"neither taken nor refused in order: {arrivals.outcomes()}"
            assert all((each.retry_after or 0) >= 1 for each in came if each.status != 200)
        network.heal()
        late = await arrivals.collect()
    answered = [*arrivals.counted(), *late]
    await check_ledger(ground.platform, answered, hidden=True)
    await proof.round(extra=len(answered))
    await proof.end()


def _rate(answers: list[Arrival], seconds: float) -> float:
    """Scores taken a second."""
    return sum(each.status == 200 for each in answers) / seconds
