"""Signs a simulated player's requests with the key of their session, as the live page does."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from scoreboard.security.request_signing import NONCE_BYTES, sign
from scoreboard.telemetry import utc_now


class Signer:
    """The key of one session. Everybody here runs by the server's clock or close to it: the demo is played at home."""

    def __init__(self, signing: Mapping[str, Any]) -> None:
        self._session_id = UUID(signing["key_id"])
        self._key = base64.urlsafe_b64decode(signing["key"] + "==")

    def headers(self, method: str, path: str, body: bytes, key: str | None) -> dict[str, str]:
        """The headers that sign one request; ``key`` is its Idempotency-Key."""
        return sign(
            self._key,
            self._session_id,
            method,
            path,
            body,
            created=int(utc_now().timestamp()),
            nonce=secrets.token_bytes(NONCE_BYTES),
            idempotency_key=key,
        )
