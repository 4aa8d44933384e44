"""Refusals as HTTP: one table from code to status and title, one body for all of them (RFC 9457)."""

import math
import random
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from scoreboard.domain.errors import ErrorCode, Refusal, layer_of

STATUS: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.VALIDATION_ERROR: (400, "The request is not valid"),
    ErrorCode.IDEMPOTENCY_KEY_MISSING: (400, "An Idempotency-Key is needed"),
    ErrorCode.UNAUTHENTICATED: (401, "Please log in"),
    ErrorCode.INVALID_TOKEN: (401, "The token is not valid"),
    ErrorCode.TOKEN_EXPIRED: (401, "The token has expired"),
    ErrorCode.TOKEN_REVOKED: (401, "The session was ended"),
    ErrorCode.INVALID_CREDENTIALS: (401, "Wrong name or password"),
    ErrorCode.REFRESH_REUSED: (401, "The refresh token was used before"),
    ErrorCode.STALE_REQUEST: (401, "The request is too old"),
    ErrorCode.REPLAY_ATTACK: (401, "The request was seen before"),
    ErrorCode.INVALID_SIGNATURE: (401, "The signature is wrong"),
    ErrorCode.FORBIDDEN: (403, "Not allowed"),
    ErrorCode.UNAUTHORIZED: (403, "Another player's action"),
    ErrorCode.TOKEN_ALREADY_USED: (403, "The action token was used before"),
    ErrorCode.SUSPICIOUS_ACTIVITY: (403, "Suspicious activity"),
    ErrorCode.ACCOUNT_SUSPENDED: (403, "The account is suspended"),
    ErrorCode.ACCOUNT_BANNED: (403, "The account is closed"),
    ErrorCode.TASK_NOT_FOUND: (404, "No such action"),
    ErrorCode.NOT_FOUND: (404, "Not found"),
    ErrorCode.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
    ErrorCode.ALREADY_COMPLETED: (409, "Completed before"),
    ErrorCode.IDEMPOTENCY_KEY_IN_FLIGHT: (409, "The first request with this key is still running"),
    ErrorCode.CONFLICT: (409, "Conflict"),
    ErrorCode.PAYLOAD_TOO_LARGE: (413, "The body is too large"),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: (415, "The body must be JSON"),
    ErrorCode.ACTION_EXPIRED: (422, "The action took too long"),
    ErrorCode.ACTION_TOO_EARLY: (422, "The action ended too early"),
    ErrorCode.INVALID_SCORE: (422, "The points are not valid"),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (422, "The Idempotency-Key was used for something else"),
    ErrorCode.TOO_MANY_REQUESTS: (429, "Too many requests"),
    ErrorCode.USER_RATE_LIMIT: (429, "Too many requests of this player"),
    ErrorCode.ACTION_LIMIT: (429, "Too many actions of this kind"),
    ErrorCode.COOLDOWN: (429, "Cooling down"),
    ErrorCode.INTERNAL_ERROR: (500, "Something went wrong"),
    ErrorCode.DEPENDENCY_UNAVAILABLE: (503, "Unavailable for a moment"),
    ErrorCode.OVERLOADED: (503, "Too busy at this moment"),
    ErrorCode.DRAINING: (503, "Restarting"),
    ErrorCode.DEADLINE_EXCEEDED: (504, "No answer in time"),
}
_RETRY_SOON = 1.0
_encode = msgspec.json.Encoder().encode


def problem_type(code: ErrorCode) -> str:
    """The address of the page about a code, relative to the API."""
    return f"/problems/{code.lower().replace('_', '-')}"


def problem_body(refusal: Refusal, *, instance: str, request_id: str) -> dict[str, Any]:
    """The members of the error body."""
    status, title = STATUS[refusal.code]
    body: dict[str, Any] = {
        "type": problem_type(refusal.code),
        "title": title,
        "status": status,
        "detail": refusal.detail,
        "instance": instance,
        "code": str(refusal.code),
        "request_id": request_id,
        "layer": str(layer_of(refusal.code)),
    }
    wait = _wait(refusal, status)
    if wait is not None:
        body["retry_after"] = round(wait, 3)
    return body | {key: value for key, value in (refusal.extra or {}).items() if key not in ("limit", "headers")}


def _wait(refusal: Refusal, status: int) -> float | None:
    if refusal.retry_after is not None:
        return refusal.retry_after
    return _RETRY_SOON if status == HTTPStatus.SERVICE_UNAVAILABLE else None


def problem_response(refusal: Refusal, *, instance: str, request_id: str) -> Response:
    """The response for a refusal, with the headers that its status asks for."""
    body = problem_body(refusal, instance=instance, request_id=request_id)
    status = body["status"]
    headers: dict[str, str] = {"Cache-Control": "no-store", **((refusal.extra or {}).get("headers") or {})}
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        headers["Connection"] = "close"  # nothing reads on what the client goes on to send (RFC 9110 §15.5.14)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = f'Bearer realm="scoreboard", error="{_oauth_error(refusal.code)}"'
    if "retry_after" in body:
        # Spread over a quarter more, so that everybody who was turned away does not come back in the same second.
        jitter = 1 + random.random() / 4 if status == HTTPStatus.SERVICE_UNAVAILABLE else 1  # noqa: S311 - not a secret
        headers["Retry-After"] = str(max(1, math.ceil(body["retry_after"] * jitter)))
    limit = (refusal.extra or {}).get("limit")
    if limit is not None:
        window = max(1, round(limit["burst"] / limit["rate"]))
        headers["RateLimit-Policy"] = f'"{limit["limit"]}";q={limit["burst"]};w={window}'
        headers["RateLimit"] = f'"{limit["limit"]}";r=0;t={max(1, math.ceil(refusal.retry_after or 0))}'
    return Response(_encode(body), status, headers, "application/problem+json")


def _oauth_error(code: ErrorCode) -> str:
    """RFC 6750 §3.1 knows three words; ours says it exactly in the body."""
    return "invalid_request" if code is ErrorCode.UNAUTHENTICATED else "invalid_token"
