"""Which errors each kind of route can answer, for the OpenAPI document."""

from collections.abc import Iterable
from typing import Any

from scoreboard.domain.errors import ErrorCode
from scoreboard_api.errors import STATUS, problem_type
from scoreboard_api.schemas.model import Problem

EVERYWHERE = (
    ErrorCode.VALIDATION_ERROR,
    ErrorCode.TOO_MANY_REQUESTS,
    ErrorCode.INTERNAL_ERROR,
    ErrorCode.DEPENDENCY_UNAVAILABLE,
    ErrorCode.OVERLOADED,
    ErrorCode.DRAINING,
    ErrorCode.DEADLINE_EXCEEDED,
)
WITH_BODY = (ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE)
SIGNED_IN = (
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.INVALID_TOKEN,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.TOKEN_REVOKED,
    ErrorCode.ACCOUNT_SUSPENDED,
    ErrorCode.ACCOUNT_BANNED,
    ErrorCode.USER_RATE_LIMIT,
)
SIGNING = (ErrorCode.STALE_REQUEST, ErrorCode.INVALID_SIGNATURE, ErrorCode.REPLAY_ATTACK)
"""What a signature can be refused with: any write may carry one."""
WRITING = (*SIGNED_IN, *SIGNING)
WITHOUT_TOKEN: dict[str, Any] = {"security": [{}]}
"""For ``openapi_extra``: a token is welcome and not needed."""
KEYED = (ErrorCode.IDEMPOTENCY_KEY_REUSED, ErrorCode.IDEMPOTENCY_KEY_IN_FLIGHT)


def problems(*groups: Iterable[ErrorCode]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route: for each status the codes that it can carry, with an example of each."""
    codes = sorted({*EVERYWHERE, *(code for group in groups for code in group)})
    responses: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status, title = STATUS[code]
        entry = responses.setdefault(
            status, {"model": Problem, "description": "", "content": {"application/problem+json": {"examples": {}}}}
        )
        entry["description"] = ", ".join(filter(None, [entry["description"], str(code)]))
        entry["content"]["application/problem+json"]["examples"][str(code)] = {
            "summary": title,
            "value": {
                "type": problem_type(code),
                "title": title,
                "status": status,
                "detail": title + ".",
                "instance": "/api/v1/…",
                "code": str(code),
                "request_id": "019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b",
                "layer": "…",
            },
        }
    return responses
