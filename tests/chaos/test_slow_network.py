"""The API's ways to its stores are slow, or break connections, or lose them without a word. Work does not pile up."""

import asyncio
import random
import time
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
import pytest_asyncio

from tests.chaos.arrivals import Arrivals, percentile
from tests.chaos.fault_run import FaultRun
from tests.chaos.gauges import gauged
from tests.chaos.invariants import Proof
from tests.chaos.network import Network, crowd_of, open_network
from tests.ledger_check import check_ledger
from tests.stage import until

PLAYERS = 150
RATE = 20.0
"""Scores a second: far less than can be taken, so whatever piles up does so because of the fault."""
FULL_S, QUICK_S = 60.0, 6.0
SLOWER_S = 0.2
"""There and back."""
RESETS = 0.01
ENOUGH = 0.75
LONE_FULL, LONE_QUICK = 10, 3
BACK_WITHIN = 30.0


@pytest_asyncio.fixture(scope="module")
async def network() -> AsyncIterator[Network]:
    async with open_network(random.Random(1)) as opened:
        yield opened


async def _slow(network: Network, arrivals: Arrivals, fault: FaultRun, lasts: float) -> None:
    """+200 ms to both stores. What is taken takes at most twice what it takes alone, and most of it is, although the
    dozen trips of two batches come close to the deadline.
    """
    for pipe in (network.postgres, network.redis):
        pipe.delay = SLOWER_S / 2
    tries = [(await arrivals.peak(1, 0.0))[0] for _ in range(LONE_FULL if fault.full else LONE_QUICK)]
    alone = [each.seconds for each in tries]
    came = await arrivals.come(RATE, lasts)
    taken = [each.seconds for each in came if each.status == 200]
    # The first seconds, all that a quick run has, are those of connections on which each statement takes two trips.
    assert not fault.full or len(taken) >= ENOUGH * len(came), f"{len(taken)} of {len(came)} were taken"
    fault.note(
        alone_s=percentile(alone, 0.99),
        slow_p99_s=percentile(taken or alone, 0.99),
        beyond_twice_s=max(0.0, percentile(taken or alone, 0.99) - 2 * percentile(alone, 0.99)),
        slow_taken=100 * len(taken) / len(came),
    )


async def _resets(network: Network, arrivals: Arrivals, fault: FaultRun, lasts: float) -> None:
    """One piece of a hundred breaks its connection."""
    pipes = (network.postgres, network.redis)
    before = sum(pipe.resets for pipe in pipes)
    for pipe in pipes:
        pipe.reset_share = RESETS
    came = await arrivals.come(RATE, lasts)
    broken = sum(pipe.resets for pipe in pipes) - before
    assert broken, "nothing was broken: this was no test"
    fault.note(broken=broken, resets_taken=100 * sum(each.status == 200 for each in came) / len(came))


async def _half_open(network: Network, arrivals: Arrivals, fault: FaultRun, lasts: float) -> None:
    """Every connection that there is leads nowhere from now on; new ones are as good as ever."""
    lost = sum(pipe.forget() for pipe in (network.postgres, network.redis))
    assert lost >= 2, "there were no connections to lose"
    began = time.monotonic()
    coming = asyncio.create_task(arrivals.come(RATE, lasts))
    good = len(arrivals.counted())
    await until(lambda: len(arrivals.counted()) >= good + 10, within=BACK_WITHIN, what="scores being taken again")
    fault.note(half_open_back_s=time.monotonic() - began)
    await coming


FORMS = {"slow": _slow, "resets": _resets, "half-open": _half_open}


@pytest.mark.fault("bad-network")
async def test_a_bad_network_piles_nothing_up(network: Network, fault: FaultRun) -> None:
    ground = network.ground
    network.postgres.rng = network.redis.rng = fault.rng
    proof = await Proof(ground, fault).begin()
    lasts = FULL_S if fault.full else QUICK_S
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=500)
    answered = []
    async with httpx.AsyncClient(base_url=ground.apis[0], timeout=30, limits=limits) as client:
        people = await crowd_of(ground, client, PLAYERS)
        for number in fault.rounds:
            form = list(FORMS)[(number - 1) % len(FORMS)]
            fault.say(f"  {form}")
            arrivals = Arrivals(people, fault.rng, f"{form}-{fault.seed}-{number}")
            await arrivals.peak(8, 1.0)  # so that connections are there
            try:
                async with gauged(ground, "api") as gauge:
                    await FORMS[form](network, arrivals, fault, lasts)
            finally:
                network.heal()
            fault.note(grown_mib=gauge.grown_mib, in_flight=gauge.in_flight, queued=gauge.queued)
            others = {each.code for each in arrivals.done if each.status not in (200, 429, 503, 504)}
            assert not others, f"{form}: {arrivals.outcomes()}"
            assert all((each.retry_after or 0) >= 1 for each in arrivals.done if each.status in (429, 503))
            answered += [*arrivals.counted(), *await arrivals.collect()]
            await check_ledger(ground.platform, answered, hidden=True)
            await proof.round(extra=len(answered))
    await proof.end()
