"""``scoreboard up``: the whole platform on one machine, from nothing to a page, until Ctrl-C.

Order: folder and lock → ports → keys → stores → schema and demo boards → API, realtime, worker and anti-cheat side by
side.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from scoreboard_cli import ports
from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.keys import development_keys
from scoreboard_cli.log_follower import LogFollower
from scoreboard_cli.processes import start_mark
from scoreboard_cli.running import RunningPlatform
from scoreboard_cli.service import Service, child_environment
from scoreboard_cli.status_lines import StatusLines
from scoreboard_cli.stop_wishes import StopWishes
from scoreboard_cli.stores import choose_stores
from scoreboard_cli.supervisor import State, StopRequested, Supervisor

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # compared, not bound
_SERVICES = ("api", "realtime", "worker", "anticheat")
_MODULES = {"anticheat": "scoreboard_anticheat_ml"}  # the others are called as their packages
_PAUSE = 0.03


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What the command line says; ports as given there."""

    data: Path
    host: str = "127.0.0.1"
    api_port: int = 8000
    realtime_port: int = 8001
    metrics_port: int = 9100
    seed: bool = True
    demo: bool = False
    demo_rate: float | None = None

    @property
    def reached_at(self) -> str:
        """The host part of an address that works on this machine."""
        host = _ANY_ADDRESS.get(self.host, self.host)
        return f"[{host}]" if ":" in host else host

    @property
    def api_url(self) -> str:
        """Where API and pages are."""
        return f"http://{self.reached_at}:{self.api_port}"

    @property
    def realtime_url(self) -> str:
        """Where live connections go."""
        return f"http://{self.reached_at}:{self.realtime_port}"

    @property
    def metrics_ports(self) -> dict[str, int]:
        """One per service, from ``metrics_port`` on."""
        return {name: self.metrics_port + offset for offset, name in enumerate(_SERVICES)}

    @property
    def listeners(self) -> list[tuple[int, str, str, str]]:
        """Port, host, what listens there, and the flag that moves it."""
        return [
            (self.api_port, self.host, "the API", "--api-port"),
            (self.realtime_port, self.host, "realtime", "--realtime-port"),
            *(
                (port, "127.0.0.1", f"the metrics of {name}", "--metrics-port")
                for name, port in self.metrics_ports.items()
            ),
        ]


def run_up(options: UpOptions, console: Console) -> None:
    """Start everything, look after it, and stop it in order when asked to.

    Raises:
        ExpectedError: Something is in the way; what had been started is stopped again.
    """
    folder = DataFolder(options.data.resolve())
    with StopWishes() as wishes, folder.locked():
        _Platform(options, folder, console, wishes).run()


class _Platform:
    def __init__(self, options: UpOptions, folder: DataFolder, console: Console, wishes: StopWishes) -> None:
        self._options = options
        self._folder = folder
        self._console = console
        self._wishes = wishes
        self._stores = choose_stores(folder, os.environ)
        self._lines = StatusLines(console, ["postgres", "redis", "schema", *_SERVICES])
        self._supervisor = Supervisor(self._lines.report, wishes)

    def run(self) -> None:
        began = time.monotonic()
        try:
            self._lines.open()
            environment = self._prepare()
            self._start_all(environment)
            self._lines.close()
            self._describe(time.monotonic() - began)
            followers = [LogFollower(name, self._folder.log(name), self._warn) for name in _SERVICES]
            if self._options.demo:
                self._supervisor.start([self._demo(environment)])
            self._supervisor.watch(followers)
        except StopRequested:
            pass
        finally:
            self._lines.close()
            self._folder.run_file.unlink(missing_ok=True)
            self._supervisor.stop()

    def _prepare(self) -> dict[str, str]:
        """Clear what a crash left, check the ports, and compose the environment all children share."""
        for name in ("demo", "schema", *_SERVICES):
            self._service(name, (), {}).clear_leftover()
        self._folder.keep_old_logs()
        _check_ports(self._options)
        options = self._options
        own = {
            "SCOREBOARD_API_HOST": options.host,
            "SCOREBOARD_API_PORT": str(options.api_port),
            "SCOREBOARD_REALTIME_HOST": options.host,
            "SCOREBOARD_REALTIME_PORT": str(options.realtime_port),
        }
        defaults = {
            "SCOREBOARD_REALTIME_URL": options.realtime_url,
            "SCOREBOARD_ALLOWED_ORIGINS": ",".join(
                dict.fromkeys(
                    f"http://{host}:{options.api_port}" for host in ("127.0.0.1", "localhost", options.reached_at)
                )
            ),
        }
        keys = development_keys(self._folder.keys, os.environ)
        return child_environment(defaults | dict(os.environ), **keys, **own)

    def _start_all(self, environment: dict[str, str]) -> None:
        self._supervisor.start([self._stores.postgres, self._stores.redis])
        environment |= self._stores.environment
        self._migrate(environment)
        environment |= self._stores.service_environment
        metrics = self._options.metrics_ports
        host = _ANY_ADDRESS.get(self._options.host, self._options.host)
        health = {
            "worker": ("127.0.0.1", metrics["worker"]),
            "anticheat": ("127.0.0.1", metrics["anticheat"]),
            "api": (host, self._options.api_port),
            "realtime": (host, self._options.realtime_port),
        }
        self._supervisor.start(  # stopped the other way round: realtime first, the worker last
            self._service(
                name,
                ("-m", _MODULES.get(name, f"scoreboard_{name}")),
                environment | {"SCOREBOARD_METRICS_PORT": str(metrics[name])},
                health=address,
            )
            for name, address in health.items()
        )

    def _migrate(self, environment: dict[str, str]) -> None:
        """In a process of its own, so that the supervisor stays small. Raises ExpectedError when it fails."""
        seed = "--seed" if self._options.seed else "--no-seed"
        login = ("--service-login",) if self._stores.is_bundled_postgres else ()
        arguments = ("-m", "scoreboard_cli", "migrate", seed, "--data", str(self._folder.root), *login)
        step = self._service("schema", arguments, environment)
        began = time.monotonic()
        self._lines.report(step.name, State.STARTING, "")
        step.launch()
        try:
            while (code := step.exit_code()) is None:
                if self._wishes():
                    raise StopRequested
                time.sleep(_PAUSE)
        finally:
            step.kill()
        if code:
            self._lines.report(step.name, State.FAILED, f"exit code {code}")
            raise step.ended(code)
        self._lines.report(step.name, State.READY, f"{time.monotonic() - began:.1f} s")

    def _demo(self, environment: dict[str, str]) -> Service:
        rate = () if self._options.demo_rate is None else ("--rate", f"{self._options.demo_rate:g}")
        return self._service(
            "demo", ("-m", "scoreboard_cli", "demo", "--data", str(self._folder.root), *rate), environment
        )

    def _service(
        self, name: str, arguments: tuple[str, ...], environment: dict[str, str], health: tuple[str, int] | None = None
    ) -> Service:
        log, record = self._folder.log(name), self._folder.record(name)
        return Service(name, arguments, environment, log, record, health, stop_timeout=30 if name == "realtime" else 15)

    def _describe(self, taken: float) -> None:
        options = self._options
        metrics = {name: f"http://127.0.0.1:{port}/metrics" for name, port in options.metrics_ports.items()}
        RunningPlatform(
            pid=os.getpid(),
            started=start_mark(os.getpid()) or "",
            api_url=options.api_url,
            realtime_url=options.realtime_url,
            metrics=metrics,
            pids=self._supervisor.pids,
            database_url=self._stores.postgres.url,
            redis_url=self._stores.redis.url,
        ).write(self._folder)
        self._console.print(Panel.fit(_addresses(options, metrics, taken), title="Scoreboard"), soft_wrap=True)
        if not options.demo:
            self._lines.say("A living board: in another terminal, make demo (or: scoreboard demo)")
        self._lines.say(f"Logs: {self._folder.root / 'logs'}   Stop: Ctrl-C", style="dim")

    def _warn(self, text: str) -> None:
        self._lines.say(text, style="yellow")


def _addresses(options: UpOptions, metrics: dict[str, str], taken: float) -> str:
    rows = {
        "live page": f"{options.api_url}/",
        "console": f"{options.api_url}/console",
        "API docs": f"{options.api_url}/docs",
        "live": f"{options.realtime_url}/socket.io",
        **{f"metrics of {name}": url for name, url in metrics.items()},
        "ready in": f"{taken:.1f} s",
    }
    return "\n".join(f"{name:<20} {text}" for name, text in rows.items())


def _check_ports(options: UpOptions) -> None:
    seen: dict[int, str] = {}
    for port, host, wanted_by, flag in options.listeners:
        if port in seen:
            raise ExpectedError(f"Port {port} is meant for both {seen[port]} and {wanted_by}.", f"Change {flag}.")
        seen[port] = wanted_by
        try:
            free = ports.is_free(port, host)
        except OSError as error:
            raise ExpectedError(
                f"Nothing can listen on {host}: {error.strerror or error}.", "Change --host."
            ) from error
        if not free:
            raise ports.taken(port, wanted_by, flag)
