"""What single values lead to: stopped, spread, stickiness, migrations, who is let in, KEDA's arithmetic."""

import math
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from charts.generate import CHART, NAMESPACE, PROFILES, RELEASE, profile_values, rendered
from tests.charts.documents import Document, named, of_kind, pods_among
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


def notes(profile: str, values: dict[str, Any]) -> str:
    """What Helm says after an installation."""
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(merged(profile_values(profile), values), name=RELEASE, namespace=NAMESPACE)
    (found,) = [text for path, text in texts.items() if path.endswith("NOTES.txt")]
    return str(found)


@pytest.mark.parametrize("profile", ["prod", "ha", "gateway"])
def test_an_open_door_beside_the_proxy_is_told(profile: str) -> None:
    """Whoever reaches the API past the proxy writes the address that limits go by."""
    assert "Careful" not in notes(profile, {})
    assert "networkPolicy.clients is empty" in notes(profile, {"networkPolicy": {"clients": []}})
    assert "Careful" not in notes(profile, {"networkPolicy": {"clients": [], "enabled": False}})


def test_the_notes_tell_how_it_stands() -> None:
    assert "stopped=false" in notes("minimal", {"stopped": True})
    assert "rollout status" not in notes("minimal", {"stopped": True})
    assert "68 connections" in notes("minimal", {})
    assert "helm test" not in notes("minimal", {"tests": {"enabled": False}})
    assert "a broadcast" in notes("dev", {})


@pytest.mark.parametrize("profile", PROFILES)
def test_names_are_resolved_where_each_node_has_a_cache(profile: str) -> None:
    """NodeLocal DNSCache is in the node's network: to a policy it is an address and no pod."""
    for policy in of_kind(profile, "NetworkPolicy"):
        for rule in policy["spec"].get("egress") or ():
            if 53 in {port["port"] for port in rule.get("ports", ())}:
                assert {"ipBlock": {"cidr": "169.254.20.10/32"}} in rule["to"]
                assert {"namespaceSelector": {}} in rule["to"]


def test_production_names_everybody_it_speaks_with() -> None:
    """Nothing of the profile that is for production may go anywhere or be reached from anywhere."""
    for policy in of_kind("prod", "NetworkPolicy"):
        told = str(policy["spec"])
        assert "0.0.0.0/0" not in told, policy["metadata"]["name"]
        rules = policy["spec"].get("ingress") or ()
        assert all(rule.get("from") and {"namespaceSelector": {}} not in rule["from"] for rule in rules)


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
