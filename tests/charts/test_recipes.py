"""The k8s folder, skaffold and the commands of the documents: what can be run on a bare machine is run."""

import base64
import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from charts.generate import CHART, CHARTS, PROFILES, profile_values, rendered
from tests.charts.documents import component_of, named, of_kind, pods_among
from tests.charts.kubelet import Pod
from tests.charts.stores_of_a_cluster import Found, prepare
from tests.charts.test_kubelet import furnished, migrated
from tests.charts.test_policy import test_containers_say_what_they_need as containers_say_what_they_need
from tests.charts.test_policy import test_pods_pass_the_restricted_standard as pods_pass_the_restricted_standard
from tests.charts.test_values import merged
from tests.stage import Stores, until

ROOT = CHARTS.parent
SKAFFOLD = yaml.safe_load((ROOT / "skaffold.yaml").read_text("utf-8"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
SERVICES = ("api", "realtime", "worker", "anticheat-ml", "operator")


def made_secrets() -> dict[str, dict[str, str]]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    done = subprocess.run(["sh", str(ROOT / "k8s" / "dev-secrets.sh"), "scores"], capture_output=True, check=True)
    documents = [each for each in yaml.safe_load_all(done.stdout) if each["kind"] == "Secret"]
    assert {each["metadata"]["namespace"] for each in documents} == {"scores"}
    return {
        each["metadata"]["name"]: {name: base64.b64decode(value).decode() for name, value in each["data"].items()}
        for each in documents
    }


def test_the_script_makes_secrets_that_the_platform_takes() -> None:
    secrets = made_secrets()
    keys = secrets["scoreboard-keys"]
    key = load_pem_private_key(keys["signing-key"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert len(base64.b64decode(keys["master-key"], validate=True)) == 32
    dev = profile_values("dev")
    assert dev["keys"]["existingSecret"] == "scoreboard-keys"
    assert secrets.keys() == {"scoreboard-keys", dev["dev"]["postgres"]["existingSecret"]}
    for password in secrets["scoreboard-dev-postgres"].values():
        assert re.fullmatch(r"[0-9a-f]{48}", password), "it becomes part of a URL as it is"
    assert made_secrets() != secrets


def test_plain_manifests_are_what_kustomize_takes() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not here")
    overlay = ROOT / "k8s" / "kustomize" / "overlays" / "example"
    done = subprocess.run([kubectl, "kustomize", str(overlay)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    documents = list(yaml.safe_load_all(done.stdout))
    assert {each["metadata"].get("namespace") for each in documents} == {"scores"}
    images = {container["image"] for pod in pods_among(documents) for container in pod.containers}
    assert all(image.startswith("registry.example.com/") for image in images)
    api = component_of(pods_among(documents), "api")
    assert api.owner["spec"]["replicas"] == 3
    assert {"name": "SCOREBOARD_LOG_LEVEL", "value": "warning"} in api.spec["containers"][0]["env"]
    assert not any("helm.sh/hook" in str(each) for each in documents)


def test_plain_manifests_with_the_operator_bring_all_that_it_needs() -> None:
    folder = ROOT / "k8s" / "kustomize" / "with-operator"
    assert yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"] == ["manifests.yaml"]
    found = [each for each in yaml.safe_load_all((folder / "manifests.yaml").read_text("utf-8")) if each]
    assert sum(each["kind"] == "CustomResourceDefinition" for each in found) == 4
    assert {"Role", "RoleBinding"} <= {each["kind"] for each in found}
    account = component_of(pods_among(found), "operator").spec["serviceAccountName"]
    api = {each["name"]: each.get("value") for each in component_of(pods_among(found), "api").containers[0]["env"]}
    assert api["SCOREBOARD_OPERATOR_SUBJECTS"] == f"system:serviceaccount:scores:{account}"


def test_adapter_rules_serve_every_metric_that_autoscalers_ask_for() -> None:
    rules = yaml.safe_load((ROOT / "k8s" / "prometheus-adapter.yaml").read_text("utf-8"))["rules"]["custom"]
    served = {rule["name"]["as"] for rule in rules}
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    asked = {
        metric["name"]
        for part in values.values()
        if isinstance(part, dict) and "autoscaling" in part
        for metric in part["autoscaling"]["metrics"]
    }
    assert served == asked
    hpa = {
        metric["pods"]["metric"]["name"]
        for profile in PROFILES
        for scaler in of_kind(profile, "HorizontalPodAutoscaler")
        for metric in scaler["spec"]["metrics"]
        if metric["type"] == "Pods"
    }
    assert hpa <= served


def test_skaffold_builds_what_the_chart_runs() -> None:
    artifacts = {each["image"]: each["docker"]["dockerfile"] for each in SKAFFOLD["build"]["artifacts"]}
    assert artifacts == {f"scoreboard-{name}": f"services/{name}/Dockerfile" for name in SERVICES}
    assert all((ROOT / path).is_file() for path in artifacts.values())
    definitions, release = SKAFFOLD["deploy"]["helm"]["releases"]
    assert (ROOT / definitions["chartPath"] / "templates" / "board.yaml").is_file()
    assert (ROOT / release["valuesFiles"][0]).is_file()
    told = {key.split(".")[0] for key in release["setValueTemplates"]}
    assert told == {"api", "realtime", "worker", "anticheatMl", "operator"}
    for key in release["setValueTemplates"]:
        merged_with = merged(profile_values("dev"), nested(key, "x"))
        assert rendered(merged_with)
    assert {each["name"] for each in SKAFFOLD["profiles"]} == {"dev", "prod", "ci"}
    assert {each["resourceName"] for each in SKAFFOLD["portForward"]} <= {
        each["metadata"]["name"] for each in of_kind("dev", "Service")
    }


def test_the_ci_profile_brings_what_it_installs_needs_and_tests_it() -> None:
    """On an empty cluster: namespace and Secrets first, helm test last. Patches change single keys, as JSON Patch."""
    (ci,) = [each for each in SKAFFOLD["profiles"] if each["name"] == "ci"]
    assert not {"deploy", "build", "portForward"} & ci.keys(), "a part given here takes the place of the whole one"
    found = copy.deepcopy(SKAFFOLD)
    for patch in ci["patches"]:
        *parents, last = patch["path"].strip("/").split("/")
        place = found
        for name in parents:
            place = place[name]
        assert patch["op"] == "add"
        assert last not in place
        place[last] = patch["value"]
    hooks = found["deploy"]["helm"]["hooks"]
    (before,) = hooks["before"]
    assert os.access(ROOT / before["host"]["command"][0], os.X_OK)
    (after,) = hooks["after"]
    assert after["host"]["command"][:3] == ["helm", "test", found["deploy"]["helm"]["releases"][1]["name"]]
    assert found["build"]["local"] == {"push": False, "useBuildkit": True, "concurrency": 1}


CREATED = "namespace/scores created\nsecret/scoreboard-keys created\n"
THERE = 'Error from server (AlreadyExists): error when creating "STDIN": namespaces "scores" already exists\n'
REFUSED = 'Error from server (Forbidden): error when creating "STDIN": secrets is forbidden\n'
UNREACHABLE = "The connection to the server localhost:8080 was refused - did you specify the right host or port?\n"


@pytest.mark.parametrize(
    ("answer", "code", "expected"),
    [
        (CREATED, 0, 0),
        (THERE, 1, 0),
        (CREATED + THERE, 1, 0),
        (THERE + REFUSED, 1, 1),
        (UNREACHABLE, 1, 1),
    ],
    ids=["nothing there", "all there", "some there", "refused", "no cluster"],
)
def test_preparing_a_namespace_hides_no_fault(answer: str, code: int, expected: int, tmp_path: Path) -> None:
    """With a kubectl that answers so; what it is given are the script's documents."""
    made_secrets()
    (tmp_path / "answer").write_text(answer, "utf-8")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\ncat > {tmp_path}/given\ncat {tmp_path}/answer >&2\nexit {code}\n", "utf-8")
    kubectl.chmod(0o755)
    script = ROOT / "k8s" / "dev-prepare.sh"
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(script), "scores"], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == expected, done.stderr
    assert {each["kind"] for each in yaml.safe_load_all((tmp_path / "given").read_text())} == {"Namespace", "Secret"}
    wrong = "".join(line for line in answer.splitlines(keepends=True) if line in (REFUSED, UNREACHABLE))
    assert done.stderr == wrong


def test_the_probe_is_let_in_and_belongs_to_nobody() -> None:
    """It passes the restricted standard of the namespace, and no policy of the chart takes it for one of ours."""
    (probe,) = pods_among([yaml.safe_load((ROOT / "k8s" / "probe.yaml").read_text("utf-8"))])
    pods_pass_the_restricted_standard("probe", probe)
    containers_say_what_they_need("probe", probe)
    deny = named("minimal", "NetworkPolicy", "scoreboard-deny")["spec"]["podSelector"]["matchLabels"]
    assert not deny.items() <= probe.labels.items()
    (address,) = [word for word in probe.containers[0]["command"] if word.startswith("http")]
    service = named("minimal", "Service", "scoreboard-worker")
    assert address == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}/metrics"


def nested(path: str, value: Any) -> dict[str, Any]:
    for part in reversed(path.split(".")):
        value = {part: value}
    return value  # type: ignore[no-any-return]


async def test_changed_code_is_run_anew(stores: Stores, tmp_path: Path) -> None:
    """What skaffold's file sync leads to: the pod's copy of the code changes, the process begins anew with it."""
    values = merged(profile_values("minimal"), {"dev": {"sync": {"enabled": True}}})
    documents = [each for each in yaml.safe_load_all(rendered(values)) if each]
    found: Found = await prepare(stores)
    await migrated("minimal", found, tmp_path)
    await furnished(found)
    api = component_of(pods_among(documents), "api")
    sync = tmp_path / "sync"
    sync.mkdir()

    def mounted(container: dict[str, Any]) -> dict[str, Any]:
        """The container with its volume at a folder of ours."""
        return yaml.safe_load(yaml.safe_dump(container).replace("/sync", str(sync)))  # type: ignore[no-any-return]

    (copy,) = [each for each in api.spec["initContainers"] if each["name"] == "copy-code"]
    assert await Pod(api.spec, mounted(copy), tmp_path, found.secrets).start().finished() == 0
    pod = Pod(api.spec, mounted(api.spec["containers"][0]), tmp_path, found.secrets).start()
    try:
        await pod.started()
        module = sync / "scoreboard_api" / "__main__.py"
        module.write_text(module.read_text("utf-8") + "\n# changed\n", "utf-8")
        main = sync / "scoreboard_api" / "__init__.py"
        main.write_text(main.read_text("utf-8") + "\nimport sys\n\nprint('begun anew', file=sys.stderr)\n", "utf-8")
        await until(lambda: "begun anew" in pod.output, within=30, what="the process beginning anew")
        await pod.started()
        assert (await pod.stop()).killed is False
    finally:
        pod.end()


def commands_of(text: str) -> list[str]:
    blocks = re.findall(r"```(?:sh)?\n(.*?)```", text, re.DOTALL)
    joined = "\n".join(blocks).replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def test_commands_of_the_document_name_what_there_is() -> None:
    """Files, make targets, subcommands and values in docs/operations.md exist."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = commands_of(OPERATIONS)
    assert len(found) > 20
    for command in found:
        for path in re.findall(r"(?<![\w/.-])((?:charts|k8s|docs)/[\w./-]+)", command):
            assert (ROOT / path).exists(), command
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), command
        for key in re.findall(r"--set(?:-string)? ([\w.]+)=", command):
            known: Any = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
            for part in key.split(".")[:-1]:
                known = known[part]
            assert key.split(".")[-1] in known or key.split(".")[-2] == "settings", command


@pytest.mark.parametrize("command", sorted({each for each in commands_of(OPERATIONS) if " -- scoreboard " in each}))
def test_commands_in_pods_exist(command: str) -> None:
    """What is run in a pod by kubectl exec is a command of the image."""
    words = command.split(" -- scoreboard ", 1)[1].split()
    depth = 2 if words[0] in ("audit", "models") else 1
    help_of = ["scoreboard", *words[:depth], "--help"]
    done = subprocess.run(help_of, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    for option in (word for word in words[depth:] if word.startswith("--")):
        assert option in done.stdout, command


def test_commands_that_make_keys_run(tmp_path: Path) -> None:
    ran = 0
    for command in commands_of(OPERATIONS):
        if command.startswith("openssl "):
            done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            ran += 1
    assert ran >= 2


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
