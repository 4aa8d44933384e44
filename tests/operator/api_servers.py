"""The API servers that the operator is tried against: kmock always, a real one where one is pointed to.

A real one is named by SCOREBOARD_TEST_KUBECONFIG (a variable of its own, so that nobody's cluster is touched because
KUBECONFIG happens to be set; its user has to be an administrator), or made from the binaries of envtest that
TEST_ASSET_KUBE_APISERVER and TEST_ASSET_ETCD name. There the operator has a token of a ServiceAccount with the chart's
own Role, so a right that is missing fails the tests; all is made in a namespace that is deleted in the end.
"""

import asyncio
import os
import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import kmock
import kopf
import yaml
from aiohttp.test_utils import RawTestServer
from aiohttp.web import Server, ServerRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from scoreboard_operator.handlers import kopf_settings
from scoreboard_operator.settings import OperatorSettings
from tests.charts.documents import documents, of_kind
from tests.operator.cluster_client import ClusterClient
from tests.operator.emulator import Emulator
from tests.stage import free_port, until

NAMED, APISERVER, ETCD = "SCOREBOARD_TEST_KUBECONFIG", "TEST_ASSET_KUBE_APISERVER", "TEST_ASSET_ETCD"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
WHY_NONE = f"no API server: {NAMED} names none, nor do {APISERVER} and {ETCD} name the binaries of one"


class _Quick(RawTestServer):
    """Ends without waiting for watches, which never end by themselves."""

    async def _make_runner(self, **options: Any) -> ServerRunner:
        return ServerRunner(Server(self._handler, **options), shutdown_timeout=0.2)


@dataclass
class ApiServer:
    """An API server with a namespace of the test's own, and a kubeconfig for the operator."""

    client: ClusterClient
    kubeconfig: Path
    emulator: Emulator | None = None
    serving: kmock.Server | None = None

    async def go_away(self) -> None:
        """Nobody listens any more (kmock only)."""
        assert self.serving is not None
        await self.serving.__aexit__(None, None, None)

    async def come_back(self) -> None:
        """At the same address, with all that was there."""
        assert self.serving is not None
        await self.serving.__aenter__()


@asynccontextmanager
async def emulated(folder: Path, *, defined: bool = True, namespace: str = "scores") -> AsyncIterator[ApiServer]:
    """kmock, empty."""
    async with Emulator() as emulator, kmock.Server(emulator, port=free_port(), server_cls=_Quick) as server:
        if defined:
            emulator.define()
        url = str(server.url).rstrip("/")
        config = kubeconfig(folder / "kubeconfig", {"server": url}, {"token": "unchecked"})
        async with httpx.AsyncClient(base_url=url, timeout=15) as http:
            yield ApiServer(ClusterClient(http, namespace), config, emulator, server)


def kubeconfig(path: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    """A kubeconfig of one context."""
    path.write_text(
        yaml.safe_dump(
            {
                **{"apiVersion": "v1", "kind": "Config", "current-context": "it"},
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [{"name": "it", "cluster": cluster}],
                "users": [{"name": "it", "user": user}],
            }
        ),
        "utf-8",
    )
    return path


def is_there() -> bool:
    """Whether a real one is pointed to."""
    return bool(os.environ.get(NAMED) or (os.environ.get(APISERVER) and os.environ.get(ETCD)))


@asynccontextmanager
async def real(folder: Path) -> AsyncIterator[ApiServer]:
    """A real API server, with the definitions installed and a namespace that is deleted in the end."""
    if os.environ.get(NAMED):
        async with _furnished(Path(os.environ[NAMED]), folder) as server:
            yield server
        return
    async with _own(folder) as config, _furnished(config, folder) as server:
        yield server


@asynccontextmanager
async def _furnished(config: Path, folder: Path) -> AsyncIterator[ApiServer]:
    info = _credentials(config)
    namespace = f"scoreboard-test-{secrets.token_hex(4)}"
    async with httpx.AsyncClient(
        base_url=str(info.server), headers=info.as_http_headers(), verify=info.as_ssl_context(), timeout=30
    ) as http:
        for each in documents("crds"):
            await _apply(http, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", each)
        await _apply(http, "/api/v1/namespaces", _object("v1", "Namespace", namespace))
        base = f"/api/v1/namespaces/{namespace}"
        try:
            account = "scoreboard-operator"
            await _apply(http, f"{base}/serviceaccounts", {**_object("v1", "ServiceAccount", account)})
            rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
            (role,), (binding,) = of_kind("prod", "Role"), of_kind("prod", "RoleBinding")
            await _apply(http, f"{rbac}/roles", role)
            subjects = [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]
            await _apply(http, f"{rbac}/rolebindings", {**binding, "subjects": subjects})
            asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
            reply = await http.post(f"{base}/serviceaccounts/{account}/token", json=asked)
            assert reply.status_code == 201, reply.text
            cluster = {"server": info.server, "certificate-authority-data": info.ca_data} | (
                {"insecure-skip-tls-verify": True} if info.insecure else {}
            )
            known = {name: value for name, value in cluster.items() if value}
            own = kubeconfig(folder / "operator-kubeconfig", known, {"token": reply.json()["status"]["token"]})
            yield ApiServer(ClusterClient(http, namespace), own)
        finally:
            await http.delete(f"/api/v1/namespaces/{namespace}")


def _credentials(config: Path) -> kopf.ConnectionInfo:
    before = os.environ.get("KUBECONFIG")
    os.environ["KUBECONFIG"] = str(config)
    try:
        settings = OperatorSettings(api_url="http://unused", operator_token_file=Path("unused"))
        found = kopf.login_with_kubeconfig(settings=kopf_settings(settings))
    finally:
        os.environ.pop("KUBECONFIG")
        os.environ |= {"KUBECONFIG": before} if before else {}
    assert found is not None
    return found


def _object(version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


async def _apply(http: httpx.AsyncClient, collection: str, document: dict[str, Any]) -> None:
    """Server-side apply."""
    kept = {**document, "metadata": {key: value for key, value in document["metadata"].items() if key != "namespace"}}
    query = {"fieldManager": "scoreboard-tests", "force": "true"}
    address = f"{collection}/{document['metadata']['name']}"
    reply = await http.patch(address, params=query, content=yaml.safe_dump(kept), headers=APPLY)
    assert reply.status_code in (200, 201), reply.text


@asynccontextmanager
async def _own(folder: Path) -> AsyncIterator[Path]:
    """An etcd and a kube-apiserver from the binaries of envtest, as envtest starts them, with RBAC on."""
    store, peers, port = free_port(), free_port(), free_port()
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n', "utf-8")
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "accounts.pem").write_bytes(key)
    etcd = [
        os.environ[ETCD],
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{store}",
        f"--advertise-client-urls=http://127.0.0.1:{store}",
        f"--listen-peer-urls=http://127.0.0.1:{peers}",
        "--unsafe-no-fsync",
    ]
    server = [
        os.environ[APISERVER],
        f"--etcd-servers=http://127.0.0.1:{store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--service-account-issuer=https://127.0.0.1:{port}",
        f"--service-account-key-file={folder / 'accounts.pem'}",
        f"--service-account-signing-key-file={folder / 'accounts.pem'}",
        "--disable-admission-plugins=ServiceAccount",
    ]
    processes: list[subprocess.Popen[bytes]] = []
    with (folder / "api-server.log").open("wb") as log:
        try:
            processes.extend(subprocess.Popen(command, stdout=log, stderr=log) for command in (etcd, server))
            url = f"https://127.0.0.1:{port}"
            config = kubeconfig(
                folder / "admin-kubeconfig", {"server": url, "insecure-skip-tls-verify": True}, {"token": token}
            )
            await until(lambda: _answers(config), within=60, every=0.5, what="the API server")
            yield config
        finally:
            for process in reversed(processes):
                process.terminate()
                await asyncio.to_thread(process.wait, 30)


async def _answers(config: Path) -> bool:
    info = _credentials(config)
    try:
        async with httpx.AsyncClient(
            base_url=str(info.server), headers=info.as_http_headers(), verify=info.as_ssl_context()
        ) as http:
            return (await http.get("/readyz")).status_code == 200
    except httpx.HTTPError:
        return False
