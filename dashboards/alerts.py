"""The alerts as they stand in ``alerts/*.yaml``, one document of everything that belongs to an alert.

Read by ``rules.py`` (Prometheus), ``runbooks.py`` (people) and the tests, which fire each one. Keys of an alert:

``alert`` name · ``severity`` critical pages, warning is a ticket, none is the watchdog · ``component`` whose it is ·
``dashboard`` where its figures are · ``needs`` what has to be up for it to mean anything: while that is down, its own
alert speaks and this one is held back · ``provides`` what is down when it fires · ``when`` the chart's component that
has to be enabled · ``for``, ``expr``, ``summary``, ``description`` as Prometheus has them · ``runbook`` · ``firing``
and ``quiet`` series with which it fires alone, and with which it does not.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "alerts"
LINGER = "10m"
"""How long a cause that is over still holds back what follows from it: the five minutes of the shortest window in which
its errors are counted, and some. Prometheus knows ``keep_firing_for`` since 2.42."""
SHORTER = "6m"
"""The same for a cause that may itself follow from another: it is never the last to speak of both."""
SEVERITIES = ("critical", "warning", "none")


@dataclass(frozen=True)
class Runbook:
    """What whoever is woken needs to know. ``queries`` are the first to run."""

    meaning: str
    impact: str
    queries: list[str]
    causes: list[str]
    fix: list[str]
    silence: str


@dataclass(frozen=True)
class Case:
    """Series in promtool's notation, one value a minute; ``at`` when to look; ``labels`` of the alert beside its own.

    ``also`` names what else fires then, with a reason to.
    """

    at: str
    series: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    also: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Alert:
    """One alert; the module says what each part means."""

    name: str
    group: str
    severity: str
    component: str
    dashboard: str
    expr: str
    summary: str
    description: str
    runbook: Runbook
    firing: Case
    quiet: Case | None
    hold: str = ""
    needs: list[str] = field(default_factory=list)
    provides: str = ""
    when: str = ""
    slo: str = ""

    def rule(self) -> dict[str, Any]:
        """The alert as Prometheus reads it. Addresses are filled in by the chart, or by ``make observe``."""
        labels = {"severity": self.severity, "component": self.component}
        labels |= {"needs": " ".join(self.needs)} if self.needs else {}
        labels |= {"provides": self.provides} if self.provides else {}
        labels |= {"slo": self.slo} if self.slo else {}
        return {
            "alert": self.name,
            "expr": self.expr,
            **({"for": self.hold} if self.hold else {}),
            **({"keep_firing_for": SHORTER if self.needs else LINGER} if self.provides else {}),
            "labels": labels,
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"$RUNBOOKS#{self.name.lower()}",
                "dashboard_url": f"$GRAFANA/d/scoreboard-{self.dashboard}",
            },
        }


def declared() -> list[Alert]:
    """Every alert of the folder, by file and place in it. Raises KeyError or TypeError where a part is missing."""
    return [_alert(path.stem, each) for path in sorted(FOLDER.glob("*.yaml")) for each in _documents(path)]


def _documents(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))
    return found


def _alert(group: str, raw: dict[str, Any]) -> Alert:
    quiet = raw["quiet"]
    return Alert(
        name=raw["alert"],
        group=group,
        severity=raw["severity"],
        component=raw["component"],
        dashboard=raw["dashboard"],
        expr=raw["expr"],
        summary=raw["summary"],
        description=raw["description"],
        runbook=Runbook(**raw["runbook"]),
        firing=Case(**raw["firing"]),
        quiet=None if quiet == "never" else Case(**quiet),
        hold=raw.get("for", ""),
        needs=raw.get("needs", []),
        provides=raw.get("provides", ""),
        when=raw.get("when", ""),
    )
