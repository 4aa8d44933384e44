"""Prometheus and Alertmanager beside running processes: they scrape, evaluate every rule, and tell a webhook."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
import yaml

from dashboards import local, observe
from dashboards.local import Beside
from dashboards.observe import Pair
from scoreboard_cli.failures import ExpectedError
from tests.conftest import Running, launch
from tests.observability.promtool import AMTOOL, PROMTOOL, needs_amtool, needs_promtool, run
from tests.stage import Stores, free_port, until

pytestmark = pytest.mark.timeout(300)  # five processes and two of somebody else's
TARGETS = {"api": "127.0.0.1:1", "worker": "127.0.0.1:2"}


def here() -> bool:
    try:
        local.program("prometheus")
        local.program("alertmanager")
    except ExpectedError:
        return False
    return True


needs_both = pytest.mark.skipif(
    not here(), reason="Prometheus and Alertmanager are not here: Debian's packages prometheus, prometheus-alertmanager"
)


@dataclass
class Webhook:
    """Listens for what Alertmanager tells: (receiver, alert, status)."""

    port: int = field(default_factory=free_port)
    told: list[tuple[str, str, str]] = field(default_factory=list)

    async def start(self) -> asyncio.Server:
        return await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
        )
        content: dict[str, Any] = json.loads(await reader.readexactly(length))
        receiver = head.split(" ", 2)[1].strip("/")
        self.told += [(receiver, each["labels"]["alertname"], each["status"]) for each in content["alerts"]]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture(scope="module")
async def running(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Running, int]]:
    """An API with a metrics port, and a worker."""
    port = free_port()
    async for started in launch(stores, tmp_path_factory.mktemp("watched"), SCOREBOARD_METRICS_PORT=str(port)):
        yield started, port


@needs_both
async def test_it_scrapes_evaluates_and_tells(running: tuple[Running, int], tmp_path: Path) -> None:
    started, port = running
    webhook = Webhook()
    server = await webhook.start()
    targets = {"api": f"127.0.0.1:{port}", "worker": f"127.0.0.1:{started.worker.port}"}
    beside = Beside(tmp_path, targets, free_port(), free_port(), f"http://127.0.0.1:{webhook.port}", scale=60, every=1)
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
            lambda: ("heartbeat", "ScoreboardWatchdog", "firing") in webhook.told, within=60, what="the watchdog's call"
        )
        pair.check()
    finally:
        pair.stop()
        server.close()
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
    assert "[5s]" in text, "an hour's fifth minute is five seconds at sixty times the pace"


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
