"""Rules over rendered documents: who reaches whom, who may read what, what production does not open."""

from typing import Any

import pytest
import yaml

from charts.generate import profile_values, rendered
from tests.charts.documents import documents, named, of_kind, pods
from tests.charts.test_policy import each_profile, selected


@each_profile
def test_network_policies_begin_by_denying(profile: str) -> None:
    policies = of_kind(profile, "NetworkPolicy")
    if profile == "dev":
        assert not policies
        return
    (deny,) = [each for each in policies if each["metadata"]["name"].endswith("-deny")]
    assert deny["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert not deny["spec"].get("ingress")
    assert not deny["spec"].get("egress")
    covered = {pod.name for pod in selected(profile, deny["spec"]["podSelector"])}
    assert covered == {pod.name for pod in pods(profile)}
    for policy in policies:
        # Migrations have theirs in every mode, so that another one finds it.
        if policy["metadata"]["labels"]["app.kubernetes.io/component"] != "migrate":
            assert selected(profile, policy["spec"]["podSelector"]), policy["metadata"]["name"]
        for rule in policy["spec"].get("egress") or ():
            assert rule.get("to"), "an egress rule without a target allows everything"


@pytest.mark.parametrize(
    ("address", "port"),
    [("http://otel.monitoring:4318", 4318), ("https://traces.example.com/v1/traces", 443), ("http://[fd00::1]", 80)],
)
def test_spans_reach_the_collector_and_nothing_else_is_opened(address: str, port: int) -> None:
    values = profile_values("minimal")
    values["networkPolicy"] = {"enabled": True, "collector": [{"podSelector": {"matchLabels": {"app": "otel"}}}]}
    without = open_ways(values)
    values.setdefault("settings", {})["trace_endpoint"] = address
    added = {name: [way for way in ways if way not in without[name]] for name, ways in open_ways(values).items()}
    way = {"to": values["networkPolicy"]["collector"], "ports": [{"protocol": "TCP", "port": port}]}
    ours = {name: ways for name, ways in added.items() if ways}
    assert ours == {f"scoreboard-{name}": [way] for name in ("api", "realtime", "worker", "anticheat-ml")}


def open_ways(values: dict[str, Any]) -> dict[str, list[Any]]:
    manifests = [each for each in yaml.safe_load_all(rendered(values)) if each]
    policies = [each for each in manifests if each["kind"] == "NetworkPolicy"]
    return {each["metadata"]["name"]: each["spec"].get("egress") or [] for each in policies}


@each_profile
def test_nobody_may_do_everything(profile: str) -> None:
    for document in of_kind(profile, "Role", "ClusterRole"):
        for rule in document["rules"]:
            for key in ("apiGroups", "resources", "verbs"):
                assert "*" not in rule[key]
            assert not {"secrets", "pods/exec", "nodes"} & set(rule["resources"])
            assert not {"delete", "escalate", "bind", "impersonate"} & set(rule["verbs"])


def test_production_is_closed_by_default() -> None:
    for profile in ("minimal", "prod", "ha", "keda", "gateway", "external-db"):
        for name in ("scoreboard-api", "scoreboard-realtime"):
            (container,) = named(profile, "Deployment", name)["spec"]["template"]["spec"]["containers"]
            values = {each["name"]: each.get("value") for each in container["env"]}
            assert values["SCOREBOARD_PUBLIC_DOCS"] == "false"
            assert values["SCOREBOARD_SECURE_COOKIES"] == "true"
            assert values["SCOREBOARD_REQUIRE_SIGNATURES"] == "true"


def test_only_migrations_know_the_owner() -> None:
    for profile in ("minimal", "prod", "dev"):
        for pod in pods(profile):
            told = str(pod.spec)
            owner = "scoreboard-postgres-owner" in told or "owner-password" in told
            assert owner is (pod.labels["app.kubernetes.io/component"] in ("migrate", "postgres")), pod.name


def test_the_hook_needs_nothing_of_the_chart() -> None:
    job = named("prod", "Job", "scoreboard-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "hook-succeeded" not in job["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    spec = job["spec"]["template"]["spec"]
    made = {each["metadata"]["name"] for each in documents("prod")}
    used = {spec["serviceAccountName"], *(volume.get("configMap", {}).get("name") for volume in spec["volumes"])}
    assert not used & made
    assert {"backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"} <= job["spec"].keys()


def test_the_operator_may_read_resources_and_write_their_status() -> None:
    role = named("prod", "Role", "scoreboard-operator")
    allowed = {
        (group, what, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for what in rule["resources"]
        for verb in rule["verbs"]
    }
    kinds = ("boards", "actionkinds", "anticheatpolicies", "seasons")
    wanted = {("scoreboard.dev", kind, verb) for kind in kinds for verb in ("list", "watch", "patch")}
    wanted |= {("scoreboard.dev", f"{kind}/status", "patch") for kind in kinds}
    assert allowed == wanted | {("", "events", "create")}
    assert not named("prod", "Deployment", "scoreboard-operator")["spec"].get("strategy", {}).get("rollingUpdate")
    spec = named("prod", "Deployment", "scoreboard-operator")["spec"]["template"]["spec"]
    assert not any(
        "KEY" in each["name"] or each["name"].endswith("DATABASE_URL") for each in spec["containers"][0]["env"]
    )


@each_profile
def test_labels_tell_whose_it_is(profile: str) -> None:
    for document in documents(profile):
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "scoreboard"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"


def test_polling_is_on_only_where_it_works() -> None:
    def polling(profile: str) -> str:
        (container,) = named(profile, "Deployment", "scoreboard-realtime")["spec"]["template"]["spec"]["containers"]
        values: dict[str, str] = {each["name"]: each.get("value") for each in container["env"]}
        return values["SCOREBOARD_POLLING"]

    assert polling("dev") == "true", "one pod"
    assert polling("prod") == "true", "sticky"
    assert polling("keda") == "false", "several pods, no stickiness"
    assert profile_values("gateway")["stickiness"]["enabled"]
