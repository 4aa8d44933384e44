"""A rolling restart behind a balancer, under load: no request and no update is lost.

Pods come and go as a Deployment replaces them (maxSurge 1, maxUnavailable 0): as soon as a new one is ready the next
one is made, while those that leave still drain, so a socket may have to move twice. The balancer hears of a leaving pod
a second after the pod did, as endpoints travel through a cluster; until then it goes on, and preStop bridges it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import yaml

from charts.generate import profile_values, rendered
from scoreboard.usecases.platform import Platform, open_platform
from tests.charts.balancer import Balancer, haproxy
from tests.charts.crowd import Load, Watcher
from tests.charts.documents import Document, component_of, pods_among
from tests.charts.kubelet import Pod
from tests.charts.stores_of_a_cluster import Found, prepare
from tests.charts.test_values import merged
from tests.conftest import furnish
from tests.ledger_check import check_ledger, settled
from tests.stage import GENEROUS, Stores, patient, register, until

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]
ENDPOINTS_TRAVEL = 1.0
PLAYERS = 8
# Numbers of the load, not of the product: its players sit behind one address and never rest.
SETTINGS = {name.removeprefix("SCOREBOARD_").lower(): value for name, value in GENEROUS.items()}
VALUES = {
    "settings": {
        **{name: value if name == "anticheat_mode" else int(value) for name, value in SETTINGS.items()},
        **{"require_signatures": False, "sockets_per_address": 1000},
    }
}


class Release:
    """Two pods of the API and three of realtime behind the balancer, and a worker."""

    def __init__(self, manifests: list[Document], found: Found, balancer: Balancer, folder: Path) -> None:
        self._templates = pods_among(manifests)
        self._found, self._folder = found, folder
        self.balancer = balancer
        self.running: dict[str, list[Pod]] = {"api": [], "realtime": []}
        self.all: list[Pod] = []
        self.wrong: list[str] = []

    async def add(self, component: str) -> Pod:
        """Start a pod; when it is ready the balancer hears of it."""
        one = component_of(self._templates, component)
        pod = Pod(one.spec, one.containers[0], self._folder, self._found.secrets, self._found.services)
        self.all.append(pod.start())
        await pod.started()
        if component in self.running:
            self.running[component].append(pod)
            await self.balancer.add(component, pod.address("http"))
        return pod

    async def roll(self, component: str) -> None:
        """Replace every pod of a component; those that leave drain beside each other."""
        async with asyncio.TaskGroup() as draining:
            for leaving in list(self.running[component]):
                await self.add(component)
                self.running[component].remove(leaving)
                draining.create_task(self._leave(component, leaving))

    async def _leave(self, component: str, leaving: Pod) -> None:
        ended, _ = await asyncio.gather(leaving.stop(), self._unlist(component, leaving))
        if ended.killed or ended.code not in (0, -15):
            self.wrong.append(f"{component}: {ended}")

    async def _unlist(self, component: str, leaving: Pod) -> None:
        await asyncio.sleep(ENDPOINTS_TRAVEL)
        await self.balancer.remove(component, leaving.address("http"))

    def end(self) -> None:
        for pod in self.all:
            pod.end()


@asynccontextmanager
async def released(stores: Stores, folder: Path, values: dict[str, Any]) -> AsyncIterator[tuple[Release, Platform]]:
    """Migrated, furnished, running."""
    manifests = [each for each in yaml.safe_load_all(rendered(values)) if each]
    found = await prepare(stores)
    job = component_of(pods_among(manifests), "migrate")
    assert await Pod(job.spec, job.containers[0], folder, found.secrets).start().finished() == 0
    environment = {**stores.keys, **GENEROUS, "DATABASE_URL": found.service_url, "REDIS_URL": found.redis_url}
    platform = open_platform(patient(environment), application="test")
    await furnish(platform)
    cookie = values["stickiness"]["cookieName"] if values.get("stickiness", {}).get("enabled") else None
    balancer = Balancer(folder, ["/socket.io", "/api/v1/ws", "/api/v1/live"], cookie)
    release = Release(manifests, found, balancer, folder)
    with ExitStack() as stack:
        stack.callback(balancer.stop)
        stack.callback(release.end)
        await balancer.start()
        started = ("api", "api", "realtime", "realtime", "realtime", "worker")
        await asyncio.gather(*(release.add(name) for name in started))
        yield release, platform
        await platform.close()


@pytest.mark.parametrize("sticky", [False, True], ids=["without stickiness", "with cookie stickiness"])
async def test_a_rolling_restart_loses_nothing(stores: Stores, tmp_path: Path, sticky: bool) -> None:
    if haproxy() is None:
        pytest.skip("haproxy is not here: Debian's package haproxy brings it")
    more: dict[str, Any] = {"stickiness": {"enabled": True, "cookieName": "scoreboard_pod"}} if sticky else {}
    values = merged(merged(profile_values("minimal"), VALUES), {**more, "network": {"trustedProxyHops": 1}})
    async with released(stores, tmp_path, values) as (release, platform):
        url = release.balancer.url
        async with httpx.AsyncClient(base_url=url, timeout=15) as client, asyncio.TaskGroup() as group:
            people = [await register(client) for _ in range(PLAYERS)]
            watchers = [Watcher(person, url) for person in people]
            half = len(watchers) // 2 if sticky else len(watchers)
            ways = [each.by_websocket() for each in watchers[:half]] + [each.by_polling() for each in watchers[half:]]
            watching = [group.create_task(way) for way in ways]
            await until(lambda: all(each.fresh for each in watchers), what="every watcher's first standing")
            load = Load(people)
            playing = group.create_task(load.run())
            await load.more(100)
            await asyncio.gather(release.roll("api"), release.roll("realtime"))
            await load.more(100)
            load.stop()
            await playing
            await until(
                lambda: all(each.score == load.by_player[each.person.id] for each in watchers),
                within=10,
                what=f"every watcher knowing its score ({[(w.score, load.by_player[w.person.id]) for w in watchers]})",
            )
            for task in watching:
                task.cancel()
        assert not load.lost
        assert not release.wrong
        assert [gap for each in watchers for gap in each.gaps] == []
        assert all(each.connections >= 2 for each in watchers), "nobody had to move: the test rolled nothing"
        assert sum(each.updates for each in watchers) > PLAYERS * 10
        report = await check_ledger(platform, load.acknowledged)
        assert len(report.entries) == len(load.acknowledged)
        await settled(platform)
