"""The process of the API: wiring, signals, exit. Begun by ``python -m scoreboard_api``."""

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scoreboard import __version__, telemetry
from scoreboard.security.head_bounds import with_head_bounds
from scoreboard.settings import Settings
from scoreboard.supervision import tune_garbage_collector
from scoreboard_api.app import create_app
from scoreboard_api.wiring import Wiring

_GRACE_SECONDS = 15
_BACKLOG = 4096


class Server(uvicorn.Server):
    """Tells the wiring as soon as the process is asked to stop, so that readiness goes first."""

    def __init__(self, config: uvicorn.Config, wiring: Wiring) -> None:
        super().__init__(config)
        self._wiring = wiring

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM or SIGINT: no new work, finish what is under way."""
        self._wiring.draining = True
        telemetry.DRAINING.set(1)
        super().handle_exit(sig, frame)  # type: ignore[arg-type] # the frame is only passed on


def run_process() -> None:
    """Read the settings and serve."""
    settings = Settings()
    telemetry.configure_logs("api", form=settings.log_format, level=settings.log_level)
    telemetry.serve_metrics(settings.metrics_host, settings.metrics_port)
    telemetry.begin_tracing("api", __version__, settings)
    app, wiring = create_app(settings)
    tune_garbage_collector()
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http=with_head_bounds(HttpToolsProtocol, settings),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    Server(config, wiring).run()
