"""Engine.IO's sockets as Socket.IO's transport needs them: with the WebSocket's handle, bounded, quick to end."""

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
        """The next message; one that is too large is counted here, and refused by Engine.IO itself.

        Raises:
            EngineIOError: it is no packet. Here Engine.IO ends the connection; where it reads it, it would only crash
                and leave what belongs to the connection behind.
        """
        data = await super().wait()
        if data is None:
            return data
        if len(data) > self._engine.server.max_http_buffer_size:
            telemetry.rejected(ErrorCode.PAYLOAD_TOO_LARGE, transport=NAME)
            return data
        try:
            Packet(encoded_packet=data)
        except (ValueError, TypeError, IndexError, RecursionError) as error:
            telemetry.rejected(ErrorCode.VALIDATION_ERROR, transport=NAME)
            raise EngineIOError("not a packet") from error
        return data
