"""Starts the realtime service and stops it gracefully. Begun by ``python -m scoreboard_realtime``."""

import asyncio
import logging
import signal
from types import FrameType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scoreboard import __version__, telemetry
from scoreboard.security.head_bounds import with_head_bounds
from scoreboard.settings import Settings
from scoreboard.supervision import tune_garbage_collector
from scoreboard.usecases.platform import open_platform
from scoreboard_realtime.app import Realtime
from scoreboard_realtime.wire import FramedWebSocket

_FAREWELL = 3  # seconds for what is still open after the drain: an open long poll would hold the process for a minute
_HARD_PAYLOAD = 64 * 1024  # the session refuses smaller excesses in words


class _Server(uvicorn.Server):
    """uvicorn, but a first signal drains and exits with 0; a second one ends the drain."""

    def __init__(self, config: uvicorn.Config, realtime: Realtime) -> None:
        super().__init__(config)
        self._realtime = realtime
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        self._loop = asyncio.get_running_loop()
        self._realtime.start()
        await super().startup()
        tune_garbage_collector()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is not None or self._loop is None:
            self.should_exit = True
            self.force_exit = sig == signal.SIGINT
            return
        self._loop.call_soon_threadsafe(self._begin_drain)

    def _begin_drain(self) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._realtime.drain()
            await self._realtime.stop()
        finally:
            self.should_exit = True


async def serve(settings: Settings) -> None:
    """Run until a signal comes."""
    platform = open_platform(settings, application="scoreboard-realtime")
    realtime = Realtime(platform)
    config = uvicorn.Config(
        realtime.application,
        host=settings.realtime_host,
        port=settings.realtime_port,
        http=with_head_bounds(HttpToolsProtocol, settings),
        ws=FramedWebSocket,
        ws_max_size=_HARD_PAYLOAD,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=4096,
        timeout_graceful_shutdown=_FAREWELL,
    )
    telemetry.serve_metrics(settings.metrics_host, settings.metrics_port)
    server = _Server(config, realtime)
    try:
        await server.serve()
    finally:
        await platform.close()


def _is_no_crash(record: logging.LogRecord) -> bool:
    """Text that is not UTF-8 ends its connection; uvicorn tells of it as of a crash, with a traceback for each."""
    if record.exc_info and isinstance(record.exc_info[1], UnicodeDecodeError):
        record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
    return True


def run_process() -> None:
    """Read the settings and run on uvloop."""
    settings = Settings()
    telemetry.configure_logs("realtime", form=settings.log_format, level=settings.log_level)
    for name in ("uvicorn", "socketio", "engineio"):
        logging.getLogger(name).setLevel(logging.ERROR)  # refusals are counted and written by us
    # Engine.IO writes some refusals as errors and quotes what was sent: of its lines only those about a crash are kept.
    logging.getLogger("engineio.server").addFilter(lambda record: record.exc_info is not None)
    logging.getLogger("uvicorn.error").addFilter(_is_no_crash)
    telemetry.begin_tracing("realtime", __version__, settings)
    import uvloop

    try:
        uvloop.run(serve(settings))
    finally:
        telemetry.end_tracing()
