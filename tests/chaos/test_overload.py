"""Twice as many scores as can be taken: most of what can be taken is, and everybody else is told when to come back.

What can be taken is set by small batches and a ledger that takes its time, so that it is about the same on every
machine, and so that whoever sends the load has processor time to spare.
"""

from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
import pytest_asyncio

from tests.chaos.arrivals import Arrival, Arrivals
from tests.chaos.fault_run import FaultRun
from tests.chaos.gauges import gauged
from tests.chaos.ground import Ground, open_ground
from tests.chaos.invariants import Proof
from tests.chaos.network import crowd_of
from tests.ledger_check import check_ledger

COMMIT_S = 0.1
BATCH = 6
SLOW = (
    "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS"
    f" 'BEGIN PERFORM pg_sleep({COMMIT_S}); RETURN NULL; END'",
    "CREATE TRIGGER take_time AFTER UPDATE ON ledger_head FOR EACH STATEMENT EXECUTE FUNCTION take_time()",
)
PLAYERS = 150
AT_ONCE = 2 * BATCH
"""Those that always wait while the peak is measured: a batch that is saved, and one that gathers meanwhile."""
PEAK_S = 4.0
FULL_S, QUICK_S = 180.0, 12.0
TIMES = 2.0


@pytest_asyncio.fixture(scope="module")
async def ground() -> AsyncIterator[Ground]:
    small = {"SCOREBOARD_FLUSH_ITEMS": str(BATCH), "SCOREBOARD_FLUSH_IN_FLIGHT": "1"}
    async with open_ground("api", "worker", SCOREBOARD_OVERLOAD_DELAY="0.1", **small) as opened:
        for statement in SLOW:
            await opened.sql(statement)
        yield opened


@pytest.mark.fault("overload")
async def test_twice_the_load_leaves_most_of_the_goodput(ground: Ground, fault: FaultRun) -> None:
    proof = await Proof(ground, fault).begin()
    lasts = FULL_S if fault.full else QUICK_S
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=500)
    async with httpx.AsyncClient(base_url=ground.apis[0], timeout=30, limits=limits) as client:
        arrivals = Arrivals(await crowd_of(ground, client, PLAYERS), fault.rng, f"overload-{fault.seed}")
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
        late = await arrivals.collect()
    answered = [*arrivals.counted(), *late]
    await check_ledger(ground.platform, answered, hidden=True)
    await proof.round(extra=len(answered))
    await proof.end()


def _rate(answers: list[Arrival], seconds: float) -> float:
    """Scores taken a second."""
    return sum(each.status == 200 for each in answers) / seconds
