"""The process kubelet itself: what is missing is noticed, variables resolve as Kubernetes resolves them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from charts.generate import PROFILES
from tests.charts.documents import pods
from tests.charts.kubelet import ANY_ADDRESS, Pod
from tests.charts.test_kubelet import SERVICES, template

pytestmark = pytest.mark.timeout(300)


def test_a_secret_that_is_missing_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="CreateContainerConfigError"):
        Pod({}, template("minimal", "api").containers[0], tmp_path, {})


def test_the_kubelet_resolves_as_kubernetes_does(tmp_path: Path) -> None:
    container = {
        "name": "x",
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "B", "value": "postgresql://u:$(A)@db:5432/x"},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "gone", "optional": True}}},
            {"name": "D", "value": "$(LATER) $(A)"},
            {"name": "E", "value": ANY_ADDRESS},
        ],
    }
    pod = Pod({}, container, tmp_path, {"s": {"k": "v"}}, {"db:5432": "127.0.0.1:777"})
    assert pod.environment == {
        "A": "v",
        "B": "postgresql://u:v@127.0.0.1:777/x",
        "D": "$(LATER) v",
        "E": pod.ip,
    }


def test_every_component_is_looked_at() -> None:
    def components(profile: str) -> Iterator[str]:
        for pod in pods(profile):
            yield pod.labels["app.kubernetes.io/component"]

    here = {*SERVICES, "migrate", "postgres", "redis"}
    elsewhere = {"operator", "test"}  # a test above, test_helm_pods
    assert {name for profile in PROFILES for name in components(profile)} == here | elsewhere
