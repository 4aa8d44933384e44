"""Refusals outside a live connection: problem documents (RFC 9457), as the API answers them."""

import math

import msgspec
from starlette.responses import Response

from scoreboard import telemetry
from scoreboard.domain.errors import Refusal, layer_of
from scoreboard_realtime.errors import meta_code


def problem(refusal: Refusal, path: str, headers: dict[str, str] | None = None) -> Response:
    """The response for a refusal."""
    status = meta_code(refusal.code)
    body = {
        "type": "/problems/" + refusal.code.lower().replace("_", "-"),
        "title": refusal.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": refusal.detail,
        "instance": path,
        "code": refusal.code,
        "request_id": telemetry.served_request(),
        "layer": layer_of(refusal.code),
    }
    sent = dict(headers or {})
    if refusal.retry_after is not None:
        body["retry_after"] = round(refusal.retry_after, 3)
        sent["Retry-After"] = str(math.ceil(refusal.retry_after))
    if status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    return Response(msgspec.json.encode(body), status, sent, "application/problem+json")
