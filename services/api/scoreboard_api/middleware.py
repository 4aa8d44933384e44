"""The outermost layer, plain ASGI: request id, first limits, body size, deadline, access line, headers.

Everything here runs before authentication and costs no I/O. Whatever goes wrong further in leaves as a problem.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.security.identifiers import request_id_of
from scoreboard.security.reply_headers import ReplyHeaders
from scoreboard.storage.database import StoreUnavailable
from scoreboard_api.defence import client_address
from scoreboard_api.errors import problem_response
from scoreboard_api.overload import rank_of
from scoreboard_api.wiring import Wiring

_HEALTH = "/health/"
_FAULTS = 500  # from this status on the fault is ours
_ASSETS = "/assets/"
_BATCH = "/api/v1/actions/complete-batch"
_VARY = (b"vary", b"Origin")
_failures = structlog.get_logger("scoreboard.failure")


class Front:
    """Wraps the whole application.

    Args:
        app: serves requests of pages, which come with an Origin.
        plain: serves all others: the same without the layer for pages of other origins, which has nothing to say to
            them but that an answer may vary with the origin.
        wiring: the parts of this process.
    """

    def __init__(self, app: ASGIApp, plain: ASGIApp, wiring: Callable[[], Wiring]) -> None:
        self._app = app
        self._plain = plain
        self._wiring = wiring
        self._headers = ReplyHeaders(wiring().settings)
        self._in_flight = 0
        telemetry.REQUESTS_IN_FLIGHT.set_function(lambda: self._in_flight)  # read by scrapes; a request only counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wiring = self._wiring()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = request_id_of(headers.get(b"x-request-id", b"").decode("latin-1"))
        state = scope.setdefault("state", {})
        state["request_id"], state["wiring"] = request_id, wiring
        reply = _Reply(send, request_id, self._headers, plain=b"origin" not in headers)
        began = time.perf_counter()
        self._in_flight += 1
        with telemetry.serving(request_id), _begin_span(scope, headers) as span:
            try:
                await self._serve(wiring, scope, headers, receive, reply)
            finally:
                self._in_flight -= 1
                seconds = time.perf_counter() - began
                route = route_template(scope)
                if span is not None:
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attributes({"http.route": route, "http.response.status_code": reply.status})
                self._note(wiring, scope, route, reply.status, seconds)

    @staticmethod
    def _note(wiring: Wiring, scope: Scope, route: str, status: int, seconds: float) -> None:
        """The metrics and the access line of a request that was answered."""
        telemetry.answered(route, status, seconds)
        if "express" in scope["state"]:
            telemetry.counted_by_handler(route, scope["method"], str(status), seconds)
        if scope["path"].startswith(_HEALTH):
            return
        if status >= _FAULTS:
            if "closed" not in scope["state"]:
                telemetry.REQUESTS_FAILED.labels(str(status)).inc()
            telemetry.fail_span(str(status))
        wiring.access_log.note(scope["method"], route, status, seconds, scope["state"]["request_id"])

    async def _serve(
        self, wiring: Wiring, scope: Scope, headers: dict[bytes, bytes], receive: Receive, reply: "_Reply"
    ) -> None:
        try:
            if not scope["path"].startswith(_HEALTH):
                self._admit(wiring, scope, headers)
            limit = wiring.settings.batch_body_limit if scope["path"] == _BATCH else wiring.settings.body_limit
            _check_length(headers, limit)
            if b"content-length" not in headers:
                receive = _bounded(receive, limit)
            async with asyncio.timeout(wiring.settings.request_deadline):
                await (self._plain if reply.plain else self._app)(scope, receive, reply)
        except Refusal as refusal:
            await refuse(wiring, scope, receive, reply, refusal)
        except StoreUnavailable:
            away = Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, "The database cannot be reached; please try again.", 1)
            await refuse(wiring, scope, receive, reply, away)
        except TimeoutError:
            late = Refusal(
                ErrorCode.DEADLINE_EXCEEDED,
                "No answer came in time; the outcome is not known. Repeat the request with the same Idempotency-Key.",
            )
            await refuse(wiring, scope, receive, reply, late)
        except Exception:  # noqa: BLE001 - the last resort: nobody else would tell the client
            _failures.exception("request failed", request_id=scope["state"]["request_id"])
            fault = Refusal(ErrorCode.INTERNAL_ERROR, "The fault is ours and has been noted.")
            await refuse(wiring, scope, receive, reply, fault)

    @staticmethod
    def _admit(wiring: Wiring, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if wiring.draining:
            raise Refusal(ErrorCode.DRAINING, "This server is restarting; please try again.", 1)
        forwarded = headers.get(b"x-forwarded-for")
        address = client_address(
            scope.get("client"), forwarded.decode("latin-1") if forwarded else None, wiring.settings.trusted_proxy_hops
        )
        scope["state"]["address"] = address
        rank = rank_of(scope["method"], scope["path"], signed_in=b"authorization" in headers)
        wiring.overload.admit(rank)
        # A page is forty small files from memory, cached for ever: they count for the process, not for the address.
        wiring.barrier.admit(None if scope["path"].startswith(_ASSETS) else address)


async def refuse(wiring: Wiring, scope: Scope, receive: Receive, reply: "_Reply", refusal: Refusal) -> None:
    """Send a refusal, unless the reply has begun already; note it once."""
    note_refusal(wiring, scope, refusal.code)
    if not reply.begun:
        response = problem_response(refusal, instance=scope["path"], request_id=scope["state"]["request_id"])
        await response(scope, receive, reply)


def _begin_span(scope: Scope, headers: dict[bytes, bytes]) -> telemetry.Block:
    """Nobody looks into a probe, and there are many."""
    if scope["path"].startswith(_HEALTH):
        return telemetry.NO_SPAN
    return telemetry.request_span(scope["method"], headers.get(b"traceparent"))


def note_refusal(wiring: Wiring, scope: Scope, code: ErrorCode) -> None:
    """Count and log a refused request; too many failures of the same address or player block it."""
    state = scope["state"]
    telemetry.rejected(code, request_id=state["request_id"], route=route_template(scope), method=scope["method"])
    player = state.get("player_id")
    wiring.incidents.note(code, state.get("address"), None if player is None else UUID(player))


def _check_length(headers: dict[bytes, bytes], limit: int) -> None:
    length = headers.get(b"content-length")
    if length is not None and (not length.isdigit() or int(length) > limit):
        raise _too_large(limit)


def _too_large(limit: int) -> Refusal:
    return Refusal(ErrorCode.PAYLOAD_TOO_LARGE, f"A body may have {limit // 1024} KiB at most.")


def _bounded(receive: Receive, limit: int) -> Receive:
    """Count what a body without a length brings."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
        return message

    return bounded


class _Reply:
    """Hands a reply on, with the headers that every reply has."""

    def __init__(self, send: Send, request_id: str, headers: ReplyHeaders, *, plain: bool) -> None:
        self._send = send
        self.plain = plain
        self._request_id = (b"x-request-id", request_id.encode())
        self._headers = headers
        self.status = 0
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.status = message["status"]
            more = (self._request_id, _VARY) if self.plain else (self._request_id,)
            message["headers"] = self._headers.complete(message["headers"], *more)
        await self._send(message)


def route_template(scope: Scope) -> str:
    """The template of the route, never the path itself: it may hold an id."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", "") or scope.get("state", {}).get("route", "unmatched"))
