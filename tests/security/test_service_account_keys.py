"""Keys asked of an API server as pods ask: its own authority, a token of ours."""

import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx2 as httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from tests.conftest import open_api
from tests.declaring import Declares, problem
from tests.security.routes import nowhere as no_stores
from tests.security.test_service_accounts import KEYS, api, bearer, cluster, issuer, token
from tests.stage import Stores, settings_from, until

__all__ = ["api", "issuer"]

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
