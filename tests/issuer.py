"""A real OpenID issuer of the tests' own: keys that rotate, tokens signed with them, a small server that publishes."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://id.example.org/realms/play"
AUDIENCE = "scoreboard-client"
_CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@dataclass
class IssuerKey:
    """One key pair with its id and the algorithm that it is for."""

    kid: str
    algorithm: str
    private: Any

    @classmethod
    def make(cls, kid: str, algorithm: str, *, bits: int = 2048) -> "IssuerKey":
        if algorithm.startswith("ES"):
            return cls(kid, algorithm, ec.generate_private_key(_CURVES[algorithm]))
        if algorithm == "EdDSA":
            return cls(kid, algorithm, ed25519.Ed25519PrivateKey.generate())
        return cls(kid, algorithm, rsa.generate_private_key(65537, bits))

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """As it is published; None leaves a member out."""
        public = self._reader().to_jwk(self.private.public_key(), as_dict=True)
        members = {**public, "kid": self.kid, "alg": self.algorithm, "use": "sig", "key_ops": None, **changes}
        return {name: value for name, value in members.items() if value is not None}

    def private_members(self) -> dict[str, Any]:
        """What a careless issuer would publish beside."""
        members: dict[str, Any] = self._reader().to_jwk(self.private, as_dict=True)
        return {name: value for name, value in members.items() if name != "key_ops"}

    def _reader(self) -> Any:
        if self.algorithm.startswith("ES"):
            return ECAlgorithm
        return OKPAlgorithm if self.algorithm == "EdDSA" else RSAAlgorithm

    def sign(self, claims: dict[str, Any], **headers: Any) -> str:
        """A token; None leaves a claim out."""
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.private, algorithm=self.algorithm, headers={"kid": self.kid, **headers})


def claims_for(subject: str, **changes: Any) -> dict[str, Any]:
    """What an ID token says, fresh by this machine's clock."""
    now = int(time.time())
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 300, **changes}


@dataclass
class Issuer:
    """The server. Its answer can be changed while it runs: what it publishes, its status, how long it takes."""

    keys: list[IssuerKey]
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    hold: threading.Event | None = None

    def __post_init__(self) -> None:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                if issuer.hold is not None:
                    issuer.hold.wait(30)
                self.send_response(issuer.status)
                for name, value in issuer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(issuer.published())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # who is waiting may have gone
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def published(self) -> bytes:
        """The key set."""
        return self.body if self.body is not None else json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()

    def token(self, subject: str, *, key: int = 0, **changes: Any) -> str:
        """A good token, but for the changed claims."""
        return self.keys[key].sign(claims_for(subject, **changes))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/jwks"

    def settings(self, **more: str) -> dict[str, str]:
        """What a platform needs to know of this issuer."""
        return {
            "SCOREBOARD_EXTERNAL_ISSUER": ISSUER,
            "SCOREBOARD_EXTERNAL_AUDIENCE": AUDIENCE,
            "SCOREBOARD_EXTERNAL_JWKS_URL": self.url,
            "SCOREBOARD_EXTERNAL_ROLE_CLAIM": "realm_access.roles",
            "SCOREBOARD_EXTERNAL_ROLES": '{"board-mods": "moderator", "board-admins": "admin"}',
            **more,
        }

    def close(self) -> None:
        """Nobody answers any more."""
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()
