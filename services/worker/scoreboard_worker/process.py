"""The process of the worker: wiring, signals, exit. Begun by ``python -m scoreboard_worker``."""

import asyncio
import signal

import uvloop

from scoreboard import __version__, telemetry
from scoreboard.probes import ProbeServer
from scoreboard.settings import Settings
from scoreboard.supervision import tune_garbage_collector
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import open_platform
from scoreboard_worker.loops import run_loops, worker_loops


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    platform = open_platform(settings, application="scoreboard-worker")
    marker = OutboxMarker(platform)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    probes = ProbeServer(Health(platform).check)
    server = await probes.start(settings.metrics_host, settings.metrics_port) if settings.metrics_port else None
    tune_garbage_collector()
    try:
        await run_loops(worker_loops(platform, marker), stop)
    finally:
        probes.draining = True
        telemetry.DRAINING.set(1)
        await marker.finish()
        if server is not None:
            server.close()
        await platform.close()


def run_process() -> None:
    """Read the settings and run."""
    settings = Settings()
    telemetry.configure_logs("worker", form=settings.log_format, level=settings.log_level)
    telemetry.begin_tracing("worker", __version__, settings)
    try:
        uvloop.run(run(settings))
    finally:
        telemetry.end_tracing()
