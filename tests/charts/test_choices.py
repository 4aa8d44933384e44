"""What single values lead to: stopped, spread, stickiness, migrations, the chart's own database, KEDA's arithmetic."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.generate import CHART, PROFILES, profile_values, rendered
from scoreboard.settings import Settings
from tests.charts.documents import Document, component_of, named, of_kind, pods_among
from tests.charts.test_values import merged
from tests.observability.promtool import PROMTOOL, needs_promtool, run

OURS = {"api", "realtime", "worker", "anticheat-ml", "operator"}
HOOK = {"helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy"}


def made(profile: str, values: dict[str, Any] | None = None) -> list[Document]:
    """All documents of a profile with more values."""
    return [each for each in yaml.safe_load_all(rendered(merged(profile_values(profile), values or {}))) if each]


def kinds(documents: list[Document], *wanted: str) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in documents if each["kind"] in wanted}


def annotations(document: Document) -> dict[str, str]:
    found: dict[str, str] = document["metadata"].get("annotations", {})
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_stopped_nothing_of_ours_runs_and_nothing_starts_it_again(profile: str) -> None:
    running, stopped = made(profile), made(profile, {"stopped": True})
    deployments = kinds(stopped, "Deployment")
    assert deployments.keys() == kinds(running, "Deployment").keys()
    assert {each["spec"]["replicas"] for each in deployments.values()} == {0}
    assert not kinds(stopped, "HorizontalPodAutoscaler", "Job")
    for scaler in kinds(stopped, "ScaledObject").values():
        assert annotations(scaler)["autoscaling.keda.sh/paused-replicas"] == "0"
    # What is asked for otherwise stays as it was, the database most of all.
    gone = {("HorizontalPodAutoscaler", name) for name in kinds(running, "HorizontalPodAutoscaler")}
    gone |= {("Job", name) for name in kinds(running, "Job")}
    gone |= {("NetworkPolicy", name) for name in kinds(running, "NetworkPolicy") if name.endswith("-migrate-hook")}
    names = [{(each["kind"], each["metadata"]["name"]) for each in each_side} for each_side in (running, stopped)]
    assert names[0] - names[1] == gone
    assert not names[1] - names[0]
    for kind in ("Cluster", "StatefulSet", "Service", "Secret", "PersistentVolumeClaim"):
        assert kinds(running, kind) == kinds(stopped, kind)


def test_a_keda_that_is_not_stopped_is_not_paused() -> None:
    assert all("paused" not in str(annotations(each)) for each in of_kind("keda", "ScaledObject"))


@pytest.mark.parametrize("profile", PROFILES)
def test_no_node_that_takes_nothing_holds_a_roll_out_up(profile: str) -> None:
    for deployment in of_kind(profile, "Deployment"):
        spread = deployment["spec"]["template"]["spec"].get("topologySpreadConstraints", ())
        by_key = {each["topologyKey"]: each for each in spread}
        for each in spread:
            assert each["nodeTaintsPolicy"] == "Honor"
            assert each["matchLabelKeys"] == ["pod-template-hash"]
            assert "pod-template-hash" not in each["labelSelector"]["matchLabels"]
        if by_key:
            assert by_key["kubernetes.io/hostname"]["whenUnsatisfiable"] == "ScheduleAnyway"
    zone = named("ha", "Deployment", "scoreboard-api")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert {each["whenUnsatisfiable"] for each in zone if "zone" in each["topologyKey"]} == {"DoNotSchedule"}


@pytest.mark.parametrize(
    ("controller", "kind", "annotation"),
    [
        ("haproxy", "Service", "haproxy.org/cookie-persistence"),
        ("traefik", "Service", "traefik.ingress.kubernetes.io/service.sticky.cookie.name"),
        ("nginx", "Ingress", "nginx.ingress.kubernetes.io/session-cookie-name"),
    ],
)
def test_a_cookie_is_asked_for_where_the_controller_reads_it(controller: str, kind: str, annotation: str) -> None:
    documents = made("prod", {"ingress": {"controller": controller}})
    for where in ("Service", "Ingress"):
        found = {name: annotations(each).get(annotation) for name, each in kinds(documents, where).items()}
        told = {"scoreboard-realtime": "scoreboard_pod"} if where == kind else {}
        assert {name: value for name, value in found.items() if value} == told
    assert "timeout-tunnel" not in rendered(profile_values("prod")), "haproxy reads it in its ConfigMap only"


@pytest.mark.parametrize("mode", ["hook", "job", "initContainer", "none"])
def test_a_migration_finds_its_network_policy(mode: str) -> None:
    """Of this release and not of the one before: another mode, port or address must not hold the hook up."""
    values = {"migrations": {"mode": mode}, "postgres": {"port": 6543}}
    policies = kinds(made("minimal", values), "NetworkPolicy")
    assert "scoreboard-migrate" in policies
    assert not annotations(policies["scoreboard-migrate"])
    assert ("scoreboard-migrate-hook" in policies) is (mode == "hook")
    if mode == "hook":
        job = kinds(made("minimal", values), "Job")["scoreboard-migrate"]
        own = policies["scoreboard-migrate-hook"]
        assert own["spec"] == policies["scoreboard-migrate"]["spec"]
        assert annotations(own).keys() >= HOOK
        assert annotations(own)["helm.sh/hook"] == annotations(job)["helm.sh/hook"]
        assert int(annotations(own)["helm.sh/hook-weight"]) < int(annotations(job)["helm.sh/hook-weight"])
        assert (
            own["spec"]["podSelector"]["matchLabels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
        )
        assert 6543 in {port["port"] for rule in own["spec"]["egress"] for port in rule["ports"]}


@pytest.mark.parametrize(
    "values",
    [
        {"commonLabels": {"team": "scores"}},
        {"image": {"pullSecrets": ["registry"]}},
        {"image": {"tag": "0.2.0"}},
        {"podSecurityContext": {"runAsUser": 12345}},
        {"migrations": {"seed": True}},
        {"migrations": {"resources": {"limits": {"memory": "1Gi"}}}},
        {"postgres": {"owner": {"urlKey": "uri"}}},
    ],
    ids=str,
)
def test_another_template_is_another_job(values: dict[str, Any]) -> None:
    """The template of a Job cannot be changed, so an upgrade with the same name would fail."""
    before, after = (
        kinds(made("minimal", merged({"migrations": {"mode": "job"}}, more)), "Job") for more in ({}, values)
    )
    ((old_name, old),), ((new_name, new),) = before.items(), after.items()
    assert old["spec"]["template"] != new["spec"]["template"]
    assert old_name != new_name


def test_what_is_not_in_the_template_leaves_the_job_as_it_is() -> None:
    values = {"migrations": {"mode": "job"}}
    changed = merged(values, {"migrations": {"backoffLimit": 9}, "api": {"replicas": 5}})
    assert kinds(made("minimal", values), "Job").keys() == kinds(made("minimal", changed), "Job").keys()


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


def test_names_stay_texts() -> None:
    """A Secret may be called 123."""
    values = {
        "keys": {"existingSecret": "123"},
        "postgres": {"existingSecret": "1e3", "urlKey": "0", "owner": {"existingSecret": "456"}},
        "redis": {"existingSecret": "789"},
        "image": {"pullSecrets": ["12"]},
        "ingress": {"enabled": True, "className": "1", "hosts": ["1.5"], "tlsSecret": "77"},
        "stickiness": {"cookieName": "1"},
    }
    documents = made("prod", values)

    def look(found: Any) -> None:
        if isinstance(found, dict):
            for key, value in found.items():
                if key in ("name", "key", "secretName", "host", "ingressClassName") and not isinstance(value, dict):
                    assert isinstance(value, str), found
                look(value)
        elif isinstance(found, list):
            for value in found:
                look(value)

    look(documents)
    assert {"123", "1e3", "789"} <= {
        each["valueFrom"]["secretKeyRef"]["name"]
        for pod in pods_among(documents)
        for container in pod.containers
        for each in container.get("env", ())
        if "valueFrom" in each
    }


@pytest.mark.parametrize("named_by_value", [False, True])
def test_only_a_named_board_is_scored_on(named_by_value: bool) -> None:
    values = {"tests": {"board": "main", "kind": "tap"}} if named_by_value else {}
    found = {name.removeprefix("scoreboard-test-") for name in kinds(made("prod", values), "Pod")}
    assert found == {"health", "metrics"} | ({"round-trip", "broadcast"} if named_by_value else set())


@needs_promtool
@pytest.mark.parametrize(
    ("slowest", "wanted"),
    [((0.1, 0.1, 0.1), 6), ((0.05, 0.05, 0.05), 3), ((0.1, 0.1, None), 4), ((0.01, 0.01, 0.01), 1)],
    ids=["twice the target doubles", "at the target stays", "one sends nothing", "far below shrinks"],
)
def test_keda_scales_realtime_as_the_autoscaler_does(
    slowest: tuple[float | None, ...], wanted: int, tmp_path: Path
) -> None:
    """KEDA wants value ÷ threshold pods; a HorizontalPodAutoscaler wants pods × average ÷ target: the same number."""
    (trigger,) = [
        each["metadata"]
        for each in named("keda", "ScaledObject", "scoreboard-realtime")["spec"]["triggers"]
        if "fanout" in each["metadata"].get("query", "")
    ]
    told: dict[str, str] = {}
    for number, seconds in enumerate(slowest):
        pod = f'namespace="scores",pod="scoreboard-realtime-{number}"'
        for bound in ("0", "0.01", "0.05", "0.1", "+Inf"):
            # All observations lie at the upper end of one bucket, so that the quantile is 99 % of its width.
            grows = seconds is not None and float(bound) >= seconds
            told[f'scoreboard_fanout_seconds_bucket{{{pod},le="{bound}"}}'] = f"0+{600 if grows else 0}x10"
    edges = {0.01: 0.0, 0.05: 0.01, 0.1: 0.05}
    expected = sum(edges[each] + 0.99 * (each - edges[each]) for each in slowest if each is not None)
    case = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in told.items()],
                "promql_expr_test": [
                    {
                        "expr": f"round({trigger['query']}, 1e-6)",
                        "eval_time": "8m",
                        "exp_samples": [{"labels": "{}", "value": round(expected, 6)}],
                    }
                ],
            }
        ],
    }
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(case), "utf-8")
    done = run(PROMTOOL, "test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "metricType" not in trigger, "a fallback of KEDA knows averages only"
    assert math.ceil(expected / float(trigger["threshold"])) == wanted
