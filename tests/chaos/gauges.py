"""What a process costs while it is tried: memory, processor time, requests under way, items in its queues."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil

from tests.chaos.ground import Ground

_MIB = 1024 * 1024


def resident_mib(ground: Ground, name: str) -> float:
    """Memory that a process holds, in MiB."""
    return float(_process(ground, name).memory_info().rss) / _MIB


def processor_s(ground: Ground, name: str) -> float:
    """Processor time that a process has used."""
    used = _process(ground, name).cpu_times()
    return float(used.user + used.system)


def _process(ground: Ground, name: str) -> psutil.Process:
    process = ground.services[name].process
    assert process is not None
    return psutil.Process(process.pid)


@dataclass
class Gauge:
    """What a process held at most, at any look."""

    in_flight: float = 0.0
    queued: float = 0.0
    memory_mib: list[float] = field(default_factory=list)

    @property
    def grown_mib(self) -> float:
        """From the first quarter's median to the last quarter's: what stays, not what comes and goes."""
        quarter = max(1, len(self.memory_mib) // 4)
        first, last = sorted(self.memory_mib[:quarter]), sorted(self.memory_mib[-quarter:])
        return last[len(last) // 2] - first[len(first) // 2]


@asynccontextmanager
async def gauged(ground: Ground, name: str, every: float = 0.25) -> AsyncIterator[Gauge]:
    """Look at a process again and again for as long as the block runs."""
    gauge, done = Gauge(), asyncio.Event()

    async def look() -> None:
        while not done.is_set():
            told = await ground.scrape(name)
            under_way = [value for (metric, _), value in told.items() if metric == "scoreboard_requests_in_flight"]
            waiting = [value for (metric, _), value in told.items() if metric == "scoreboard_queue_items"]
            gauge.in_flight = max([gauge.in_flight, *under_way])
            gauge.queued = max([gauge.queued, *waiting])
            gauge.memory_mib.append(resident_mib(ground, name))
            await asyncio.sleep(every)

    looking = asyncio.create_task(look())
    try:
        yield gauge
    finally:
        done.set()
        await looking
