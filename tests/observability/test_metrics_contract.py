"""Whatever asks for a metric asks for one that the running platform tells, with the labels and values that it has.

Rules, dashboards, runbooks, autoscalers and the adapter's values are held against a scrape of all four services.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2 as httpx
import pytest
import pytest_asyncio

from scoreboard.usecases.platform import open_platform
from tests.conftest import furnish
from tests.contract.live_clients import PlainClient
from tests.observability.contract import ASKED, FOREIGN, OTHERS, Scrape, labels_of, never_told, unknown
from tests.observability.queries import asked_by
from tests.stage import Person, Service, Stores, free_port, patient, register, until

pytestmark = pytest.mark.timeout(300)  # the model's process imports for a while
SERVICES = ("api", "realtime", "worker", "anticheat_ml")


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
    platform = open_platform(patient(environment), application="test")
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


def test_every_series_and_label_is_told(scrape: Scrape) -> None:
    assert not (wrong := unknown(scrape)), "\n".join(wrong)


def test_every_value_that_is_asked_for_is_told(scrape: Scrape) -> None:
    """A misspelt event or code would match nothing, and its alert would be silent for ever."""
    assert not (wrong := never_told(scrape, LATER)), "\n".join(wrong)


# The operator's are held against its own process, in tests/operator; 5xx only an accident brings.
LATER = {
    ("scoreboard_build_info", "service", "operator"),
    ("scoreboard_request_seconds_count", "status", "5.."),
}


def test_hot_routes_are_counted_under_the_names_of_the_others(scrape: Scrape) -> None:
    hot = {"handler": "/api/v1/actions", "method": "POST"}
    framework = {"handler": "/api/v1/actions/execute", "method": "POST"}
    for labels, status in ((hot, "201"), (hot, "404"), (framework, "400")):
        assert f"http_requests_total{sorted({**labels, 'status': status}.items())}" in scrape.lines
        assert f"http_request_duration_seconds_count{sorted(labels.items())}" in scrape.lines


def test_both_engines_tell_what_they_see(scrape: Scrape) -> None:
    assert scrape.series["scoreboard_anticheat_seconds_count"]["engine"] == {"inline", "model"}
    assert {"0.05", "0.95", "+Inf"} <= scrape.series["scoreboard_anticheat_suspicion_ratio_bucket"]["le"]


def test_the_list_of_others_holds_nothing_of_ours(scrape: Scrape) -> None:
    assert not OTHERS.keys() & scrape.series.keys()
    assert not {name for name in OTHERS if name.startswith("scoreboard")}
    asked = {name for _, each in ASKED for name in each.labels}
    assert asked >= OTHERS.keys(), "a series that nobody asks for needs no entry"


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

    async def settled() -> bool:
        """Vitals are the loop whose first round takes longest; the others have come to an end once by then."""
        return "vitals" in (await live.scrape()).series["scoreboard_loop_last_success_seconds"]["loop"]

    await until(settled, within=30, every=0.5, what="every loop having gone round once")
    before = (await live.scrape()).lines
    await wander(live, people, number)
    grown = {line for line in (await live.scrape()).lines - before if "scoreboard_model_" not in line}
    assert not grown, f"{len(grown)} new series, such as {sorted(grown)[:5]}"
    assert len(before) < 6000
