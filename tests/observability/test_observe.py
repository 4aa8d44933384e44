"""Prometheus and Alertmanager beside running processes: they scrape, evaluate every rule, and tell a webhook."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
import yaml

from dashboards import local, observe
from dashboards.drill.webhook import Webhook
from dashboards.local import Beside
from dashboards.observe import Pair
from scoreboard.telemetry import utc_now
from scoreboard_cli.failures import ExpectedError
from tests.conftest import Running, launch
from tests.observability.promtool import AMTOOL, PROMTOOL, needs_amtool, needs_prometheus, needs_promtool, run
from tests.stage import Stores, free_port, until

pytestmark = pytest.mark.timeout(300)  # five processes and two of somebody else's
TARGETS = {"api": "127.0.0.1:1", "worker": "127.0.0.1:2"}


@pytest_asyncio.fixture(scope="module")
async def running(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Running, int]]:
    """An API with a metrics port, and a worker."""
    port = free_port()
    async for started in launch(stores, tmp_path_factory.mktemp("watched"), SCOREBOARD_METRICS_PORT=str(port)):
        yield started, port


@needs_prometheus
async def test_it_scrapes_evaluates_and_tells(running: tuple[Running, int], tmp_path: Path) -> None:
    started, port = running
    webhook, began = Webhook(), utc_now()
    await webhook.start()
    targets = {"api": f"127.0.0.1:{port}", "worker": f"127.0.0.1:{started.worker.port}"}
    beside = Beside(tmp_path, targets, free_port(), free_port(), webhook.url, scale=60, every=1)
    pair = Pair(beside)
    try:
        pair.start()
        async with httpx.AsyncClient(base_url=beside.urls["prometheus"], timeout=10) as client:

            async def ask(path: str) -> Any:
                return (await client.get(f"/api/v1/{path}")).json()["data"]

            async def all_are_up() -> bool:
                found = (await ask("targets"))["activeTargets"]
                return len(found) == 2 and all(each["health"] == "up" for each in found)

            async def all_are_evaluated() -> bool:
                rules = [rule for group in (await ask("rules"))["groups"] for rule in group["rules"]]
                assert not [rule["lastError"] for rule in rules if rule.get("lastError")]
                return len(rules) > 100 and all(rule["health"] == "ok" for rule in rules)

            await until(all_are_up, within=60, every=0.2, what="both being scraped")
            await until(all_are_evaluated, within=60, every=0.5, what="every rule being evaluated")
        await until(
            lambda: webhook.heard("ScoreboardWatchdog", firing=True, since=began) == {"heartbeat"},
            within=60,
            what="the watchdog's call",
        )
        pair.check()
    finally:
        pair.stop()
        await webhook.stop()
    with pytest.raises(ExpectedError, match="ended with exit code"):
        pair.check()


@needs_promtool
@needs_amtool
def test_both_programs_take_what_is_written(tmp_path: Path) -> None:
    Beside(tmp_path, TARGETS, webhook="http://127.0.0.1:9/", scale=60).write()
    done = run(PROMTOOL, "check", "config", tmp_path / "prometheus.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(AMTOOL, "check-config", tmp_path / "alertmanager.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "rules" / "always.yaml").read_text("utf-8")
    assert "$RUNBOOKS" not in text
    assert "$GRAFANA" not in text
    assert "[6m]" in text, "six hours are six minutes at sixty times the pace"
    assert "[25s]" in text, "and five minutes are five scrapes, not one"


def test_routes_and_inhibitions_are_those_of_the_example(tmp_path: Path) -> None:
    Beside(tmp_path, TARGETS, webhook="http://127.0.0.1:9").write()
    written = yaml.safe_load((tmp_path / "alertmanager.yaml").read_text("utf-8"))
    example = yaml.safe_load((local.HERE / "alertmanager.yaml").read_text("utf-8"))
    assert written["inhibit_rules"] == example["inhibit_rules"]
    assert written["route"]["routes"] == example["route"]["routes"]
    assert {each["name"]: each["webhook_configs"][0]["url"] for each in written["receivers"]} == {
        name: f"http://127.0.0.1:9/{name}" for name in ("pager", "chat", "heartbeat")
    }


def test_what_is_missing_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExpectedError) as missing:
        local.program("alertmanager")
    assert "apt-get install prometheus prometheus-alertmanager" in missing.value.advice
    with pytest.raises(ExpectedError) as nothing:
        observe.targets_of(tmp_path)
    assert "scoreboard up" in nothing.value.advice
