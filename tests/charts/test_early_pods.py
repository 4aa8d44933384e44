"""Pods that are there before what they depend on: started, not ready, saying why, and ready later by themselves.

With ``migrations.mode=job`` and ``initContainer`` pods come up beside the migration; a database may be away for longer
than a startup probe waits, and a restart would not bring it back.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.charts.kubelet import Pod
from tests.charts.stores_of_a_cluster import Found, prepare
from tests.charts.test_kubelet import made_from, migrated, template
from tests.stage import Stores, until

pytestmark = pytest.mark.timeout(200)
WITH_STORES = ("api", "realtime", "worker", "anticheat-ml")
AWAY = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}


@contextmanager
def started(found: Found, folder: Path, **extra: str) -> Iterator[list[Pod]]:
    """The pods of all services, whatever they find."""
    made = [made_from(found, template("minimal", name), folder) for name in WITH_STORES]
    try:
        for pod in made:
            pod.environment |= extra
            pod.start()
        yield made
    finally:
        for pod in made:
            pod.end()


async def readiness(pod: Pod) -> tuple[int, dict[str, Any]]:
    probe = pod.container["readinessProbe"]["httpGet"]
    async with httpx.AsyncClient(timeout=10) as client:
        reply = await client.get(f"http://{pod.address(probe['port'])}{probe['path']}")
    told = reply.json()
    return reply.status_code, told.get("checks") or told["stores"]


async def have_started(running: list[Pod]) -> None:
    for pod in running:
        await until(lambda pod=pod: pod.probe("startup"), within=60, what=f"the start of {pod.container['name']}")  # type: ignore[misc]


async def test_pods_wait_for_the_schema_and_then_serve(stores: Stores, tmp_path: Path) -> None:
    found = await prepare(stores)
    with started(found, tmp_path) as running:
        await have_started(running)
        for pod in running:
            status, checks = await readiness(pod)
            assert (status, checks["database"], checks["schema"]) == (503, "ok", "missing"), pod.container["name"]
            assert await pod.probe("liveness"), "waiting is no reason to be restarted"
        await migrated("minimal", found, tmp_path)
        await asyncio.gather(*(pod.started() for pod in running))
        for pod in running:
            assert "schema" not in (await readiness(pod))[1]
            assert "scoreboard_schema_mismatch 0.0" in await metrics(pod)


async def metrics(pod: Pod) -> str:
    async with httpx.AsyncClient(timeout=10) as client:
        return (await client.get(f"http://{pod.address('metrics')}/metrics")).text


async def test_a_start_asks_no_store(stores: Stores, tmp_path: Path) -> None:
    found = await prepare(stores)
    with started(found, tmp_path, **AWAY) as running:
        await have_started(running)
        for pod in running:
            assert (await readiness(pod))[0] == 503, pod.container["name"]
            assert await pod.probe("liveness")


async def test_an_idle_pod_gives_autoscalers_a_sample(stores: Stores, tmp_path: Path) -> None:
    """What autoscaling asks for is there before the first request, also while nothing can be reached."""
    found = await prepare(stores)
    with started(found, tmp_path, **AWAY) as running:
        await have_started(running)
        told = {pod.container["name"]: await metrics(pod) for pod in running}
    for stage in ("guard", "create", "complete"):
        assert f'scoreboard_queue_items{{stage="{stage}"}} 0.0' in told["api"]
    assert "scoreboard_requests_in_flight 0.0" in told["api"]
    for transport in ("socketio", "websocket", "sse"):
        assert f'scoreboard_realtime_connections{{transport="{transport}"}} 0.0' in told["realtime"]
    assert 'scoreboard_fanout_seconds_bucket{le="+Inf"} 0.0' in told["realtime"]
    assert "scoreboard_model_behind_entries 0.0" in told["anticheat-ml"]
