"""The four pods of ``helm test`` against a release that runs, and one that does not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.charts.documents import of_kind, pods
from tests.charts.stores_of_a_cluster import Found, prepare
from tests.charts.test_kubelet import furnished, made_from, migrated, template
from tests.stage import Stores

pytestmark = pytest.mark.timeout(300)
SERVICES = {"api": ("http", 80), "realtime": ("http", 80), "worker": ("", 0), "anticheat-ml": ("", 0)}
NAMES = ("health", "round-trip", "broadcast", "metrics")


@pytest_asyncio.fixture(scope="module")
async def release(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Found]:
    """A running release with production's values: every action must be signed. Its Services lead to its pods."""
    folder = tmp_path_factory.mktemp("release")
    found = await prepare(stores)
    await migrated("minimal", found, folder)
    await furnished(found)
    running = {name: made_from(found, template("minimal", name), folder).start() for name in SERVICES}
    try:
        await asyncio.gather(*(pod.started() for pod in running.values()))
        services = {f"scoreboard-{name}:9090": pod.address("metrics") for name, pod in running.items()}
        for name, (port, number) in SERVICES.items():
            if port:
                services[f"scoreboard-{name}:{number}"] = running[name].address(port)
        yield replace(found, services=services)
    finally:
        await asyncio.gather(*(pod.stop() for pod in running.values()))


@pytest.mark.parametrize("name", NAMES)
async def test_a_running_release_passes(release: Found, name: str, tmp_path: Path) -> None:
    (one,) = [pod for pod in pods("minimal") if pod.name.endswith(f"-test-{name}")]
    pod = made_from(release, one, tmp_path).start()
    assert await pod.finished(within=60) == 0, pod.output


@pytest.mark.parametrize("name", NAMES)
async def test_a_release_that_is_not_there_fails_in_words(release: Found, name: str, tmp_path: Path) -> None:
    (one,) = [pod for pod in pods("minimal") if pod.name.endswith(f"-test-{name}")]
    nowhere = dict.fromkeys(release.services, "127.0.0.1:1")
    pod = made_from(replace(release, services=nowhere), one, tmp_path).start()
    assert await pod.finished(within=60) != 0
    assert "refused" in pod.output


def test_they_are_hooks_that_tidy_up() -> None:
    found = of_kind("minimal", "Pod")
    assert len(found) == len(NAMES)
    for each in found:
        assert each["metadata"]["annotations"]["helm.sh/hook"] == "test"
        assert "hook-succeeded" in each["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
        assert each["spec"]["restartPolicy"] == "Never"
        assert each["spec"]["activeDeadlineSeconds"] <= 300
