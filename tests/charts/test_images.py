"""The images: what their Dockerfiles must say, and, where they are built, a hardened run of each."""

import asyncio
import json
import re
import secrets
import shutil
import subprocess
import time
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil
import pytest
import pytest_asyncio
import yaml

from charts.generate import CHART, CHARTS
from tests.charts.documents import named
from tests.charts.kubelet import Pod
from tests.charts.stores_of_a_cluster import Found, prepare
from tests.charts.test_kubelet import furnished, made_from, migrated, template
from tests.operator.api_servers import emulated
from tests.stage import Stores, until

ROOT = CHARTS.parent
SERVICES = ("api", "realtime", "worker", "anticheat-ml", "operator")
LARGEST = {"anticheat-ml": 600, "api": 350, "realtime": 350, "worker": 350, "operator": 350}  # MB
START = 3.0  # seconds until it answers
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["appVersion"]
each_service = pytest.mark.parametrize("service", SERVICES)


def dockerfile(service: str) -> str:
    return (ROOT / "services" / service / "Dockerfile").read_text("utf-8").replace("\\\n", " ")


def final_stage(service: str) -> str:
    return re.split(r"^FROM .*$", dockerfile(service), flags=re.MULTILINE)[-1]


def test_every_service_has_one() -> None:
    packages = {path.name for path in (ROOT / "services").iterdir() if any(path.glob("scoreboard_*/__main__.py"))}
    assert packages == set(SERVICES)
    assert all((ROOT / "services" / name / "Dockerfile").is_file() for name in packages)


def shape(service: str) -> list[str]:
    """A Dockerfile without what is this service's own: its name, extras, ports, words."""
    text = dockerfile(service).split("Build from the repository's root", 1)[1]
    text = re.sub(r"(--extra [a-z-]+ *)+", "--extra OWN", text)
    text = re.sub(r'image\.description="[^"]*"', "image.description=OWN", text)
    text = re.sub(r"^EXPOSE .*$", "EXPOSE OWN", text, flags=re.MULTILINE)
    # scikit-learn and scipy bring their tests along: a quarter of that image.
    text = re.sub(r" && find \S+ -type d -name tests .*? \+\s", " ", text)
    package = f"scoreboard_{service.replace('-', '_')}"
    for own in (package, f"scoreboard-{service}", f"services/{service}"):
        text = text.replace(own, "OWN")
    return [" ".join(line.split()) for line in text.splitlines()]


def test_they_differ_in_what_is_their_own() -> None:
    """One Dockerfile a service, each complete in itself; nothing but this keeps five of them alike."""
    services = sorted(path.parent.name for path in (ROOT / "services").glob("*/Dockerfile"))
    assert set(services) == set(SERVICES)
    for service in services:
        assert shape(service) == shape("worker"), service


@each_service
def test_stages_base_and_user(service: str) -> None:
    text, last = dockerfile(service), final_stage(service)
    assert re.findall(r"^FROM (.+)$", text, re.MULTILINE) == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", text, re.MULTILINE)
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-[a-z]+", base)
    assert not re.search(r"^(RUN|ADD)\b", last, re.MULTILINE), "the final stage only takes what was made before"
    user = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["podSecurityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in last
    assert "STOPSIGNAL SIGTERM" in last
    assert "dev.scoreboard.sbom" in last
    assert not re.search(r"gcc|build-essential", text)
    installed = re.findall(r"apt-get install -y -qq --no-install-recommends (.+?) >/dev/null", text)
    assert installed == ["binutils"], "what strips libraries; the stage it is in is thrown away"
    assert text.count("apt-get install") == 1
    assert "compileall" in text, "a read-only root cannot keep bytecode"
    assert "PYTHONPYCACHEPREFIX=/opt/scoreboard/bytecode" in last, "where it was put"


@each_service
def test_it_runs_what_the_chart_runs(service: str) -> None:
    last = final_stage(service)
    profile = "prod" if service == "operator" else "minimal"
    (container,) = named(profile, "Deployment", f"scoreboard-{service}")["spec"]["template"]["spec"]["containers"]
    (command,) = re.findall(r"^CMD (.+)$", last, re.MULTILINE)
    assert json.loads(command) == container["command"]
    (ports,) = re.findall(r"^EXPOSE (.+)$", last, re.MULTILINE)
    assert ports.split() == [str(port["containerPort"]) for port in container["ports"]]
    assert "ENTRYPOINT" not in last


@each_service
def test_it_installs_its_own_extra_from_the_lock(service: str) -> None:
    text = dockerfile(service)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    asked = re.findall(r"--extra ([a-z-]+)", text)
    assert asked == ([service, "commands"] if service == "api" else [service])
    assert set(asked) <= extras.keys()
    assert text.count("constraints requirements.lock") >= 3
    assert f"COPY services/{service} services/{service}" in text, "no other service's code"


def test_the_context_holds_only_what_images_are_made_of() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert lines[1] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert allowed == {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", "src", "services"}


# --- Built images ---------------------------------------------------------------------------------------------------


class Engine:
    """podman, or docker where an engine answers."""

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def run(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [*self._command, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{arguments}: {done.stderr}"
        return done

    @classmethod
    def found(cls) -> "Engine | None":
        """The first that works here."""
        if shutil.which("podman"):
            runc = shutil.which("runc")
            return cls(["podman", *(["--runtime", runc, "--cgroup-manager", "cgroupfs"] if runc else [])])
        docker = shutil.which("docker")
        if docker and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0:
            return cls([docker])
        return None


# What the chart's securityContext means, said to an engine. The limits are those that an engine may always set.
HARDENED = [
    *("--network", "host", "--read-only", "--tmpfs", "/tmp:rw,size=64m", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--user", "10001:10001"),
    *("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1000:1000"),
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    found = Engine.found()
    if found is None:
        pytest.skip("neither podman nor a docker engine is here")
    return found


@pytest.fixture
def image(engine: Engine, request: pytest.FixtureRequest) -> str:
    name = f"scoreboard-{request.getfixturevalue('service')}:{VERSION}"
    if engine.run("image", "inspect", name, check=False).returncode != 0:
        pytest.skip("the image is not built: make images (the base image has to be within reach)")
    return name


@each_service
def test_size_user_and_content(engine: Engine, image: str, service: str) -> None:
    (told,) = json.loads(engine.run("image", "inspect", image).stdout)
    assert told["Size"] / 1e6 < LARGEST[service]
    assert told["Config"]["User"] == "10001:10001"
    labels = told["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"scoreboard-{service}"
    script = f"""
        id -u
        for tool in cc gcc g++ clang make; do command -v $tool && echo "found $tool"; done
        touch /opt/scoreboard/x 2>/dev/null && echo writable
        python -c "import json; print(len(json.load(open('{labels["dev.scoreboard.sbom"]}'))['components']))"
        find "$PYTHONPYCACHEPREFIX" -name '__main__*.pyc' -path '*scoreboard_*' | wc -l
        find "$PYTHONPYCACHEPREFIX" -name 'base_events*.pyc' -path '*/asyncio/*' | wc -l
        cd /opt/scoreboard/lib/python*/site-packages && echo scoreboard_*
    """
    said = engine.run("run", "--rm", *HARDENED, image, "sh", "-c", script).stdout.split("\n")
    user, components, compiled, library, packages = (line.strip() for line in said[:5])
    assert user == "10001", said
    assert int(components) > 10
    assert int(compiled) >= 1, "bytecode is compiled when the image is built: a read-only root cannot keep it"
    assert int(library) == 1, "the standard library's too: the base image comes without"
    assert set(packages.split()) == {"scoreboard_cli", f"scoreboard_{service.replace('-', '_')}"}


@pytest_asyncio.fixture(scope="module")
async def cluster(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Found]:
    folder = tmp_path_factory.mktemp("images")
    found = await prepare(stores)
    await migrated("minimal", found, folder)
    await furnished(found)
    yield found


@asynccontextmanager
async def prepared(service: str, cluster: Found, folder: Path) -> AsyncIterator[tuple[Pod, list[str]]]:
    """The service's pod, and options that stand for its volumes; the operator's come with an API server."""
    if service != "operator":
        yield made_from(cluster, template("minimal", service), folder), []
        return
    given = folder / "given"
    given.mkdir()
    pod = made_from(cluster, template("prod", service), folder)
    async with emulated(given):
        (given / "token").write_text("unused", "ascii")
        for path in (given, *given.iterdir()):
            path.chmod(0o755)
        pod.environment |= {"KUBECONFIG": "/given/kubeconfig", "SCOREBOARD_OPERATOR_TOKEN_FILE": "/given/token"}
        yield pod, ["--volume", f"{given}:/given:ro"]


def started(engine: Engine, image: str, pod: Pod, command: list[str], volumes: list[str]) -> str:
    """The container's id, running with the pod's environment."""
    name = f"scoreboard-test-{secrets.token_hex(4)}"
    variables = [word for key, value in pod.environment.items() for word in ("--env", f"{key}={value}")]
    engine.run("run", "--detach", "--name", name, *HARDENED, *volumes, *variables, image, *command)
    return name


@each_service
@pytest.mark.timeout(180)
async def test_a_hardened_container_boots_answers_and_leaves(
    engine: Engine, image: str, service: str, cluster: Found, tmp_path: Path
) -> None:
    async with prepared(service, cluster, tmp_path) as (pod, volumes):
        await boots_answers_and_leaves(engine, image, pod, volumes)


async def boots_answers_and_leaves(engine: Engine, image: str, pod: Pod, volumes: list[str]) -> None:
    began = time.monotonic()
    name = started(engine, image, pod, pod.container["command"], volumes)
    try:
        await until(lambda: pod.probe("liveness"), within=30, every=0.05, what="liveness")
        seconds = time.monotonic() - began
        await until(lambda: pod.probe("readiness"), within=30, every=0.05, what="readiness")
        # Where others use the machine too, its own work tells what the clock cannot.
        assert seconds < START or worked(engine, name) < START, f"{image} took {seconds:.1f} s to start"
        async with httpx.AsyncClient() as client:
            assert "scoreboard_" in (await client.get(f"http://{pod.address('metrics')}/metrics")).text
        told: dict[str, Any] = json.loads(engine.run("inspect", name).stdout)[0]
        assert told["HostConfig"]["ReadonlyRootfs"] is True
        ended = await asyncio.to_thread(engine.run, "stop", "--time", "30", name)
        assert ended.returncode == 0
        (state,) = json.loads(engine.run("inspect", name).stdout)
        assert state["State"]["ExitCode"] in (0, 143), "PID 1 heard SIGTERM and finished"
    except AssertionError as error:
        raise AssertionError(f"{error}\n{engine.run('logs', name, check=False).stdout[-3000:]}") from error
    finally:
        engine.run("rm", "--force", name, check=False)


@pytest.mark.parametrize("service", ["api"])
async def test_the_platform_is_administered_from_the_apis_image(
    engine: Engine, image: str, service: str, cluster: Found, tmp_path: Path
) -> None:
    """What docs/operations.md runs by kubectl exec, in a container as closed as the pod's."""
    pod = made_from(cluster, template("minimal", "api"), tmp_path)
    variables = [word for key, value in pod.environment.items() for word in ("--env", f"{key}={value}")]

    def scoreboard(*words: str, stdin: str = "") -> str:
        return engine.run(
            "run", "--rm", "--interactive", *HARDENED, *variables, image, "scoreboard", *words, stdin=stdin
        ).stdout

    made = await asyncio.to_thread(
        scoreboard, "create-admin", "ada", "--password-stdin", stdin="correct horse battery\n"
    )
    assert "ada is an administrator" in made
    assert "rebuilt" in await asyncio.to_thread(scoreboard, "rebuild", "main")
    assert await asyncio.to_thread(scoreboard, "audit", "verify")


def worked(engine: Engine, name: str) -> float:
    """Seconds of CPU that the container's process has used."""
    (told,) = json.loads(engine.run("inspect", name).stdout)
    used = psutil.Process(told["State"]["Pid"]).cpu_times()
    return used.user + used.system
