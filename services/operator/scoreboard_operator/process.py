"""The process: wiring, signals, exit."""

import asyncio
import signal
from collections.abc import Callable, Coroutine

import kopf

from scoreboard import __version__, telemetry
from scoreboard.probes import ProbeServer
from scoreboard.supervision import end_tasks, measure_lag, supervise, tune_garbage_collector
from scoreboard_operator.cluster import Cluster
from scoreboard_operator.handlers import kopf_settings, register
from scoreboard_operator.keeper import Keeper
from scoreboard_operator.platform_api import PlatformApi
from scoreboard_operator.settings import OperatorSettings


async def run(settings: OperatorSettings) -> None:
    """Reconcile until SIGTERM or SIGINT.

    Raises:
        kopf.LoginError: there are no credentials for the API server.
    """
    chosen = kopf_settings(settings)
    cluster = Cluster(settings, chosen)
    stop = asyncio.Event()

    async def ready() -> tuple[str, dict[str, str]]:
        watches = "ok" if cluster.watching else "starting"
        return watches, {"watches": watches}

    probes = ProbeServer(ready, live=lambda: cluster.alive)

    def leave() -> None:
        probes.draining = True
        telemetry.DRAINING.set(1)
        stop.set()

    telemetry.BUILD_INFO.labels("operator", __version__).set(1)
    lag = asyncio.create_task(supervise("lag", measure_lag, every=0))
    server = await probes.start(settings.metrics_host, settings.metrics_port) if settings.metrics_port else None
    _on_signals(leave)
    try:
        async with PlatformApi(settings) as api:
            if await _comes_before(cluster.definitions(), stop):
                await _operate(settings, chosen, cluster, Keeper(api, settings), leave, stop)
    finally:
        await end_tasks([lag])
        if server is not None:
            server.close()


async def _comes_before(awaited: Coroutine[None, None, None], stop: asyncio.Event) -> bool:
    """Whether ``awaited`` ends before ``stop`` is set."""
    tasks = [asyncio.create_task(awaited), asyncio.create_task(stop.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if not stop.is_set():
        tasks[0].result()
    return not stop.is_set()


async def _operate(
    settings: OperatorSettings,
    chosen: kopf.OperatorSettings,
    cluster: Cluster,
    keeper: Keeper,
    leave: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, id="log-in")(cluster.log_in)
    register(registry, keeper, settings)
    before = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=chosen,
        standalone=True,
        clusterwide=not settings.operator_namespace,
        namespaces=[settings.operator_namespace] if settings.operator_namespace else [],
        stop_flag=stop,
    )
    _on_signals(leave)  # kopf has just put its own there, which would not say that it drains
    tune_garbage_collector()
    await kopf.run_tasks(tasks, ignored=before)


def _on_signals(leave: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, leave)


def run_process() -> None:
    """Read the settings and run."""
    settings = OperatorSettings()
    telemetry.configure_logs("operator", form=settings.log_format, level=settings.log_level)
    asyncio.run(run(settings))
