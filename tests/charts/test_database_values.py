"""Postgres by values: connections for every pod, and the chart's own CloudNativePG cluster with backup and restore."""

import pytest
import yaml

from charts.generate import CHART
from scoreboard.settings import Settings
from tests.charts.documents import Document, component_of, pods_among
from tests.charts.test_choices import annotations, kinds, made


def most_connections(documents: list[Document], maxima: dict[str, int], pool: int) -> int:
    """Pods at most, twice while they are rolled, each with its pool."""
    pods = 0
    for name, deployment in kinds(documents, "Deployment").items():
        component = name.removeprefix("scoreboard-")
        if component != "operator":
            pods += maxima.get(component, deployment["spec"].get("replicas", 0))
    return pods * 2 * pool


@pytest.mark.parametrize("pool", [None, 9])
def test_the_charts_own_database_lets_every_pod_in(pool: int | None) -> None:
    documents = made("ha", {"settings": {"database_pool_size": pool}} if pool else {})
    maxima = {
        name.removeprefix("scoreboard-"): each["spec"]["maxReplicas"]
        for name, each in kinds(documents, "HorizontalPodAutoscaler").items()
    }
    (cluster,) = kinds(documents, "Cluster").values()
    usual = int(Settings.model_fields["database_pool_size"].default)
    needed = most_connections(documents, maxima, pool or usual)
    assert int(cluster["spec"]["postgresql"]["parameters"]["max_connections"]) >= needed + 20
    postgres = component_of(pods_among(made("dev")), "postgres").containers[0]
    assert "max_connections=100" in postgres["args"]


@pytest.mark.parametrize(("instances", "waits"), [(1, False), (2, False), (3, True), (5, True)])
def test_an_answered_score_survives_the_loss_of_the_primary(instances: int, waits: bool) -> None:
    """With two instances one that is away would stop all writes, which costs more than it guards."""
    (cluster,) = kinds(made("ha", {"postgres": {"cnpg": {"instances": instances}}}), "Cluster").values()
    synchronous = cluster["spec"]["postgresql"].get("synchronous")
    assert synchronous == ({"method": "any", "number": 1} if waits else None)


def test_a_team_can_add_to_its_cluster_and_restore_it() -> None:
    """Backup and resources are merged in; a restored copy has another name, and everybody finds it."""
    recovery = {"source": "before", "database": "scoreboard", "owner": "scoreboard"}
    spec = {
        "bootstrap": {"recovery": recovery},
        "externalClusters": [{"name": "before"}],
        "postgresql": {"parameters": {"work_mem": "16MB"}},
    }
    documents = made("ha", {"postgres": {"cnpg": {"name": "scoreboard-db-2", "spec": spec}}})
    (cluster,) = kinds(documents, "Cluster").values()
    assert cluster["metadata"]["name"] == "scoreboard-db-2"
    assert annotations(cluster)["helm.sh/resource-policy"] == "keep"
    assert cluster["spec"]["bootstrap"] == {"recovery": recovery}, "CloudNativePG takes one way to begin only"
    assert cluster["spec"]["postgresql"]["parameters"]["log_error_verbosity"] == "terse"
    assert cluster["spec"]["postgresql"]["parameters"]["work_mem"] == "16MB"
    assert cluster["spec"]["resources"]["limits"] == {"memory": "4Gi"}
    api = component_of(pods_among(documents), "api")
    (url,) = [each["value"] for each in api.spec["containers"][0]["env"] if each["name"] == "DATABASE_URL"]
    assert url == "postgresql://scoreboard_service:$(DATABASE_PASSWORD)@scoreboard-db-2-rw:5432/scoreboard"
    assert "scoreboard-db-2-app" in str(api.spec["initContainers"])
    assert "scoreboard-db-rw" not in str(documents)
    assert "scoreboard-db-app" not in str(documents)


def test_the_files_of_a_backup_fit_each_other() -> None:
    """The ObjectStore that the profile archives into, and a restore from what the first Cluster put there."""
    folder = CHART.parents[1] / "k8s"
    store, schedule = yaml.safe_load_all((folder / "cnpg-backup.yaml").read_text("utf-8"))
    (first,) = kinds(made("ha"), "Cluster").values()
    (plugin,) = first["spec"]["plugins"]
    assert plugin["isWALArchiver"] is True
    assert plugin["parameters"]["barmanObjectName"] == store["metadata"]["name"]
    assert schedule["spec"]["cluster"]["name"] == first["metadata"]["name"]
    assert schedule["spec"]["pluginConfiguration"]["name"] == plugin["name"]
    restore = yaml.safe_load((folder / "cnpg-restore-values.yaml").read_text("utf-8"))
    documents = made("ha", restore)
    assert {each["spec"]["replicas"] for each in kinds(documents, "Deployment").values()} == {0}
    (second,) = kinds(documents, "Cluster").values()
    assert second["metadata"]["name"] != first["metadata"]["name"], "its log would go into the archive of the first"
    (source,) = second["spec"]["externalClusters"]
    assert second["spec"]["bootstrap"]["recovery"]["source"] == source["name"]
    assert source["plugin"]["parameters"] == {
        "barmanObjectName": store["metadata"]["name"],
        "serverName": first["metadata"]["name"],
    }
    (api,) = [
        each for name, each in kinds(made("ha", {**restore, "stopped": False}), "Deployment").items() if "-api" in name
    ]
    assert "scoreboard-db-2-rw" in str(api)


def test_a_password_is_rotated_by_a_second_login() -> None:
    """First both logins are there and pods use the new one, then the old one goes."""
    old = {"name": "scoreboard_service", "existingSecret": "scoreboard-service-login", "ensure": "present"}
    new = {"serviceLogin": "scoreboard_service_2", "serviceLoginSecret": "scoreboard-service-login-2"}
    documents = made("ha", {"postgres": {"cnpg": {**new, "otherLogins": [old]}}})
    (cluster,) = kinds(documents, "Cluster").values()
    roles = {each["name"]: each for each in cluster["spec"]["managed"]["roles"]}
    for name, secret in (("scoreboard_service", "scoreboard-service-login"), tuple(new.values())):
        assert roles[name]["inRoles"] == ["scoreboard_writer"]
        assert (roles[name]["ensure"], roles[name]["login"]) == ("present", True)
        assert roles[name]["passwordSecret"] == {"name": secret}
    for pod in pods_among(documents):
        for container in pod.spec["containers"]:
            told = {each["name"]: each for each in container.get("env", ())}
            if "DATABASE_URL" in told:
                assert told["DATABASE_URL"]["value"].startswith("postgresql://scoreboard_service_2:$(")
                assert told["DATABASE_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "scoreboard-service-login-2"
    gone = {"name": "scoreboard_service", "ensure": "absent"}
    (cluster,) = kinds(made("ha", {"postgres": {"cnpg": {**new, "otherLogins": [gone]}}}), "Cluster").values()
    assert gone in cluster["spec"]["managed"]["roles"]
