"""What every process tells about itself: version, event loop, stores, schema. Called where a service is wired."""

import asyncio

from scoreboard import __version__, telemetry
from scoreboard.storage import schema_revision
from scoreboard.supervision import measure_lag, supervise
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import Platform

_STORES_EVERY = 5.0
"""Seconds between two looks at the stores: two trips, and an alert waits for half a minute anyway."""
_SCHEMA_EVERY = 30.0


def watch_process(platform: Platform, service: str) -> list[asyncio.Task[None]]:
    """Begin the loops that measure this process; end them with :func:`scoreboard.supervision.end_tasks`.

    Args:
        platform: the process's stores.
        service: which of our services this is, as metrics name it.
    """
    telemetry.BUILD_INFO.labels(service, __version__).set(1)
    health = Health(platform)  # of its own: probes ask more often, and two failures in a row count

    async def stores() -> None:
        _, states = await health.check()
        for store, state in states.items():
            telemetry.STORE_UP.labels(store).set(state == "ok")

    async def schema() -> None:
        telemetry.SCHEMA_BEHIND.set(await platform.database.transact(schema_revision.is_behind))

    rounds = [
        supervise("lag", measure_lag, every=0),
        supervise("stores", stores, every=_STORES_EVERY),
        supervise("schema", schema, every=_SCHEMA_EVERY),
    ]
    return [asyncio.create_task(each) for each in rounds]
