"""What must hold of every rendered document, whatever the profile."""

import math
import re
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from charts.generate import PROFILES, profile_values, rendered
from scoreboard import telemetry
from scoreboard.settings import Settings
from tests.charts.documents import PodTemplate, named, of_kind, pods

ALL_PODS = [(profile, pod) for profile in PROFILES for pod in pods(profile)]
OURS = ("api", "realtime", "worker", "anticheat-ml", "operator")
each_pod = pytest.mark.parametrize(("profile", "pod"), ALL_PODS, ids=lambda each: getattr(each, "name", each))
each_profile = pytest.mark.parametrize("profile", PROFILES)


def selected(profile: str, selector: dict[str, Any]) -> list[PodTemplate]:
    wanted = selector.get("matchLabels", selector)
    return [pod for pod in pods(profile) if wanted.items() <= pod.labels.items()]


@each_pod
def test_pods_pass_the_restricted_standard(profile: str, pod: PodTemplate) -> None:
    security = pod.spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"]["type"] == "RuntimeDefault"
    for key in ("hostNetwork", "hostPID", "hostIPC", "hostUsers"):
        assert key not in pod.spec
    assert {next(iter(volume.keys() - {"name"})) for volume in pod.spec.get("volumes", ())} <= {
        *("emptyDir", "configMap", "projected", "secret", "persistentVolumeClaim")
    }
    for container in pod.containers:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert not own.get("privileged")
        assert all("hostPort" not in port for port in container.get("ports", ()))


@each_pod
def test_containers_say_what_they_need(profile: str, pod: PodTemplate) -> None:
    for container in pod.containers:
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), pod.name
        assert "memory" in container["resources"]["limits"], pod.name
        assert all(volume.get("emptyDir", {"sizeLimit": 1}).get("sizeLimit") for volume in pod.spec.get("volumes", ()))
        mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
        claims = {each["metadata"]["name"] for each in pod.owner["spec"].get("volumeClaimTemplates", ())}
        assert mounted <= {volume["name"] for volume in pod.spec.get("volumes", ())} | claims


@each_pod
def test_images_have_a_tag_that_stays(profile: str, pod: PodTemplate) -> None:
    for container in pod.containers:
        assert re.search(r"(:[^:/]+|@sha256:[0-9a-f]{64})$", container["image"]), container["image"]
        assert not container["image"].endswith(":latest")


@each_pod
def test_no_variable_comes_from_the_neighbourhood(profile: str, pod: PodTemplate) -> None:
    """A service link of scoreboard-api would set SCOREBOARD_API_PORT to tcp://…, and the API would not start."""
    assert pod.spec["enableServiceLinks"] is False
    for container in pod.containers:
        names = [each["name"] for each in container.get("env", ())]
        assert len(names) == len(set(names)), f"{pod.name} is given a variable twice"
        assert "envFrom" not in container


@each_pod
def test_only_the_operator_has_a_token_of_the_cluster(profile: str, pod: PodTemplate) -> None:
    assert pod.spec["automountServiceAccountToken"] is (pod.labels["app.kubernetes.io/component"] == "operator")


@pytest.mark.parametrize("keys_at", ["", "https://oidc.example.com/keys"])
def test_the_api_reads_the_clusters_keys_where_there_is_an_operator(keys_at: str) -> None:
    """At the API server with a token of its own that no role is bound to; at a public address with none."""
    values = profile_values("minimal")
    values["operator"] = {"enabled": True, "tokenKeysUrl": keys_at, "tokenIssuer": "https://oidc.example.com"}
    manifests = [each for each in yaml.safe_load_all(rendered(values)) if each]
    [api] = [each for each in manifests if each["kind"] == "Deployment" and each["metadata"]["name"].endswith("-api")]
    spec = api["spec"]["template"]["spec"]
    [container] = spec["containers"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables["SCOREBOARD_OPERATOR_ISSUER"] == "https://oidc.example.com"
    assert variables["SCOREBOARD_OPERATOR_JWKS_URL"] == (keys_at or "https://kubernetes.default.svc/openid/v1/jwks")
    [operator] = [
        each for each in manifests if each["kind"] == "ServiceAccount" and "operator" in each["metadata"]["name"]
    ]
    account = f"system:serviceaccount:scores:{operator['metadata']['name']}"
    assert variables["SCOREBOARD_OPERATOR_SUBJECTS"] == account
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert ("cluster" in volumes) == ("cluster" in mounts) == (not keys_at)
    if not keys_at:
        paths = {f"{mounts['cluster']}/{name}" for name in ("ca.crt", "token")}
        assert {variables["SCOREBOARD_OPERATOR_CA_FILE"], variables["SCOREBOARD_OPERATOR_JWKS_TOKEN_FILE"]} == paths
        sources = volumes["cluster"]["projected"]["sources"]
        assert sources[0]["serviceAccountToken"]["expirationSeconds"] == 3600
    bound = [each for each in manifests if each["kind"].endswith("RoleBinding")]
    assert all("-api" not in str(each["subjects"]) for each in bound)


@each_profile
def test_the_chart_makes_no_secret_and_puts_none_elsewhere(profile: str) -> None:
    assert not of_kind(profile, "Secret")
    for document in of_kind(profile, "ConfigMap"):
        assert not re.search(r"(?i)(password|key|token|url)\W{1,4}[a-z0-9+/]{12,}", str(document["data"])), document[
            "data"
        ]
    for pod in pods(profile):
        for container in pod.containers:
            for each in container.get("env", ()):
                secret = re.search(r"PASSWORD|_KEY$|DATABASE_URL|REDIS_URL", each["name"])
                if secret and "value" in each:
                    assert "$(" in each["value"] or "@" not in each["value"], each


@each_profile
def test_selectors_find_pods_and_ports_exist(profile: str) -> None:
    for service in of_kind(profile, "Service"):
        found = selected(profile, service["spec"]["selector"])
        assert found, service["metadata"]["name"]
        for pod in found:
            names = {port["name"] for container in pod.containers for port in container.get("ports", ())}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    for budget in of_kind(profile, "PodDisruptionBudget"):
        assert selected(profile, budget["spec"]["selector"]), budget["metadata"]["name"]
    for workload in of_kind(profile, "Deployment", "StatefulSet"):
        assert (
            workload["spec"]["selector"]["matchLabels"].items()
            <= workload["spec"]["template"]["metadata"]["labels"].items()
        )
    selectors = [str(each["spec"]["selector"]) for each in of_kind(profile, "Deployment", "StatefulSet")]
    assert len(selectors) == len(set(selectors))


@each_profile
def test_routes_lead_to_ports_for_people_only(profile: str) -> None:
    services = {each["metadata"]["name"]: each for each in of_kind(profile, "Service")}
    leads = []
    for ingress in of_kind(profile, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                target = path["backend"]["service"]
                leads.append((path["path"], target["name"]))
                assert target["port"] == {"name": "http"}
                assert "http" in {port["name"] for port in services[target["name"]]["spec"]["ports"]}
    for route in of_kind(profile, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                leads += [(match["path"]["value"], backend["name"]) for match in rule["matches"]]
                ports = {port["port"]: port["name"] for port in services[backend["name"]]["spec"]["ports"]}
                assert ports[backend["port"]] == "http"
    for path, service in leads:
        assert service.endswith("-api" if path == "/" else "-realtime")
    if leads:
        assert {path for path, _ in leads} == {"/", "/socket.io", "/api/v1/ws", "/api/v1/live"}


@each_profile
def test_probes_are_three_different_questions(profile: str) -> None:
    for deployment in of_kind(profile, "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        ports = {port["name"] for port in container.get("ports", ())}
        paths = [container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")]
        assert len(set(paths)) == 3
        assert all(
            container[f"{name}Probe"]["httpGet"]["port"] in ports for name in ("startup", "readiness", "liveness")
        )
        liveness = container["livenessProbe"]
        assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 30, "a slow minute must not restart it"


@each_profile
def test_a_pod_has_time_to_leave(profile: str) -> None:
    farewell = math.ceil(Settings.model_fields["trace_farewell"].default)
    needs = {
        **{"api": 15 + farewell, "realtime": 23 + farewell, "worker": 10 + farewell},
        **{"anticheat-ml": 10 + farewell, "operator": 5},
    }
    for deployment in of_kind(profile, "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        pause = int(container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])[1])
        assert spec["terminationGracePeriodSeconds"] >= pause + needs[container["name"]] + 2
        if container["name"] in ("api", "realtime"):
            assert pause >= 3, "balancers need a moment to learn that it leaves"
            assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@each_profile
def test_every_component_has_its_objects(profile: str) -> None:
    for deployment in of_kind(profile, "Deployment"):
        name = deployment["metadata"]["name"]
        budget = named(profile, "PodDisruptionBudget", name)["spec"]
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        assert budget["maxUnavailable"] == 1, "a node could not be drained"
        assert named(profile, "Service", name)
        assert named(profile, "ServiceAccount", name)["automountServiceAccountToken"] is False
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == name
        scalers = [
            each
            for each in of_kind(profile, "HorizontalPodAutoscaler", "ScaledObject")
            if each["spec"]["scaleTargetRef"]["name"] == name
        ]
        assert len(scalers) <= 1, "two autoscalers would fight"
        assert ("replicas" in deployment["spec"]) is not bool(scalers)


def test_realtime_shrinks_slowly() -> None:
    for profile, kind in (("prod", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")):
        spec = named(profile, kind, "scoreboard-realtime")["spec"]
        behavior = spec.get("behavior") or spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behavior["scaleDown"] == {
            "stabilizationWindowSeconds": 600,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
        }


@each_profile
def test_metrics_that_scale_exist(profile: str) -> None:
    known = {each.name for each in REGISTRY.collect()}
    assert telemetry.QUEUE_ITEMS._name in known
    for scaler in of_kind(profile, "ScaledObject"):
        for trigger in scaler["spec"]["triggers"]:
            if trigger["type"] == "prometheus":
                used = set(re.findall(r"scoreboard_[a-z_]+(?=[{\[])", trigger["metadata"]["query"]))
                assert used
                assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in used} <= known
                assert "$" not in trigger["metadata"]["query"]
