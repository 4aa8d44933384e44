"""The operator as a process, between an API server and the real API with its worker."""

import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from scoreboard.domain.player import Role
from scoreboard.security.access_token import AccessTokens
from tests.conftest import Running, launch
from tests.declaring import Declares
from tests.issuer import Issuer, IssuerKey
from tests.operator.api_servers import WHY_NONE, ApiServer, emulated, is_there, real
from tests.security.callers import open_caller
from tests.stage import Service, Stores, settings_from, until

CLUSTER = "https://kubernetes.default.svc.cluster.local"
ACCOUNT = "system:serviceaccount:scores:scoreboard-operator"
QUICK = {
    "SCOREBOARD_OPERATOR_TICK": "0.1",
    "SCOREBOARD_OPERATOR_DRIFT_EVERY": "0.5",
    "SCOREBOARD_OPERATOR_WAITING_EVERY": "60",
    "SCOREBOARD_OPERATOR_CONFLICT_EVERY": "0.5",
    "SCOREBOARD_OPERATOR_RETRY_FIRST": "0.1",
    "SCOREBOARD_OPERATOR_RETRY_LONGEST": "0.5",
    "SCOREBOARD_OPERATOR_API_TIMEOUT": "5",
}


@dataclass
class Plane:
    """API and worker as processes that believe the tests' issuer, and an administrator."""

    running: Running
    issuer: Issuer
    admin: Declares

    def token(self, **changes: Any) -> str:
        """A ServiceAccount token as a cluster projects it into the operator's pod."""
        usual = {"iss": CLUSTER, "aud": ["scoreboard-api"], "exp": int(time.time()) + 3600}
        return self.issuer.token(ACCOUNT, **{**usual, **changes})

    def pause_api(self) -> None:
        """It takes connections and answers nothing."""
        assert self.running.api.process is not None
        self.running.api.process.send_signal(signal.SIGSTOP)

    def resume_api(self) -> None:
        assert self.running.api.process is not None
        self.running.api.process.send_signal(signal.SIGCONT)

    async def restore_api(self) -> None:
        """As tests expect to find it, whatever the last one did."""
        assert self.running.api.process is not None
        if self.running.api.process.poll() is None:
            self.resume_api()
        else:
            self.running.api.start()
        await self.running.api.ready(60)


@dataclass
class Operator:
    """The operator's process."""

    service: Service
    token_file: Path
    server: ApiServer

    @property
    def is_running(self) -> bool:
        return self.service.process is not None and self.service.process.poll() is None

    def end(self) -> None:
        if self.is_running:
            self.service.stop(30)

    async def begin(self) -> None:
        self.service.start()
        await self.service.ready(30)

    async def restart(self) -> None:
        """Kill -9, and again."""
        self.service.kill()
        await self.begin()

    async def metric(self, name: str, **labels: str) -> float:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{self.service.url}/metrics")).text
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert found, f"{name} {labels} is not told"
        return sum(found)

    async def rounds(self, outcome: str) -> float:
        """How many rounds have ended so since the process began."""
        return await self.metric("scoreboard_operator_reconciles_total", outcome=outcome)

    async def looks(self, times: int) -> None:
        """Wait until it has looked so often at what stands."""
        begun = await self.rounds("seen")

        async def done() -> bool:
            return await self.rounds("seen") >= begun + times

        await until(done, within=30, what=f"{times} looks")


@pytest_asyncio.fixture(scope="session")
async def plane(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    issuer = Issuer([IssuerKey.make("cluster", "RS256")])
    settings = {
        "SCOREBOARD_OPERATOR_ISSUER": CLUSTER,
        "SCOREBOARD_OPERATOR_JWKS_URL": issuer.url,
        "SCOREBOARD_OPERATOR_SUBJECTS": ACCOUNT,
        "SCOREBOARD_CATALOG_TTL": "0.05",
        "SCOREBOARD_SEASON_CHECK_EVERY": "0.1",
    }
    async for running in launch(stores, tmp_path_factory.mktemp("plane"), **settings):
        tokens = AccessTokens(settings_from(running.environment))
        opened = await open_caller(running.platform, tokens, Role.ADMIN)
        yield Plane(running, issuer, Declares(running.client, opened.headers))
    issuer.close()


@pytest_asyncio.fixture(scope="session", params=["kmock", "real"])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiServer]:
    if request.param == "real" and not is_there():
        pytest.skip(WHY_NONE)
    folder = tmp_path_factory.mktemp("api-server")
    async with emulated(folder) if request.param == "kmock" else real(folder) as made:
        yield made


def operator_for(server: ApiServer, plane: Plane, folder: Path) -> Operator:
    """An operator that is not running yet."""
    token_file = folder / "token"
    token_file.write_text(plane.token(), "ascii")
    environment = {
        **QUICK,
        "KUBECONFIG": str(server.kubeconfig),
        "SCOREBOARD_API_URL": plane.running.api.url,
        "SCOREBOARD_OPERATOR_TOKEN_FILE": str(token_file),
        "SCOREBOARD_OPERATOR_NAMESPACE": server.client.namespace,
    }
    return Operator(Service("operator", environment, folder / "operator.log"), token_file, server)


@pytest_asyncio.fixture(scope="session")
async def one_operator(
    server: ApiServer, plane: Plane, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Operator]:
    made = operator_for(server, plane, tmp_path_factory.mktemp("operator"))
    await made.begin()
    yield made
    made.end()


@pytest_asyncio.fixture
async def operator(one_operator: Operator, plane: Plane) -> AsyncIterator[Operator]:
    """The running operator; what a test made in the cluster is deleted afterwards, whatever state it left behind."""
    yield one_operator
    await plane.restore_api()
    if not one_operator.is_running:
        await one_operator.begin()
    await one_operator.server.client.clear()
