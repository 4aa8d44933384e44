"""Refresh tokens: 256 opaque bits, only their SHA-256 is stored.

The successor of a token is derived from it, so that a client whose answer was lost can ask again within the leeway and
gets the very same successor, without the server keeping any token in clear.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

from scoreboard.domain.errors import ErrorCode, Refusal

_BYTES = 32


def first() -> bytes:
    """The token that begins a session."""
    return secrets.token_bytes(_BYTES)


def successor(key: bytes, token: bytes) -> bytes:
    """The one token that follows this one."""
    return hmac.digest(key, b"successor" + token, "sha256")


def digest(token: bytes) -> bytes:
    """What is stored. The token has full entropy, so a plain hash is enough."""
    return hashlib.sha256(token).digest()


def encode(token: bytes) -> str:
    """As text: 43 characters of base64url."""
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def decode(text: str) -> bytes:
    """From text.

    Raises:
        Refusal: INVALID_TOKEN when it has not the form of a refresh token.
    """
    try:
        token = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(ErrorCode.INVALID_TOKEN, "This is not a refresh token.") from error
    if len(token) != _BYTES:
        raise Refusal(ErrorCode.INVALID_TOKEN, "This is not a refresh token.")
    return token
