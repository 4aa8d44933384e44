"""``make observe``: Prometheus and Alertmanager beside the platform that ``make up`` started, until Ctrl-C."""

import http.client
import signal
import time
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from dashboards.local import Beside
from scoreboard_cli import ports
from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.failures import ExpectedError, run_command
from scoreboard_cli.processes import Child, ProcessRecord, log_tail, wait_until
from scoreboard_cli.running import find_running
from scoreboard_cli.stop_wishes import StopWishes

_READY_WITHIN = 60.0  # Prometheus reads its log of unsaved series first
_STOP_WITHIN = 20.0
_LOOK_EVERY = 0.2
_OK = 200
_NAMES = {"anticheat": "anticheat-ml"}  # as the cluster names it


class Pair:
    """The two processes: started together, stopped together, and both when one of them ends."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside
        self._children: dict[str, Child] = {}

    def start(self) -> None:
        """Write the configuration, start both and wait until they answer. Raises ExpectedError."""
        commands = self._beside.commands()
        for name, port in (
            ("prometheus", self._beside.prometheus_port),
            ("alertmanager", self._beside.alertmanager_port),
        ):
            if not ports.is_free(port):
                raise ports.taken(port, name, f"--{name}-port")
        self._beside.write()
        for name, command in commands.items():
            record = ProcessRecord(self._beside.folder / f"{name}.json")
            self._children[name] = Child.start(command, log=self._log(name), record=record, death_signal=signal.SIGTERM)
        for name, url in self._beside.urls.items():
            if not wait_until(lambda name=name, url=url: self._is_ready(name, url), _READY_WITHIN):  # type: ignore[misc]
                raise ExpectedError(f"{name} was not ready after {_READY_WITHIN:g} s.", log_tail(self._log(name)))

    def _log(self, name: str) -> Path:
        return self._beside.folder / f"{name}.log"

    def _is_ready(self, name: str, url: str) -> bool:
        self.check(name)
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == _OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def check(self, *names: str) -> None:
        """Raise ExpectedError where one of them has ended."""
        for name in names or self._children:
            code = self._children[name].exit_code()
            if code is not None:
                raise ExpectedError(f"{name} ended with exit code {code}.", log_tail(self._log(name)))

    def stop(self) -> None:
        """Stop both, gently."""
        for child in self._children.values():
            child.ask_to_stop(signal.SIGTERM)
        for child in self._children.values():
            child.finish(_STOP_WITHIN)


def targets_of(data: Path) -> dict[str, str]:
    """Where the platform that runs in a folder tells its metrics. Raises ExpectedError where none runs."""
    running = find_running(data)
    return {_NAMES.get(name, name): urlsplit(url).netloc for name, url in running.metrics.items()}


def observe(
    data: Annotated[Path, typer.Option(help="Folder of the platform.")] = Path(".scoreboard"),
    prometheus_port: Annotated[int, typer.Option(help="Where Prometheus listens.")] = 9090,
    alertmanager_port: Annotated[int, typer.Option(help="Where Alertmanager listens.")] = 9093,
    webhook: Annotated[str, typer.Option(help="Tell this address of every alert, as JSON.")] = "",
) -> None:
    """Watch the platform that runs here: scrape it, evaluate the alerts, route them. Ctrl-C ends it."""
    targets = targets_of(data)
    beside = Beside(DataFolder(data.resolve()).root / "observe", targets, prometheus_port, alertmanager_port, webhook)
    pair = Pair(beside)
    with StopWishes() as wishes:
        try:
            pair.start()
            for name, url in beside.urls.items():
                typer.echo(f"{name:<14} {url}")
            typer.echo(f"{'watched':<14} {', '.join(targets)}")
            typer.echo(f"{'alerts':<14} {beside.urls['prometheus']}/alerts; what to do: docs/runbooks.md")
            typer.echo(f"{'dashboards':<14} in a Grafana of yours: add this Prometheus, import dashboards/json/*.json")
            while not wishes():
                pair.check()
                time.sleep(_LOOK_EVERY)
        finally:
            pair.stop()


def main() -> None:
    """Run it."""
    run_command(partial(typer.run, observe))


if __name__ == "__main__":
    main()
