"""Every way a request can be refused, under one stable code. Services turn a code into a status.

Called by the rules and the use cases; the HTTP numbers live in ``scoreboard_api.errors`` and the close codes
in ``scoreboard_realtime.errors``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Layer(StrEnum):
    """Which part of the platform refused: the label of the rejection metric and a field of every error."""

    REQUEST = "request"
    LIMITS = "limits"
    AUTHENTICATION = "authentication"
    SIGNING = "signing"
    PRECONDITIONS = "preconditions"
    ANTI_CHEAT = "anti_cheat"
    PLATFORM = "platform"


class ErrorCode(StrEnum):
    """The stable codes of the product. A client may rely on them; the texts may change."""

    VALIDATION_ERROR = "VALIDATION_ERROR"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    USER_RATE_LIMIT = "USER_RATE_LIMIT"
    ACTION_LIMIT = "ACTION_LIMIT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - a code, not a secret
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a code, not a secret
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105 - a code, not a secret
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    REFRESH_REUSED = "REFRESH_REUSED"
    FORBIDDEN = "FORBIDDEN"
    STALE_REQUEST = "STALE_REQUEST"
    REPLAY_ATTACK = "REPLAY_ATTACK"
    INVALID_SIGNATURE = "INVALID_SIGNATURE"
    TASK_NOT_FOUND = "TASK_NOT_FOUND"
    UNAUTHORIZED = "UNAUTHORIZED"
    TOKEN_ALREADY_USED = "TOKEN_ALREADY_USED"  # noqa: S105 - a code, not a secret
    ALREADY_COMPLETED = "ALREADY_COMPLETED"
    COOLDOWN = "COOLDOWN"
    ACTION_EXPIRED = "ACTION_EXPIRED"
    ACTION_TOO_EARLY = "ACTION_TOO_EARLY"
    INVALID_SCORE = "INVALID_SCORE"
    SUSPICIOUS_ACTIVITY = "SUSPICIOUS_ACTIVITY"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    ACCOUNT_BANNED = "ACCOUNT_BANNED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    IDEMPOTENCY_KEY_IN_FLIGHT = "IDEMPOTENCY_KEY_IN_FLIGHT"
    IDEMPOTENCY_KEY_MISSING = "IDEMPOTENCY_KEY_MISSING"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    CONFLICT = "CONFLICT"
    DEPENDENCY_UNAVAILABLE = "DEPENDENCY_UNAVAILABLE"
    OVERLOADED = "OVERLOADED"
    DRAINING = "DRAINING"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


_LAYERS: dict[Layer, tuple[ErrorCode, ...]] = {
    Layer.LIMITS: (ErrorCode.TOO_MANY_REQUESTS, ErrorCode.USER_RATE_LIMIT, ErrorCode.ACTION_LIMIT),
    Layer.AUTHENTICATION: (
        ErrorCode.UNAUTHENTICATED,
        ErrorCode.INVALID_TOKEN,
        ErrorCode.TOKEN_EXPIRED,
        ErrorCode.TOKEN_REVOKED,
        ErrorCode.INVALID_CREDENTIALS,
        ErrorCode.REFRESH_REUSED,
        ErrorCode.FORBIDDEN,
        ErrorCode.ACCOUNT_SUSPENDED,
        ErrorCode.ACCOUNT_BANNED,
    ),
    Layer.SIGNING: (ErrorCode.STALE_REQUEST, ErrorCode.REPLAY_ATTACK, ErrorCode.INVALID_SIGNATURE),
    Layer.PRECONDITIONS: (
        ErrorCode.TASK_NOT_FOUND,
        ErrorCode.UNAUTHORIZED,
        ErrorCode.TOKEN_ALREADY_USED,
        ErrorCode.ALREADY_COMPLETED,
        ErrorCode.COOLDOWN,
        ErrorCode.ACTION_EXPIRED,
        ErrorCode.ACTION_TOO_EARLY,
        ErrorCode.INVALID_SCORE,
        ErrorCode.CONFLICT,
    ),
    Layer.ANTI_CHEAT: (ErrorCode.SUSPICIOUS_ACTIVITY,),
    Layer.PLATFORM: (
        ErrorCode.DEPENDENCY_UNAVAILABLE,
        ErrorCode.OVERLOADED,
        ErrorCode.DRAINING,
        ErrorCode.DEADLINE_EXCEEDED,
        ErrorCode.INTERNAL_ERROR,
    ),
}
_LAYER_OF = {code: layer for layer, codes in _LAYERS.items() for code in codes}


def layer_of(code: ErrorCode) -> Layer:
    """The layer that refuses with this code; what no layer claims is a fault of the request itself."""
    return _LAYER_OF.get(code, Layer.REQUEST)


@dataclass(slots=True)
class Refusal(Exception):
    """An expected "no": nothing was changed.

    Args:
        code: the stable code.
        detail: one sentence for the person who meets it; never echoes what they sent.
        retry_after: seconds after which the same request may succeed; None when it never will by waiting.
        extra: further members of the error body, such as the recorded ``result``.
    """

    code: ErrorCode
    detail: str
    retry_after: float | None = None
    extra: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
