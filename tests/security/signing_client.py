"""Signs requests the way a client does, on its own: nothing of the platform's code is used."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

COMPONENTS = ["@method", "@path", "@query", "content-digest"]


@dataclass
class SigningClient:
    """A player's client with the session's key. ``clock_skew`` in seconds is added to its clock."""

    client: httpx.AsyncClient
    session: dict[str, Any]
    clock_skew: float = 0.0
    sent: list[dict[str, str]] = field(default_factory=list)

    def headers(self, method: str, path: str, body: bytes, *, query: str = "", **changes: Any) -> dict[str, str]:
        """All headers of one signed request. ``changes`` bend single parts of it."""
        key = changes.get("key")
        covered = changes.get("covered", COMPONENTS + (["idempotency-key"] if key else []))
        digest = changes.get("digest", f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:")
        parameters = {
            "created": str(changes.get("created", int(time.time() + self.clock_skew))),
            "keyid": f'"{changes.get("keyid", self.session["signing"]["key_id"])}"',
            "nonce": f'"{changes.get("nonce", base64.b64encode(secrets.token_bytes(16)).decode())}"',
            "alg": f'"{changes.get("alg", "hmac-sha256")}"',
            "tag": f'"{changes.get("tag", "scoreboard-v1")}"',
        }
        text = f"({' '.join(json.dumps(name) for name in covered)})" + "".join(
            f";{name}={value}" for name, value in parameters.items() if name not in changes.get("without", ())
        )
        values = {
            "@method": method,
            "@path": path,
            "@query": f"?{query}",
            "content-digest": digest,
            "idempotency-key": key or "",
        }
        base = "\n".join([*(f'"{name}": {values[name]}' for name in covered), f'"@signature-params": {text}'])
        secret = changes.get("secret", base64.urlsafe_b64decode(self.session["signing"]["key"] + "=="))
        mac = base64.b64encode(hmac.digest(secret, base.encode(), "sha256")).decode()
        return {
            "Authorization": f"Bearer {self.session['access_token']}",
            "Content-Type": "application/json",
            "Content-Digest": digest,
            "Signature-Input": f"sb={text}",
            "Signature": f"sb=:{mac}:",
            **({"Idempotency-Key": key} if key else {}),
        }

    async def post(self, path: str, content: Any, **changes: Any) -> httpx.Response:
        """Send one signed request."""
        body = json.dumps(content).encode()
        headers = self.headers("POST", path, body, **changes)
        self.sent.append(headers)
        return await self.client.post(path, content=body, headers=headers)
