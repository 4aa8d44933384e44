"""What every refusal has to look like, and that it changed nothing."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2 as httpx

from scoreboard.domain.errors import ErrorCode, layer_of
from scoreboard_api.errors import STATUS, problem_type
from tests.conftest import Api

TABLES = (
    "scores",
    "actions",
    "ledger",
    "ledger_keys",
    "ledger_head",
    "outbox",
    "audit_log",
    "player_kinds",
    "idempotency_keys",
    "jobs",
    "players",
    "sessions",
    "refresh_tokens",
)


async def state(api: Api) -> dict[str, str]:
    """A checksum of every table that a refusal must leave alone."""
    await api.wiring.marker.finish()  # what succeeded before is ticked off a moment later
    sums = {}
    for table in TABLES:
        # A begun usage row without a completion is only room for a lock.
        condition = "WHERE completed > 0" if table == "player_kinds" else ""
        [row] = await api.sql(
            f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t {condition}"
        )
        sums[table] = row[0]
    return sums


def check(reply: httpx.Response, code: str) -> dict[str, Any]:
    """The reply is this refusal in full form."""
    body: dict[str, Any] = reply.json()
    status, title = STATUS[ErrorCode(code)]
    assert (body["code"], reply.status_code) == (code, status), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert body["type"] == problem_type(ErrorCode(code))
    assert re.fullmatch(r"/problems/[a-z-]+", body["type"])
    assert (body["title"], body["status"], body["layer"]) == (title, status, str(layer_of(ErrorCode(code))))
    assert body["detail"].endswith((".", "?"))
    assert body["instance"] == reply.request.url.path
    assert body["request_id"] == reply.headers["x-request-id"]
    known = {"type", "title", "status", "detail", "instance", "code", "request_id", "layer"}
    assert ("server_time" in body) == (code == "STALE_REQUEST")
    assert set(body) - known <= {"retry_after", "errors", "result", "server_time"}
    assert "no-store" in reply.headers["cache-control"]
    if status == 401:
        assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="scoreboard", error="')
    if status in (429, 503):
        assert int(reply.headers["Retry-After"]) >= 1
        assert body["retry_after"] > 0
    if code in ("TOO_MANY_REQUESTS", "USER_RATE_LIMIT") or (code == "ACTION_LIMIT" and "RateLimit" in reply.headers):
        assert re.fullmatch(r'"[a-z-]+";r=0;t=\d+', reply.headers["RateLimit"])
        assert re.fullmatch(r'"[a-z-]+";q=\d+;w=\d+', reply.headers["RateLimit-Policy"])
    if code == "VALIDATION_ERROR":
        for fault in body.get("errors", []):
            assert set(fault) == {"pointer", "detail"}
    return body


async def refused(api: Api, call: Callable[[], Awaitable[httpx.Response]], code: str) -> httpx.Response:
    """The call is refused with this code, and nothing changed."""
    before = await state(api)
    reply = await call()
    check(reply, code)
    assert await state(api) == before
    return reply
