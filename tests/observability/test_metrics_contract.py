"""Whatever asks for a metric asks for one that the running platform tells, with the labels and values that it has.

Rules, dashboards, runbooks, autoscalers and the adapter's values are held against a scrape of all four services.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from dashboards.generate import HERE, ROOT
from dashboards.pages import PAGES
from dashboards.rules import all_alerts, parts
from scoreboard import telemetry
from scoreboard.usecases.platform import open_platform
from tests.charts.documents import of_kind
from tests.conftest import furnish
from tests.contract.live_clients import PlainClient
from tests.observability.queries import Asked, asked_by
from tests.stage import Person, Service, Stores, free_port, register, settings_from, until

ADDED_BY_SCRAPES = frozenset({"namespace", "pod", "instance", "job", "container"})
pytestmark = pytest.mark.timeout(300)  # the model's process imports for a while
SERVICES = ("api", "realtime", "worker", "anticheat_ml")
FOREIGN: dict[str, Any] = yaml.safe_load((HERE / "foreign_series.yaml").read_text("utf-8"))
OTHERS = {name: set(labels) for each in FOREIGN["exporters"] for name, labels in each["series"].items()}
WAITING = {name: set(labels) for each in FOREIGN["waiting"] for name, labels in each["series"].items()}
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


@dataclass
class Live:
    """The four services as processes, and where their metrics are."""

    services: dict[str, Service]
    metrics: list[str]
    client: httpx.AsyncClient

    async def scrape(self) -> Scrape:
        found = Scrape()
        async with httpx.AsyncClient(timeout=20) as client:
            for url in self.metrics:
                found.read((await client.get(url)).text)
        return found


@pytest_asyncio.fixture(scope="module")
async def live(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    environment = await stores.environment(SCOREBOARD_MODEL_REPORT_EVERY="0.5", SCOREBOARD_AUDIT_EVERY="0.5")
    platform = open_platform(settings_from(environment), application="test")
    await furnish(platform)
    await platform.close()
    folder = tmp_path_factory.mktemp("live")
    services, metrics = {}, []
    for name in SERVICES:
        port = free_port()
        service = Service(name, {**environment, "SCOREBOARD_METRICS_PORT": str(port)}, folder / f"{name}.log")
        own = service.port if name in ("worker", "anticheat_ml") else port
        metrics.append(f"http://127.0.0.1:{own}/metrics")
        services[name] = service
        service.start()
    try:
        await asyncio.gather(*(service.ready(within=150) for service in services.values()))
        async with httpx.AsyncClient(base_url=services["api"].url, timeout=30) as client:
            yield Live(services, metrics, client)
    finally:
        for service in services.values():
            service.stop()


@pytest_asyncio.fixture(scope="module")
async def scrape(live: Live) -> Scrape:
    """What is told once somebody has played, watched, reported and been refused."""
    ada, eve = await register(live.client), await register(live.client)
    watcher = PlainClient(live.services["realtime"].url)
    await watcher.open(ada.session["access_token"])
    await watcher.hear("auth.ok")
    await watcher.say({"type": "subscribe", "channels": ["board:main"]})
    await watcher.hear("subscribed", within=20)
    await watcher.hear("leaderboard.initial", within=20)
    for _ in range(22):  # from twenty on the model looks at a player
        await ada.score("tap")
    await watcher.hear("leaderboard.update", within=20)
    await eve.get("/api/v1/boards/main/top")
    await eve.post("/api/v1/actions/execute", {"kind": "tap"})
    assert (await eve.post("/api/v1/actions", {"kind": "unknown"})).status_code == 404
    await eve.post("/api/v1/reports", {"username": ada.username, "reason": "cheating"})

    async def all_of_it() -> Scrape | None:
        found = await live.scrape()
        wanted = ("scoreboard_leaderboard_drifted_entries_total", "scoreboard_store_up", "scoreboard_review_cases")
        return found if all(name in found.series for name in wanted) else None

    told: Scrape = await until(all_of_it, within=90, every=0.5, what="everything being told")
    await watcher.leave()
    return told


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
    for known in (OTHERS, WAITING, RECORDED):
        if name in known:
            return known[name]
    # A family whose first series comes with its first event: it is told, and its labels are as declared.
    family = re.sub(r"_(total|bucket|sum|count)$", "", name)
    if family in scrape.families and family in DECLARED:
        return DECLARED[family] | ({"le"} if name.endswith("_bucket") else set())
    return None


def test_every_series_and_label_is_told(scrape: Scrape) -> None:
    wrong = []
    for who, asked in ASKED:
        for name, labels in asked.labels.items():
            told = labels_of(name, scrape)
            if told is None:
                wrong.append(f"{who}: nobody tells {name}")
            elif unknown := labels - told - ADDED_BY_SCRAPES:
                wrong.append(f"{who}: {name} has no label {sorted(unknown)}, it has {sorted(told)}")
        for label, names in asked.grouped:
            known = set().union(*(labels_of(name, scrape) or set() for name in names))
            if label not in known | ADDED_BY_SCRAPES:
                wrong.append(f"{who}: no series of {sorted(names)} has the label {label}")
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_every_value_that_is_asked_for_is_told(scrape: Scrape) -> None:
    """A misspelt event or code would match nothing, and its alert would be silent for ever."""
    wrong = []
    for who, asked in ASKED:
        for name, label, pattern in asked.values:
            told = scrape.series.get(name, {}).get(label)
            if told is None or label in ADDED_BY_SCRAPES or (who, label) == ("", ""):
                continue
            if not any(re.fullmatch(pattern, value) for value in told) and (name, label, pattern) not in LATER:
                wrong.append(f"{who}: {name} is never told with {label}={pattern}, but with {sorted(told)[:40]}")
    assert not wrong, "\n".join(sorted(set(wrong)))


# Values that only an accident brings: they cannot be had in a test of platforms that are well.
LATER = {
    ("scoreboard_build_info", "service", "operator"),
    ("scoreboard_request_seconds_count", "status", "5.."),
}


def test_the_list_of_others_holds_nothing_of_ours(scrape: Scrape) -> None:
    told = scrape.series.keys() | scrape.families
    ours = {name for name in WAITING if name in told or re.sub(r"_total$", "", name) in told}
    assert not ours, f"these are told now: take them from dashboards/foreign_series.yaml: {sorted(ours)}"
    assert not {name for name in OTHERS if name.startswith("scoreboard")}
    asked = {name for _, each in ASKED for name in each.labels}
    assert asked >= (OTHERS.keys() | WAITING.keys()), "a series that nobody asks for needs no entry"


def test_every_exporter_has_a_version() -> None:
    assert all(re.fullmatch(r"\d+\.\d+", each["version"]) and each["exporter"] for each in FOREIGN["exporters"])


def test_a_hole_in_the_contract_would_be_seen(scrape: Scrape) -> None:
    assert labels_of("scoreboard_that_nobody_tells", scrape) is None
    assert labels_of("scoreboard_rejections_total", scrape) == {"layer", "code"}
    assert asked_by('sum by (kind) (rate(x_total{a=~"b|c"}[5m]))').grouped == [("kind", frozenset({"x_total"}))]
    assert asked_by('x{a=~"b|c"}').values == {("x", "a", "b"), ("x", "a", "c")}


async def wander(live: Live, people: list[Person], number: int) -> None:
    """So many requests to paths, boards and actions that are all different, and as many new names."""
    for index in range(number):
        person = people[index % len(people)]
        path = ("/x-{}", "/api/v1/boards/b{}/top", "/api/v1/players/{}", "/api/v1/actions/{}", "/api/v1/jobs/{}")[
            index % 5
        ]
        await person.get(path.format(f"{index}-{number}"))
        if index % 25 == 0:
            newcomer = await register(live.client)
            await newcomer.score("tap")
            people.append(newcomer)


@pytest.mark.parametrize("number", [300, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
async def test_no_path_and_no_player_makes_a_series(live: Live, scrape: Scrape, number: int) -> None:
    people = [await register(live.client)]
    await wander(live, people, 10)  # each kind of answer was there once
    await people[0].score("tap")
    before = (await live.scrape()).lines
    await wander(live, people, number)
    grown = {line for line in (await live.scrape()).lines - before if "scoreboard_model_" not in line}
    assert not grown, f"{len(grown)} new series, such as {sorted(grown)[:5]}"
    assert len(before) < 6000
