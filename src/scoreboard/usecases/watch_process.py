"""What every process tells about itself: its version, its event loop, the stores it reaches. Called by each wiring."""

import asyncio
from collections.abc import Awaitable, Callable

from scoreboard import __version__, telemetry
from scoreboard.supervision import measure_lag, supervise
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.tell_vitals import VitalSigns

_STORES_EVERY = 5.0
"""Seconds between two looks at the stores: two short trips, and an alert waits for half a minute anyway."""
_STORES = ("database", "redis")


def process_rounds(platform: Platform, service: str) -> list[tuple[str, Callable[[], Awaitable[object]], float]]:
    """The loops that measure this process: name, round, seconds between two rounds. Tells the version at once.

    Args:
        platform: the process's stores.
        service: which of our services this is, as metrics name it.
    """
    telemetry.BUILD_INFO.labels(service, __version__).set(1)
    health = Health(platform)  # of its own: probes ask more often, and two failures in a row count

    async def look() -> None:
        _, states = await health.check()
        for store in _STORES:
            telemetry.STORE_UP.labels(store).set(states[store] == "ok")

    signs = VitalSigns(platform, service)
    return [("lag", measure_lag, 0.0), ("stores", look, _STORES_EVERY), ("vitals", signs.round, 0.0)]


def watch_process(platform: Platform, service: str) -> list[asyncio.Task[None]]:
    """Begin those loops; end them with :func:`scoreboard.supervision.end_tasks`. Arguments as above."""
    rounds = process_rounds(platform, service)
    return [asyncio.create_task(supervise(name, round_, every=every), name=name) for name, round_, every in rounds]
