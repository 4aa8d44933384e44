"""``docs/metrics.md``: every metric that our processes tell, from the code that names them."""

import re
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from dashboards import objectives
from dashboards.rules import all_alerts
from scoreboard import telemetry

_HERE = Path(__file__).parent
_KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
_UNITS = ("seconds", "bytes", "entries", "items", "cases", "actions", "connections", "ratio")


@dataclass(frozen=True)
class Told:
    """One metric as the page shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def unit(self) -> str:
        """What it counts or measures, from its name."""
        words = self.name.split("_")
        found = [unit for unit in _UNITS if unit in words]
        return found[-1] if found else "1 or 0" if self.meaning.startswith(("1 ", "Always 1")) else "number"

    @property
    def part(self) -> str:
        """Under which heading it stands."""
        return next(part for part, pattern in _PARTS.items() if re.match(pattern, self.name))


_PARTS = {
    "Processes": r"scoreboard_(build|schema|store|loop|draining|trace)",
    "Requests": r"scoreboard_(request|rejections|queue|standing|batch|stage|auth|security|provider)",
    "Play": r"scoreboard_(actions|points|jobs|seasons)",
    "Database": r"scoreboard_(database|transaction)",
    "Redis, outbox, stream, leaderboards": r"scoreboard_(redis|cache|outbox|events?_|stream|leaderboard)",
    "Live connections": r"scoreboard_(realtime|commit|fanout)",
    "Operator": r"scoreboard_operator",
    "Anti-cheat and moderation": r"scoreboard_(anticheat|automatic|model|review|player|appeals)",
    "Others": r".*",
}


def told() -> list[Told]:
    """Every metric of ``telemetry`` but those with a library's names, by name."""
    found = [each for each in vars(telemetry).values() if isinstance(each, MetricWrapperBase)]
    found = [each for each in found if each._name.startswith("scoreboard_")]
    rows = [Told(each._name, _KINDS[type(each)], tuple(each._labelnames), each._documentation) for each in found]
    return sorted(rows, key=lambda each: each.name)


def alerts_by_metric() -> dict[str, list[str]]:
    """Which alerts ask for a metric; those of an objective ask for what it is made of."""
    made_of = {each.name: " ".join((*each.total, *each.bad, *each.good)) for each in objectives.load()}
    found: dict[str, list[str]] = {}
    for alert in all_alerts():
        text = made_of.get(alert.slo, alert.expr)
        for name in {re.sub(r"_(total|bucket|count|sum)$", "", each) for each in re.findall(r"scoreboard_\w+", text)}:
            found.setdefault(name, []).append(alert.name)
    return found


def as_markdown() -> str:
    """The page."""
    lines = [(_HERE / "metrics_head.md").read_text("utf-8").rstrip()]
    rows = told()
    alerts = alerts_by_metric()
    for part in _PARTS:
        own = [each for each in rows if each.part == part]
        if not own:
            continue
        lines += [
            "",
            f"## {part}",
            "",
            "| name | type | labels | unit | meaning | alerts |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(each, alerts.get(each.name, [])) for each in own]
    return "\n".join([*lines, "", (_HERE / "metrics_tail.md").read_text("utf-8")])


def _row(metric: Told, alerts: list[str]) -> str:
    labels = ", ".join(metric.labels) or "–"
    links = ", ".join(f"[{name}](runbooks.md#{name.lower()})" for name in sorted(alerts)) or "–"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.unit} | {metric.meaning} | {links} |"
