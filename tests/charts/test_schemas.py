"""Every document obeys the strict schema of every Kubernetes release that the chart supports."""

from functools import cache

import kubernetes_validate
import kubernetes_validate.utils as schemas
import pytest

from tests.charts.documents import everything

VERSIONS = ("1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36")
# Kinds of other projects, which Kubernetes has no schema for; the golden files hold their form.
FOREIGN = {"HTTPRoute", "ScaledObject", "PodMonitor", "PrometheusRule", "Cluster"}


@pytest.fixture(scope="module", autouse=True)
def _read_once() -> None:
    """The library reads its files, megabytes of them, again for every document."""
    if not hasattr(schemas.schema_contents, "cache_info"):
        schemas.schema_contents = cache(schemas.schema_contents)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_obeys_the_strict_schema(version: str) -> None:
    seen = set()
    for profile, document in everything():
        if document["kind"] in FOREIGN or str(document) in seen:
            continue
        seen.add(str(document))
        try:
            used = kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            raise AssertionError(f"{profile}: {document['kind']} {document['metadata']['name']}: {error}") from error
        assert used.startswith(version)
    assert len(seen) > 80


def test_a_key_that_does_not_exist_would_be_seen() -> None:
    _, document = next(pair for pair in everything() if pair[1]["kind"] == "Deployment")
    bent = {**document, "spec": {**document["spec"], "replicaz": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(bent, "1.31", strict=True)


def test_only_kinds_of_other_projects_are_left_out() -> None:
    groups = {document["apiVersion"].split("/")[0] for _, document in everything() if document["kind"] in FOREIGN}
    assert groups == {"gateway.networking.k8s.io", "keda.sh", "monitoring.coreos.com", "postgresql.cnpg.io"}
