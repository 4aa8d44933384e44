"""The API is cut off from Redis or Postgres, both ways or one way: each check fails as open or closed as it should.

What was sent into the partition arrives when it ends, as with TCP: late projections, late commits. They have to be
harmless too.
"""

import random
import time
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
import pytest_asyncio

from tests.chaos.fault_run import FaultRun
from tests.chaos.invariants import Proof
from tests.chaos.network import Network, open_network
from tests.chaos.partition_watch import LIMITS, Watch
from tests.pipe import BOTH, Way

PLAYERS = 6
FORMS = {
    "redis, both ways": ("redis", BOTH),
    "redis, answers only": ("redis", frozenset({Way.BACK})),
    "postgres, both ways": ("postgres", BOTH),
    "postgres, answers only": ("postgres", frozenset({Way.BACK})),
}
FULL_S = 60.0
QUICK_S = {"redis": 2.0, "postgres": 4.0}
"""With Postgres away each look takes as long as a request may."""
GIVEN_UP_AFTER = 20.0


@pytest_asyncio.fixture(scope="module")
async def network() -> AsyncIterator[Network]:
    async with open_network(random.Random(1), **LIMITS) as opened:
        yield opened


async def _through(watch: Watch, fault: FaultRun, form: str, number: int) -> None:
    """One partition: look at it all the time, end it, see everything heal."""
    store, ways = FORMS[form]
    lasts = FULL_S if fault.full else QUICK_S[store]
    network, began, looks = watch.network, time.monotonic(), 0
    network.way_to(store).hang(ways)
    try:
        if store == "redis":
            await watch.once_without_redis()
        while time.monotonic() - began < lasts or not looks:
            looks += 1
            name = f"partition-{fault.seed}-{number}-{looks}"
            await (watch.without_redis if store == "redis" else watch.without_postgres)(name)
        await watch.degraded()
        if store == "postgres":
            await watch.says_stale()
    finally:
        network.heal()
    healed = time.monotonic()
    await watch.healed(f"healed-{fault.seed}-{number}", GIVEN_UP_AFTER)
    fault.note(healed_s=time.monotonic() - healed, slowest_s=watch.slowest_s, looks=looks)


@pytest.mark.fault("partition")
async def test_a_partition_fails_open_and_closed_as_it_should_and_heals(network: Network, fault: FaultRun) -> None:
    ground = network.ground
    proof = await Proof(ground, fault).begin()
    crowd = await ground.people(PLAYERS)
    made = 0
    async with httpx.AsyncClient(base_url=ground.apis[0], timeout=30) as client:
        for number in fault.rounds:
            form = list(FORMS)[(number - 1) % len(FORMS)]
            fault.say(f"  {form}")
            watch = await Watch.over(network, client)
            # A player of the crowd waits out the partition, and then some.
            load = proof.load(
                crowd, ground.apis, fault.rng, f"partition-{number}", patience=30.0, insists=FULL_S + 60, pause=0.05
            )
            async with load:
                await load.more(20)
                await _through(watch, fault, form, number)
                await load.more(20)
            if FORMS[form][0] == "redis":
                assert not load.refusals, f"{form}: writes were refused: {load.refusals[:3]}"
            assert all(each.retry_after for each in load.refusals if each.status == 503), load.refusals
            assert not load.lost, load.lost[:3]
            fault.note(answers=len(load.acknowledged), refused=len(load.refusals))
            await watch.collect()
            made += watch.made
            await proof.round(extra=made)
    await proof.end()
