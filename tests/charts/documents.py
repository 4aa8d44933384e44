"""The chart as its documents: rendered once for each profile, with the few questions that tests ask of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from charts.generate import CRDS, PROFILES, profile_values, rendered

Document = dict[str, Any]
TEMPLATED = ("Deployment", "StatefulSet", "Job")


@cache
def text_of(profile: str) -> str:
    """All manifests of a profile as one text; ``crds`` is the other chart."""
    return rendered({}, CRDS, "scoreboard-crds") if profile == "crds" else rendered(profile_values(profile))


@cache
def documents(profile: str) -> tuple[Document, ...]:
    """All manifests of a profile."""
    return tuple(each for each in yaml.safe_load_all(text_of(profile)) if each)


def everything() -> Iterator[tuple[str, Document]]:
    """Every document of every profile, with the profile's name."""
    for profile in (*PROFILES, "crds"):
        for document in documents(profile):
            yield profile, document


def of_kind(profile: str, *kinds: str) -> list[Document]:
    """Documents of these kinds."""
    return [each for each in documents(profile) if each["kind"] in kinds]


def named(profile: str, kind: str, name: str) -> Document:
    """The one document of this kind and name."""
    (found,) = [each for each in of_kind(profile, kind) if each["metadata"]["name"] == name]
    return found


@dataclass(frozen=True)
class PodTemplate:
    """What pods are made of, and the object that makes them."""

    owner: Document
    labels: dict[str, str]
    spec: Document

    @property
    def name(self) -> str:
        return f"{self.owner['kind']}/{self.owner['metadata']['name']}"

    @property
    def containers(self) -> list[Document]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pods(profile: str) -> list[PodTemplate]:
    """Every pod template of a profile, the test pods included."""
    return pods_among(documents(profile))


def pods_among(manifests: Iterable[Document]) -> list[PodTemplate]:
    """Every pod template among these documents."""
    found = []
    for each in manifests:
        if each["kind"] in TEMPLATED:
            template = each["spec"]["template"]
            found.append(PodTemplate(each, template["metadata"]["labels"], template["spec"]))
        elif each["kind"] == "Pod":
            found.append(PodTemplate(each, each["metadata"]["labels"], each["spec"]))
    return found


def component_of(templates: Iterable[PodTemplate], name: str) -> PodTemplate:
    """The one pod template of a component."""
    (found,) = [pod for pod in templates if pod.labels["app.kubernetes.io/component"] == name]
    return found
