"""Configuration of a Prometheus and an Alertmanager beside a platform on this machine, from what the cluster gets too.

``observe.py`` starts them; a drill and the tests use the same with windows that are shorter than in real life.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dashboards.generate import HERE, ROOT
from dashboards.rules import as_yaml, parts
from dashboards.scaling import faster
from scoreboard_cli.failures import ExpectedError

PARTS = ("always", "anticheatMl")
"""The rules that make sense here: there is neither an operator nor an autoscaler."""
_NAMES = {"prometheus": ("prometheus",), "alertmanager": ("prometheus-alertmanager", "alertmanager")}
_HOW = (
    "On Debian and Ubuntu: apt-get install prometheus prometheus-alertmanager (their own services may stay off).\n"
    "On macOS: brew install prometheus alertmanager. Elsewhere: the releases of prometheus and alertmanager on GitHub."
)


@dataclass(frozen=True)
class Beside:
    """What to watch, and where the two listen.

    Attributes:
        folder: where configuration and data go.
        targets: host and port of metrics, by service.
        prometheus_port: where Prometheus listens, on this machine only.
        alertmanager_port: the same for Alertmanager.
        webhook: who is told of every alert, as JSON; empty: nobody, look at Alertmanager.
        scale: how many times faster than in real life time passes in the rules (``scaling.py``).
        every: seconds between two scrapes and two evaluations.
        gather: seconds until Alertmanager tells: so long a cause has to overtake what follows from it. Processes look
            at their stores every five seconds and believe the second failure, at whatever pace the rules run.
    """

    folder: Path
    targets: dict[str, str]
    prometheus_port: int = 9090
    alertmanager_port: int = 9093
    webhook: str = ""
    scale: float = 1
    every: int = 5
    gather: int = 10

    def write(self) -> None:
        """Write every file that the two need."""
        rules = self.folder / "rules"
        rules.mkdir(parents=True, exist_ok=True)
        groups = parts()
        for part in PARTS:
            text = as_yaml(faster(groups[part], self.scale, self.every))
            text = text.replace("$RUNBOOKS", str(ROOT / "docs" / "runbooks.md"))
            (rules / f"{part}.yaml").write_text(text.replace("$GRAFANA", "http://localhost:3000"), "utf-8")
        self._file("prometheus.yaml", self._prometheus())
        self._file("alertmanager.yaml", self._alertmanager())

    def _file(self, name: str, content: dict[str, Any]) -> None:
        (self.folder / name).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")

    def _prometheus(self) -> dict[str, Any]:
        time = f"{self.every}s"
        targets = [
            {"targets": [address], "labels": {"instance": name, "component": name}}
            for name, address in self.targets.items()
        ]
        return {
            "global": {"scrape_interval": time, "evaluation_interval": time},
            "rule_files": ["rules/*.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self.alertmanager_port}"]}]}]},
            "scrape_configs": [{"job_name": "scoreboard", "static_configs": targets}],
        }

    def _alertmanager(self) -> dict[str, Any]:
        """The example's routes and inhibitions; its receivers tell the webhook, each at an address of its own."""
        content: dict[str, Any] = yaml.safe_load((HERE / "alertmanager.yaml").read_text("utf-8"))
        for receiver in content["receivers"]:
            name = receiver["name"]
            receiver.clear()
            receiver["name"] = name
            if self.webhook:
                receiver["webhook_configs"] = [{"url": f"{self.webhook.rstrip('/')}/{name}", "send_resolved": True}]
        content["route"]["group_wait"] = content["route"]["group_interval"] = f"{self.gather}s"
        return content

    def commands(self) -> dict[str, list[str]]:
        """How the two are started, by name. Raises ExpectedError where one is not installed."""
        found = {name: program(name) for name in _NAMES}
        here = "127.0.0.1"
        return {
            "prometheus": [
                found["prometheus"],
                f"--config.file={self.folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self.folder / 'series'}",
                "--storage.tsdb.retention.time=7d",
                "--enable-feature=exemplar-storage",
                f"--web.listen-address={here}:{self.prometheus_port}",
                f"--rules.alert.resend-delay={2 * self.every}s",  # the first may come before Alertmanager is found
                "--log.level=warn",
            ],
            "alertmanager": [
                found["alertmanager"],
                f"--config.file={self.folder / 'alertmanager.yaml'}",
                f"--storage.path={self.folder / 'silences'}",
                f"--web.listen-address={here}:{self.alertmanager_port}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ],
        }

    @property
    def urls(self) -> dict[str, str]:
        """Where the two answer."""
        return {
            "prometheus": f"http://127.0.0.1:{self.prometheus_port}",
            "alertmanager": f"http://127.0.0.1:{self.alertmanager_port}",
        }


def program(name: str) -> str:
    """Where a program is. Raises ExpectedError, with how to get it, where it is not."""
    for candidate in _NAMES[name]:
        if path := shutil.which(candidate):
            return path
    raise ExpectedError(f"The program {name} is not here.", _HOW)
