"""The operator comes in by its ServiceAccount's token: to the admin's endpoints as platform-config, nowhere else."""

import base64
import hashlib
import hmac
import json
import re
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from tests.conftest import Api, beside, open_api
from tests.declaring import Declares, problem
from tests.issuer import Issuer, IssuerKey, claims_for
from tests.security.routes import api_routes
from tests.security.routes import nowhere as no_stores
from tests.stage import Stores, settings_from, until

CLUSTER = "https://kubernetes.default.svc.cluster.local"
ACCOUNT = "system:serviceaccount:games:scoreboard-operator"
KEYS = (IssuerKey.make("rsa", "RS256"), IssuerKey.make("curve", "ES256"))
BOARD = {"title": "League"}


def cluster(url: str, **more: str) -> dict[str, str]:
    return {
        "SCOREBOARD_OPERATOR_ISSUER": CLUSTER,
        "SCOREBOARD_OPERATOR_JWKS_URL": url,
        "SCOREBOARD_OPERATOR_SUBJECTS": f"system:serviceaccount:other:one,{ACCOUNT}",
        **more,
    }


def claims(**changes: Any) -> dict[str, Any]:
    """What kube-apiserver writes into a projected token."""
    pod = {"namespace": "games", "serviceaccount": {"name": "scoreboard-operator", "uid": "6c1d"}}
    usual = {"iss": CLUSTER, "aud": ["scoreboard-api"], "kubernetes.io": pod, "jti": "0f0e", "nbf": None}
    return claims_for(ACCOUNT, **{**usual, **changes})


def token(key: int = 0, **changes: Any) -> str:
    return KEYS[key].sign(claims(**changes), typ=None)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    opened = Issuer(list(KEYS))
    yield opened
    opened.close()


@pytest_asyncio.fixture(scope="module")
async def api(stores: Stores, issuer: Issuer) -> AsyncIterator[Api]:
    async with open_api(stores, **cluster(issuer.url), SCOREBOARD_REQUIRE_SIGNATURES="true") as opened:
        yield opened


async def people(api: Api) -> list[Any]:
    return [(await api.sql(f"SELECT count(*) FROM {table}"))[0][0] for table in ("players", "sessions")]


async def test_the_operator_declares_and_is_no_player(api: Api) -> None:
    before = await people(api)
    operator = Declares(api.client, bearer(token()))
    made = await operator.must("boards/league", BOARD)
    assert made["declared_by"] == ACCOUNT
    assert (await Declares(api.client, bearer(token(key=1))).seen("boards/league"))["version"] == 1
    assert (await operator.retire("boards/league"))["outcome"] == "retired"
    assert await people(api) == before
    rows = await api.sql("SELECT * FROM audit_log WHERE subject = 'league' ORDER BY id")
    assert [row.event for row in rows] == ["board.declared", "board.retired"]
    for row in rows:
        assert (row.actor_id, row.actor_role, row.detail["by"]) == (None, "platform-config", ACCOUNT)
        assert row.request_id


async def test_the_token_opens_no_other_door(api: Api) -> None:
    """Every other route answers as to nobody, or says that it does not know the token."""
    walked = 0
    for route in sorted(await api_routes()):
        method, path = route.split(" ", 1)
        at = re.sub(r"{\w+}", "main", path)
        with_token = await api.client.request(method, at, headers=bearer(token()), json={} if method != "GET" else None)
        if path.startswith("/api/v1/admin/"):
            assert with_token.status_code not in (401, 403), (route, with_token.text)
            continue
        without = await api.client.request(method, at, json={} if method != "GET" else None)
        walked += 1
        if with_token.status_code == 401:
            assert with_token.json()["code"] in ("INVALID_TOKEN", without.json().get("code")), (route, with_token.text)
        else:
            assert with_token.status_code == without.status_code, (route, with_token.text)
        api.client.cookies.clear()
    assert walked > 40


def unsigned() -> str:
    parts = [{"alg": "none", "kid": "rsa"}, claims()]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def signed_with_the_public_key() -> str:
    """The oldest trick: the key that everybody can read, used as a shared secret."""
    public = KEYS[0].private.public_key()
    secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = [{"alg": "HS256", "kid": "rsa"}, claims()]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    mac = hmac.digest(secret, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def changed_afterwards() -> str:
    head, _, signature = token().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(jti="other")).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


WRONG = {
    "another audience": lambda: token(aud=["https://kubernetes.default.svc"]),
    "another account": lambda: token(sub="system:serviceaccount:games:default"),
    "another namespace": lambda: token(sub="system:serviceaccount:evil:scoreboard-operator"),
    "no account": lambda: token(sub="scoreboard-operator"),
    "another issuer": lambda: token(iss="https://kubernetes.evil.example"),
    "a key of another's": lambda: IssuerKey.make("rsa", "RS256").sign(claims()),
    "a key that is not published": lambda: IssuerKey.make("mine", "RS256").sign(claims()),
    "not valid yet": lambda: token(nbf=int(datetime.now(UTC).timestamp()) + 600),
    "no end": lambda: token(exp=None),
    "unsigned": unsigned,
    "signed with the public key": signed_with_the_public_key,
    "changed afterwards": changed_afterwards,
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_token_is_refused(api: Api, name: str) -> None:
    wrong = Declares(api.client, bearer(WRONG[name]()))
    for reply in (await wrong.put("boards/wrong", BOARD), await wrong.get("boards"), await wrong.delete("boards/main")):
        assert problem(reply)[:2] == (401, "INVALID_TOKEN"), reply.text
    assert not await api.sql("SELECT 1 FROM boards WHERE key = 'wrong'")


async def test_an_expired_token_says_so(api: Api) -> None:
    now = int(datetime.now(UTC).timestamp())
    reply = await Declares(api.client, bearer(token(iat=now - 7200, exp=now - 3600))).get("boards")
    assert problem(reply)[:2] == (401, "TOKEN_EXPIRED")
    assert "WWW-Authenticate" in reply.headers


async def test_wrong_tokens_count_as_failures_of_their_address(stores: Stores, issuer: Issuer) -> None:
    async with open_api(stores, **cluster(issuer.url), SCOREBOARD_INCIDENT_FAILURES="3") as api:
        wrong = Declares(api.client, bearer(token(aud=["other"])))

        async def blocked() -> bool:
            return (await wrong.get("boards")).status_code == 429

        await until(blocked, what="the block")
        assert problem(await Declares(api.client, bearer(token())).get("boards"))[:2] == (429, "TOO_MANY_REQUESTS")


async def test_where_no_cluster_is_named_the_token_is_nobodys(stores: Stores) -> None:
    async with open_api(stores) as api:
        assert problem(await Declares(api.client, bearer(token())).get("boards"))[:2] == (401, "INVALID_TOKEN")


async def test_keys_that_cannot_be_read_are_no_no(stores: Stores) -> None:
    away = Issuer(list(KEYS))
    away.close()
    async with open_api(stores, **cluster(away.url)) as api:
        reply = await Declares(api.client, bearer(token())).get("boards")
        assert problem(reply)[:2] == (503, "DEPENDENCY_UNAVAILABLE")
        assert int(reply.headers["retry-after"]) >= 1


async def test_writes_are_closed_without_redis_and_reads_are_not(api: Api) -> None:
    async with beside(api, REDIS_URL="redis://127.0.0.1:1") as away:
        operator = Declares(away.client, bearer(token()))
        assert problem(await operator.put("boards/main", BOARD))[:2] == (503, "DEPENDENCY_UNAVAILABLE")
        assert problem(await operator.delete("boards/main"))[:2] == (503, "DEPENDENCY_UNAVAILABLE")
        assert (await operator.get("boards/main")).status_code == 200


# --- An API server: a certificate of its own authority, and keys for those only who show a token ---------------------


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, private = folder / "ca.crt", folder / "tls.key"
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return authority, private


class ApiServer:
    def __init__(self, folder: Path) -> None:
        self.authority, private = certificate(folder)
        self.shown: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.shown.append(self.headers["Authorization"])
                self.send_response(200 if server.shown[-1] else 401)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": [key.jwk() for key in KEYS]}).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, private)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}/openid/v1/jwks"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


async def test_keys_are_asked_of_an_api_server_as_pods_ask(stores: Stores, tmp_path: Path) -> None:
    server, shown = ApiServer(tmp_path), tmp_path / "token"
    shown.write_text("first\n")
    more = {
        "SCOREBOARD_OPERATOR_CA_FILE": str(server.authority),
        "SCOREBOARD_OPERATOR_JWKS_TOKEN_FILE": str(shown),
        "SCOREBOARD_EXTERNAL_KEYS_TTL": "0.01",
        "SCOREBOARD_EXTERNAL_KEYS_PAUSE": "0.01",
    }
    try:
        async with open_api(stores, **cluster(server.url, **more)) as api:
            operator = Declares(api.client, bearer(token()))
            assert (await operator.get("boards")).status_code == 200
            assert server.shown == ["Bearer first"]
            shown.write_text("second\n")  # the kubelet has rotated it

            async def again() -> bool:
                assert (await operator.get("boards")).status_code == 200
                return server.shown[-1] == "Bearer second"

            await until(again, what="the new token being shown")
        async with open_api(stores, **cluster(server.url)) as api:
            reply: httpx.Response = await Declares(api.client, bearer(token())).get("boards")
            assert problem(reply)[:2] == (503, "DEPENDENCY_UNAVAILABLE"), "nobody vouches for that certificate"
        nowhere = {"SCOREBOARD_OPERATOR_CA_FILE": str(tmp_path / "not-mounted")}
        async with open_api(stores, **cluster(server.url, **nowhere)) as api:
            reply = await Declares(api.client, bearer(token())).get("boards")
            assert problem(reply)[:2] == (503, "DEPENDENCY_UNAVAILABLE"), "and players go on playing"
            assert (await api.client.get("/api/v1/boards")).status_code == 200
    finally:
        server.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"SCOREBOARD_OPERATOR_JWKS_URL": "http://kubernetes.default.svc/openid/v1/jwks"},
        {"SCOREBOARD_OPERATOR_SUBJECTS": ""},
        {"SCOREBOARD_OPERATOR_SUBJECTS": "scoreboard-operator"},
        {"SCOREBOARD_OPERATOR_AUDIENCE": ""},
        {"SCOREBOARD_OPERATOR_ISSUER": "scoreboard"},
        {"SCOREBOARD_EXTERNAL_TIMEOUT": "60"},
    ],
)
def test_settings_that_cannot_be_meant_stop_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="SCOREBOARD_"):
        settings_from({**no_stores(), **cluster("https://kubernetes.default.svc/openid/v1/jwks"), **wrong})
