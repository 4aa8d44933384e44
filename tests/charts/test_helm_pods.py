"""The pods of ``helm test``: two pass right after an installation, four where a board to score on is named."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from charts.generate import profile_values, rendered
from tests.charts.documents import PodTemplate, pods, pods_among
from tests.charts.stores_of_a_cluster import Found, prepare
from tests.charts.test_kubelet import furnished, made_from, migrated, template
from tests.charts.test_values import merged
from tests.stage import Stores

pytestmark = pytest.mark.timeout(300)
SERVICES = {"api": ("http", 80), "realtime": ("http", 80), "worker": ("", 0), "anticheat-ml": ("", 0)}
ALWAYS = ("health", "metrics")
NAMES = (*ALWAYS, "round-trip", "broadcast")
SCORING = merged(profile_values("minimal"), {"tests": {"board": "main", "kind": "tap"}})


def pods_of_helm(scoring: bool) -> dict[str, PodTemplate]:
    """The rendered test pods by what they look at."""
    known = pods_among(each for each in yaml.safe_load_all(rendered(SCORING)) if each) if scoring else pods("minimal")
    return {pod.spec["containers"][0]["name"]: pod for pod in known if pod.owner["kind"] == "Pod"}


@pytest_asyncio.fixture(scope="module")
async def release(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Found]:
    """A release with production's values, every action signed. Nothing is declared; Services lead to its pods."""
    folder = tmp_path_factory.mktemp("release")
    found = await prepare(stores)
    await migrated("minimal", found, folder)
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


@pytest.mark.parametrize("name", ALWAYS)
async def test_a_release_passes_right_after_its_installation(release: Found, name: str, tmp_path: Path) -> None:
    pod = made_from(release, pods_of_helm(scoring=False)[name], tmp_path).start()
    assert await pod.finished(within=60) == 0, pod.output


async def test_a_board_that_is_not_declared_yet_is_named(release: Found, tmp_path: Path) -> None:
    pod = made_from(release, pods_of_helm(scoring=True)["round-trip"], tmp_path).start()
    assert await pod.finished(within=60) != 0
    assert "begin an action of kind tap" in pod.output


@pytest_asyncio.fixture(scope="module")
async def declared(release: Found) -> Found:
    """The same with boards and kinds."""
    await furnished(release)
    return release


@pytest.mark.parametrize("name", NAMES)
async def test_a_running_release_passes(declared: Found, name: str, tmp_path: Path) -> None:
    pod = made_from(declared, pods_of_helm(scoring=True)[name], tmp_path).start()
    assert await pod.finished(within=60) == 0, pod.output


@pytest.mark.parametrize("name", NAMES)
async def test_a_release_that_is_not_there_fails_in_words(release: Found, name: str, tmp_path: Path) -> None:
    nowhere = dict.fromkeys(release.services, "127.0.0.1:1")
    pod = made_from(replace(release, services=nowhere), pods_of_helm(scoring=True)[name], tmp_path).start()
    assert await pod.finished(within=60) != 0
    assert "refused" in pod.output


def test_they_are_hooks_that_tidy_up() -> None:
    assert pods_of_helm(scoring=False).keys() == set(ALWAYS)
    assert pods_of_helm(scoring=True).keys() == set(NAMES)
    for each in (pod.owner for pod in pods_of_helm(scoring=True).values()):
        assert each["metadata"]["annotations"]["helm.sh/hook"] == "test"
        assert "hook-succeeded" in each["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
        assert each["spec"]["restartPolicy"] == "Never"
        assert each["spec"]["activeDeadlineSeconds"] <= 300
