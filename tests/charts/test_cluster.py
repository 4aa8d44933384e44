"""Against a real API server, where SCOREBOARD_TEST_KUBECONFIG points to one that may be used: nothing is kept on it.

A variable of its own, so that nobody's cluster is touched because KUBECONFIG happens to be set.
"""

import os
import shutil
import subprocess

import pytest
import yaml

from charts.generate import PROFILES
from tests.charts.documents import text_of
from tests.charts.test_crds import REFUSED, resource
from tests.charts.test_schemas import FOREIGN

CONFIG = os.environ.get("SCOREBOARD_TEST_KUBECONFIG")


def dry_run(text: str, namespace: str = "default") -> subprocess.CompletedProcess[str]:
    kubectl = shutil.which("kubectl")
    if CONFIG is None:
        pytest.skip("no API server: SCOREBOARD_TEST_KUBECONFIG names the kubeconfig of one that tests may use")
    if kubectl is None:
        pytest.skip("kubectl is not here")
    command = [
        kubectl,
        "--kubeconfig",
        CONFIG,
        "--namespace",
        namespace,
        "apply",
        "--dry-run=server",
        "--filename",
        "-",
    ]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_the_definitions_are_taken() -> None:
    """Structure and the cost of the rules, which only an API server knows."""
    done = dry_run(text_of("crds"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_the_documents_are_taken(profile: str) -> None:
    known = [each for each in yaml.safe_load_all(text_of(profile)) if each and each["kind"] not in FOREIGN]
    done = dry_run(yaml.safe_dump_all(known))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("kind", "spec", "words"), REFUSED)
def test_wrong_resources_are_refused(kind: str, spec: dict[str, object], words: str) -> None:
    """Needs the definitions installed; the words are the API server's own where the schema refuses."""
    done = dry_run(yaml.safe_dump(resource(kind, **spec)))
    if "no matches for kind" in done.stderr:
        pytest.skip("scoreboard-crds is not installed on this API server")
    assert done.returncode != 0
