"""How a refusal looks on a live connection: the number in ``meta.code``, and the close code where it ends there.

Close codes 4000-4499 mean "come back", 4500-4999 are terminal; the others are the WebSocket protocol's own.
"""

from enum import IntEnum

from scoreboard.domain.errors import ErrorCode, Refusal


class Close(IntEnum):
    """Why the server ends a connection."""

    NORMAL = 1000
    AUTHENTICATION_FAILED = 1008
    TOO_BIG = 1009
    RESTARTING = 1012
    OVERLOADED = 1013
    TIMED_OUT = 4408
    TOO_FAST_OR_SLOW = 4429
    REVOKED = 4501
    SUSPENDED = 4503


TOO_SLOW = Refusal(
    ErrorCode.TOO_MANY_REQUESTS, "This connection reads too slowly. Come back, or listen to fewer channels.", 5
)

META_CODES: dict[ErrorCode, int] = {
    ErrorCode.VALIDATION_ERROR: 400,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.USER_RATE_LIMIT: 429,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.INVALID_TOKEN: 401,
    ErrorCode.TOKEN_EXPIRED: 401,
    ErrorCode.TOKEN_REVOKED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.ACCOUNT_SUSPENDED: 403,
    ErrorCode.ACCOUNT_BANNED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.DEPENDENCY_UNAVAILABLE: 503,
    ErrorCode.OVERLOADED: 503,
    ErrorCode.DRAINING: 503,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.DEADLINE_EXCEEDED: 504,
}

CLOSES: dict[ErrorCode, Close] = {
    ErrorCode.INVALID_TOKEN: Close.AUTHENTICATION_FAILED,
    ErrorCode.TOKEN_EXPIRED: Close.AUTHENTICATION_FAILED,
    ErrorCode.UNAUTHENTICATED: Close.TIMED_OUT,
    ErrorCode.DEADLINE_EXCEEDED: Close.TIMED_OUT,
    ErrorCode.TOKEN_REVOKED: Close.REVOKED,
    ErrorCode.ACCOUNT_SUSPENDED: Close.SUSPENDED,
    ErrorCode.ACCOUNT_BANNED: Close.SUSPENDED,
    ErrorCode.TOO_MANY_REQUESTS: Close.TOO_FAST_OR_SLOW,
    ErrorCode.USER_RATE_LIMIT: Close.TOO_FAST_OR_SLOW,
    ErrorCode.PAYLOAD_TOO_LARGE: Close.TOO_BIG,
    ErrorCode.OVERLOADED: Close.OVERLOADED,
    ErrorCode.DRAINING: Close.RESTARTING,
    ErrorCode.DEPENDENCY_UNAVAILABLE: Close.OVERLOADED,
}


def meta_code(code: ErrorCode) -> int:
    """The number that the envelope's ``meta.code`` shows: the status that HTTP would have."""
    return META_CODES.get(code, 500)


def close_code(code: ErrorCode) -> Close:
    """The close code of a refusal that ends the connection."""
    return CLOSES.get(code, Close.AUTHENTICATION_FAILED)


def draining() -> Refusal:
    """What newcomers are told once the process was asked to stop."""
    return Refusal(ErrorCode.DRAINING, "This server is about to stop. Please connect again.", 1)
