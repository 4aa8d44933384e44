"""The process of the model: wiring, signals, exit. Begun by ``python -m scoreboard_anticheat_ml``."""

import asyncio
import signal

import uvloop

from scoreboard import __version__, telemetry
from scoreboard.probes import ProbeServer
from scoreboard.security.platform_keys import platform_keys
from scoreboard.settings import Settings
from scoreboard.supervision import end_tasks, supervise, tune_garbage_collector
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.watch_process import watch_process
from scoreboard_anticheat_ml.drift import Drift
from scoreboard_anticheat_ml.opened_models import OpenedModels
from scoreboard_anticheat_ml.registering import register_shipped, renew_signatures
from scoreboard_anticheat_ml.reporting import Reporter
from scoreboard_anticheat_ml.threads import arithmetic_threads, limit_this_thread
from scoreboard_anticheat_ml.worker import Worker

_FORGET_EVERY = 3600.0
_REGISTER_AGAIN = 3600.0  # seconds; both do their work when the process starts


async def run(settings: Settings) -> None:
    """Judge until SIGTERM or SIGINT."""
    platform = open_platform(settings, application="scoreboard-anticheat-ml")
    keys = platform_keys(settings)
    opened, drift = OpenedModels(platform, keys), Drift()
    worker = Worker(platform, opened, drift)
    reporter = Reporter(platform, opened, drift, worker)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(arithmetic_threads())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    probes = ProbeServer(Health(platform).check)
    server = await probes.start(settings.metrics_host, settings.metrics_port) if settings.metrics_port else None
    tune_garbage_collector()
    rounds = [
        supervise("model-shipped", lambda: register_shipped(platform, keys), every=_REGISTER_AGAIN),
        supervise("model-signatures", lambda: renew_signatures(platform, keys), every=_REGISTER_AGAIN),
        supervise("model", worker.round, every=0),
        supervise("model-report", reporter.report, every=settings.model_report_every),
        supervise("model-forget", reporter.forget, every=_FORGET_EVERY),
        supervise("model-canaries", reporter.check_canaries, every=settings.model_canary_every),
    ]
    tasks = [asyncio.create_task(each) for each in rounds] + watch_process(platform, "anticheat-ml")
    try:
        await stop.wait()
    finally:
        probes.draining = True
        telemetry.DRAINING.set(1)
        await end_tasks(tasks)
        await opened.close()
        await worker.close()
        if server is not None:
            server.close()
        await platform.close()


def run_process() -> None:
    """Read the settings and run."""
    settings = Settings()
    telemetry.configure_logs("anticheat-ml", form=settings.log_format, level=settings.log_level)
    telemetry.begin_tracing("anticheat-ml", __version__, settings)
    limit_this_thread()
    try:
        uvloop.run(run(settings))
    finally:
        telemetry.end_tracing()
