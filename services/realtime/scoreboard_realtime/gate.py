"""What is checked before any transport sees a connection: the page's origin, sizes, and whether we are leaving.

Everything that goes out over HTTP passes here as well and gets its security headers.
"""

import asyncio
from typing import Any

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.security.identifiers import request_id_of
from scoreboard.security.reply_headers import ReplyHeaders
from scoreboard.settings import Settings
from scoreboard_realtime.addresses import header, origin_allowed
from scoreboard_realtime.errors import draining
from scoreboard_realtime.problems import problem
from scoreboard_realtime.reception import Reception
from scoreboard_realtime.transports import engineio, sse
from scoreboard_realtime.transports import socketio as socketio_transport

_STARTS = ("http.response.start", "websocket.http.response.start")
_ENGINE = socketio_transport.PATH
_REFUSED = 400
_SSE_PREFIX = sse.PATH.partition("{")[0]
_STRANGER = Refusal(ErrorCode.FORBIDDEN, "Pages of this origin may not connect here.")
_TOO_LARGE = Refusal(ErrorCode.PAYLOAD_TOO_LARGE, "This message is larger than the live protocol allows.")
_TOO_LATE = Refusal(ErrorCode.DEADLINE_EXCEEDED, "This message did not come whole in time.")
_CLOSING = {"Connection": "close"}  # so that nothing reads on what a client goes on to send (RFC 9110 §15.5.14)


class Gate:
    """ASGI middleware around the whole service."""

    def __init__(self, application: Any, reception: Reception, settings: Settings) -> None:
        self._application = application
        self._reception = reception
        self._settings = settings
        self._headers = ReplyHeaders(settings)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a connection on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        with telemetry.serving(request_id_of(header(scope, b"x-request-id"))) as served:
            await self._pass(scope, receive, self._with_headers(scope, send, served))

    async def _pass(self, scope: Any, receive: Any, send: Any) -> None:
        origin = header(scope, b"origin")
        refusal = self._refusal(scope, origin)
        if refusal is None and scope.get("method") == "POST" and scope["path"].startswith(_ENGINE):
            body, refusal = await _read_whole(receive, self._settings)
            if body is None and refusal is None:
                return  # the client has gone
            receive = _first({"type": "http.request", "body": body, "more_body": False}, receive)
        if refusal is not None:
            _count(refusal)
            closing = _CLOSING if refusal in (_TOO_LARGE, _TOO_LATE) else {}
            await _refuse(refusal, {**self._cors(scope, origin), **closing}, scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"].startswith(_SSE_PREFIX):
            send = _with_cors(send, self._cors(scope, origin))
        await self._application(scope, receive, send)

    def _refusal(self, scope: Any, origin: str) -> Refusal | None:
        if not origin_allowed(self._settings, origin):
            return _STRANGER
        if not scope["path"].startswith(_ENGINE):
            return None
        query = scope["query_string"]
        if self._reception.draining and b"sid=" not in query:
            return draining()
        length = header(scope, b"content-length")
        if length.isdigit() and int(length) > self._settings.socket_payload:
            return _TOO_LARGE
        return None

    def _with_headers(self, scope: Any, send: Any, served: telemetry.serving) -> Any:
        """Every reply over HTTP, Engine.IO's and a refused handshake included, carries the headers of all replies.

        What Engine.IO refuses by itself, such as another version or a session that is over, is told here.
        """
        own = (b"x-request-id", str(served.request_id).encode())

        async def answer(message: Any) -> None:
            if message["type"] in _STARTS:
                given = [(name.lower(), value) for name, value in message.get("headers", [])]
                message = {**message, "headers": self._headers.complete(given, own)}
                if message["status"] >= _REFUSED and not served.refused and scope["path"].startswith(_ENGINE):
                    telemetry.rejected(ErrorCode.VALIDATION_ERROR, transport=engineio.NAME)
            await send(message)

        return answer

    def _cors(self, scope: Any, origin: str) -> dict[str, str]:
        if not origin or not origin_allowed(self._settings, origin):
            return {"Vary": "Origin"}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


async def _read_whole(receive: Any, settings: Settings) -> tuple[bytes | None, Refusal | None]:
    """Read what a polling client posts before Engine.IO does, which waits for ever for a body's end.

    Returns:
        The body, or a refusal when it is larger than the live protocol allows, or did not come in the time that a head
        has; neither when the client has gone.
    """
    body, more = b"", True
    try:
        async with asyncio.timeout(settings.head_deadline):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return None, None
                body, more = body + message.get("body", b""), message.get("more_body", False)
                if len(body) > settings.socket_payload:
                    return None, _TOO_LARGE
    except TimeoutError:
        return None, _TOO_LATE
    return body, None


def _first(message: Any, receive: Any) -> Any:
    waiting = [message]

    async def receive_first() -> Any:
        return waiting.pop() if waiting else await receive()

    return receive_first


def _count(refusal: Refusal) -> None:
    """While we drain it is a connection that is refused; a stranger's page or an oversized body is none."""
    if refusal.code is ErrorCode.DRAINING:
        telemetry.connect_refused(refusal.code, engineio.NAME)
    else:
        telemetry.rejected(refusal.code, transport="http")


async def _refuse(refusal: Refusal, headers: dict[str, str], scope: Any, receive: Any, send: Any) -> None:
    response = problem(refusal, scope["path"], headers)
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    await receive()  # websocket.connect
    if "websocket.http.response" in scope.get("extensions", {}):
        raw = [(name, value) for name, value in response.raw_headers if name != b"content-length"]
        await send({"type": "websocket.http.response.start", "status": response.status_code, "headers": raw})
        await send({"type": "websocket.http.response.body", "body": response.body})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": str(refusal.code)})


def _with_cors(send: Any, headers: dict[str, str]) -> Any:
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def answer(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return answer
