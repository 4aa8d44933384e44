"""Action tokens: one-time, self-contained, bound to the action, its player and the version of its kind.

Layout before base64url: action id (16) · player id (16) · kind version (4) · issued at, ms (8) · HMAC-SHA256, cut to
16 bytes. Cutting a MAC to 128 bits is what RFC 2104 §5 allows: not less than half of the hash.
"""

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scoreboard.domain.clock import EPOCH, microseconds
from scoreboard.domain.errors import ErrorCode, Refusal

_FIELDS = struct.Struct(">16s16sIQ")
_MAC_BYTES = 16
_LENGTH = _FIELDS.size + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class ActionToken:
    """What a token with a valid MAC says."""

    action_id: UUID
    player_id: UUID
    kind_version: int
    issued_at: datetime


def issue(key: bytes, token: ActionToken) -> str:
    """The token as text: 80 characters of base64url."""
    millis = microseconds(token.issued_at) // 1000
    body = _FIELDS.pack(token.action_id.bytes, token.player_id.bytes, token.kind_version, millis)
    return base64.urlsafe_b64encode(body + hmac.digest(key, body, "sha256")[:_MAC_BYTES]).decode()


def read(key: bytes, text: str) -> ActionToken:
    """The token's content, once its MAC is checked in constant time.

    Raises:
        Refusal: INVALID_TOKEN when it is no action token, INVALID_SIGNATURE when its MAC is wrong.
    """
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(ErrorCode.INVALID_TOKEN, "This is not an action token.") from error
    if len(raw) != _LENGTH:
        raise Refusal(ErrorCode.INVALID_TOKEN, "This is not an action token.")
    body, mac = raw[: _FIELDS.size], raw[_FIELDS.size :]
    if not hmac.compare_digest(hmac.digest(key, body, "sha256")[:_MAC_BYTES], mac):
        raise Refusal(ErrorCode.INVALID_SIGNATURE, "This action token was not issued here.")
    action, player, version, millis = _FIELDS.unpack(body)
    return ActionToken(UUID(bytes=action), UUID(bytes=player), version, EPOCH + timedelta(milliseconds=millis))
