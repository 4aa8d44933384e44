"""Engine.IO's sockets as Socket.IO's transport needs them: with the WebSocket's handle, bounded, quick to end."""

import asyncio
from typing import Any

from engineio.async_drivers import asgi
from engineio.async_socket import AsyncSocket
from engineio.exceptions import EngineIOError
from engineio.packet import Packet
from engineio.payload import Payload
from socketio import AsyncManager

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode
from scoreboard_realtime.inbound_rate import Rate
from scoreboard_realtime.wire import EXTENSION, Wire

NAME = "socketio"
"""The transport's name in metrics and logs."""
_PACKETS_A_POLL: int = Payload.max_decode_packets
"""Clients in Python take a longer answer for an error, go, and come back for the same again (Engine.IO's default)."""


def keep_scope_only(environ: dict[str, Any] | None) -> None:
    """Give the memory of a handshake back; its headers stay in the scope, where a second CONNECT looks for them."""
    if environ is not None:
        scope = environ["asgi.scope"]
        environ.clear()
        environ["asgi.scope"] = scope


class _Body:
    """What a polling client posted."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, length: int | None = None) -> bytes:
        """The next so many bytes; all that is left without a number."""
        taken, self._content = self._content[:length], self._content[len(self._content[:length]) :]
        return taken


async def translate_request(scope: Any, receive: Any, send: Any) -> dict[str, Any]:
    """What Engine.IO asks of a request, as WSGI names it. The body comes in one piece (see ``gate``).

    Engine.IO's own one makes a class for each request, which only the collector can take apart again.
    """
    event = await receive()
    environ: dict[str, Any] = {
        "wsgi.input": _Body(event.get("body", b"")),
        "wsgi.url_scheme": "http",
        "REQUEST_METHOD": scope.get("method", "GET"),
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope.get("query_string", b"").decode("utf-8", errors="replace"),
        "REMOTE_ADDR": "127.0.0.1",
        "asgi.receive": receive,
        "asgi.send": send,
        "asgi.scope": scope,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.decode("utf-8", errors="replace")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    environ["wsgi.url_scheme"] = environ.get("HTTP_X_FORWARDED_PROTO", "http")
    return environ


class Members(AsyncManager):  # type: ignore[misc]
    """Who is connected. Rooms are ours: the library would keep one for each connection, and look through all of them
    whenever one ends.
    """

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        """Only the room of all."""
        if room is None:
            super().basic_enter_room(sid, namespace, room, eio_sid)


class EngineSocket(AsyncSocket):  # type: ignore[misc]
    """An Engine.IO socket that knows its WebSocket, counts what is no event, and wakes its long poll when it ends."""

    wire: Wire | None = None
    rate: Rate
    last_ping: float | bool | None
    pinging: asyncio.Task[None] | None = None

    def schedule_ping(self) -> None:
        """Send the next ping when it is due."""
        if self.last_ping:
            self.last_ping = None
            self.pinging = self.server.start_background_task(self._send_ping)

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Read what a polling client sent; nonsense ends its connection."""
        try:
            await super().handle_post_request(environ)
        except (ValueError, TypeError, IndexError) as error:
            telemetry.rejected(ErrorCode.VALIDATION_ERROR, transport=NAME)
            raise EngineIOError("not a payload") from error

    async def poll(self) -> list[Packet]:
        """What the next answer carries: as much as every client takes; the rest waits for the next poll.

        With the connection ended there is no next poll, and all goes: who cannot take it comes back and resumes.
        """
        packets: list[Packet] = await super().poll()
        ends = self.closed or self.closing or not self.queue.empty()  # only the mark of the end can be in it
        if self.upgraded or ends:
            return packets
        for packet in packets[_PACKETS_A_POLL:]:
            self.queue.put_nowait(packet)
        return packets[:_PACKETS_A_POLL]

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """End the connection. An open long poll would otherwise wait for the next heartbeat."""
        await super().close(wait=False, abort=abort, reason=reason)
        if self.pinging is not None:  # it would keep all that belongs to the connection until the ping were due
            self.pinging.cancel()
            self.pinging = None
        if not self.upgraded:
            self.queue.put_nowait(None)


class WiredWebSocket(asgi.WebSocket):  # type: ignore[misc]
    """Engine.IO's WebSocket, which also leaves the connection's handle on the Engine.IO socket."""

    async def __call__(self, environ: dict[str, Any]) -> Any:
        """Serve the connection."""
        self._engine: EngineSocket = self.handler.__self__
        self._engine.wire = environ["asgi.scope"].get("extensions", {}).get(EXTENSION)
        return await super().__call__(environ)

    async def wait(self) -> Any:
        """The next packet; None ends the connection: it is over, or what came is too large or no packet, which is
        counted here. Where Engine.IO reads nonsense, it would only crash and leave behind what belongs to it.

        Nothing is raised: Engine.IO keeps the exception in a place that its own traceback leads to, for the collector.
        """
        try:
            data = await super().wait()
        except OSError:
            return None
        if len(data) > self._engine.server.max_http_buffer_size:
            telemetry.rejected(ErrorCode.PAYLOAD_TOO_LARGE, transport=NAME)
            return None
        try:
            Packet(encoded_packet=data)
        except (ValueError, TypeError, IndexError, RecursionError):
            telemetry.rejected(ErrorCode.VALIDATION_ERROR, transport=NAME)
            return None
        return data
