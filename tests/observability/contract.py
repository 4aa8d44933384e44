"""What rules, dashboards, runbooks, autoscalers and the adapter ask for, and what a scrape tells of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from dashboards.generate import HERE, ROOT
from dashboards.pages import PAGES
from dashboards.rules import all_alerts, parts
from scoreboard import telemetry
from tests.charts.documents import of_kind
from tests.observability.queries import Asked, asked_by

ADDED_BY_SCRAPES = frozenset({"namespace", "pod", "instance", "job", "container"})
FOREIGN: dict[str, Any] = yaml.safe_load((HERE / "foreign_series.yaml").read_text("utf-8"))
OTHERS = {name: set(labels) for each in FOREIGN["exporters"] for name, labels in each["series"].items()}
RECORDED = {
    rule["record"]: {"slo", "namespace"}
    for groups in parts().values()
    for group in groups
    for rule in group["rules"]
    if "record" in rule
}


@dataclass
class Scrape:
    """What was told: labels with their values by name of series, and the names of families without any series yet."""

    series: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    lines: set[str] = field(default_factory=set)
    families: set[str] = field(default_factory=set)

    def read(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            self.families.add(family.name)
            for sample in family.samples:
                labels = self.series.setdefault(sample.name, {})
                self.lines.add(f"{sample.name}{sorted(sample.labels.items())}")
                for name, value in sample.labels.items():
                    labels.setdefault(name, set()).add(value)


def queries_of_rules() -> Iterator[tuple[str, str]]:
    for part, groups in parts().items():
        for group in groups:
            for rule in group["rules"]:
                yield f"rule {part} {rule.get('alert') or rule['record']}", rule["expr"]


def queries_of_people() -> Iterator[tuple[str, str]]:
    """Dashboards and runbooks."""
    for page in PAGES:
        for panel in page.panels:
            for expr in panel.filled().values():
                yield f"dashboard {page.name}, {panel.title}", expr
    for alert in all_alerts():
        for expr in alert.runbook.queries:
            yield f"runbook {alert.name}", expr


def queries_of_autoscalers() -> Iterator[tuple[str, str]]:
    """The chart's own values, the rendered ScaledObjects, the adapter between Prometheus and the others."""
    values = yaml.safe_load((ROOT / "charts" / "scoreboard" / "values.yaml").read_text("utf-8"))
    for component, given in values.items():
        if isinstance(given, dict):
            for metric in given.get("autoscaling", {}).get("metrics", ()):
                yield f"autoscaling of {component}", metric["query"]
    for scaler in of_kind("keda", "ScaledObject"):
        for trigger in scaler["spec"]["triggers"]:
            if trigger["type"] == "prometheus":
                yield f"ScaledObject {scaler['metadata']['name']}", trigger["metadata"]["query"]
    for rule in yaml.safe_load((ROOT / "k8s" / "prometheus-adapter.yaml").read_text("utf-8"))["rules"]["custom"]:
        for key in ("seriesQuery", "metricsQuery"):
            yield f"adapter {rule['name']['as']}", rule[key]


ASKED: list[tuple[str, Asked]] = [
    (who, asked_by(expr)) for who, expr in (*queries_of_rules(), *queries_of_people(), *queries_of_autoscalers())
]
DECLARED = {
    metric._name: set(metric._labelnames)
    for metric in vars(telemetry).values()
    if isinstance(metric, MetricWrapperBase)
}


def labels_of(name: str, scrape: Scrape) -> set[str] | None:
    """The labels that a series has; None for a series that nobody tells."""
    if name in scrape.series:
        return set(scrape.series[name])
    for known in (OTHERS, RECORDED):
        if name in known:
            return known[name]
    # A family whose first series comes with its first event: it is told, and its labels are as declared.
    family = re.sub(r"_(total|bucket|sum|count)$", "", name)
    if family in scrape.families and family in DECLARED:
        return DECLARED[family] | ({"le"} if name.endswith("_bucket") else set())
    return None


def unknown(scrape: Scrape) -> list[str]:
    """Series and labels that somebody asks for and nobody tells, in words."""
    wrong = set()
    for who, asked in ASKED:
        for name, labels in asked.labels.items():
            told = labels_of(name, scrape)
            if told is None:
                wrong.add(f"{who}: nobody tells {name}")
            elif missing := labels - told - ADDED_BY_SCRAPES:
                wrong.add(f"{who}: {name} has no label {sorted(missing)}, it has {sorted(told)}")
        for label, names in asked.grouped:
            known: set[str] = set().union(*(labels_of(name, scrape) or set() for name in names))
            if label not in known | ADDED_BY_SCRAPES:
                wrong.add(f"{who}: no series of {sorted(names)} has the label {label}")
    return sorted(wrong)


def never_told(scrape: Scrape, later: set[tuple[str, str, str]]) -> list[str]:
    """Values that somebody asks for and that no series of the scrape has, in words; ``later`` are left out."""
    wrong = set()
    for who, asked in ASKED:
        for name, label, pattern in asked.values - later:
            told = scrape.series.get(name, {}).get(label)
            if told is None or label in ADDED_BY_SCRAPES or any(re.fullmatch(pattern, value) for value in told):
                continue
            wrong.add(f"{who}: {name} is never told with {label}={pattern}, but with {sorted(told)[:40]}")
    return sorted(wrong)
