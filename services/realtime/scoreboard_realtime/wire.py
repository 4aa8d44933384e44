"""uvicorn's WebSocket connection with a handle for the fan-out: whole frames straight to the transport.

The stock way, one coroutine and one frame encoding for each recipient, costs several times as much. The handle
travels in ``scope["extensions"]``; where it is absent the transports fall back to the ASGI ``send``.
"""

import asyncio
import os
import socket
from array import array
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

EXTENSION = "scoreboard.wire"
_ANY = 1 << 62
_write = os.write
_FAREWELL = 2.0
_KERNEL_BUFFER = 32 * 1024  # the kernel doubles it
_NO_HANDSHAKE = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Wire:
    """The writing end of one WebSocket. Call it from the event loop only.

    Where nothing waits in the transport, a frame goes to the kernel at once: the transport would collect it first, and
    look at every connection a second time. What the kernel does not take, the transport keeps, in order.
    """

    __slots__ = ("_protocol", "descriptor", "transport")

    def __init__(self, protocol: "FramedWebSocket") -> None:
        self._protocol = protocol
        self.transport = protocol.transport
        own = self.transport.get_extra_info("socket")
        encrypted = self.transport.get_extra_info("sslcontext") is not None
        self.descriptor: int = -1 if own is None or encrypted else own.fileno()

    def write(self, frame: bytes) -> None:
        """Hand over a whole frame; nothing happens on a connection that is closing."""
        protocol = self._protocol
        if protocol.handshake_complete and not protocol.close_sent and not protocol.disconnected:
            self.offer(frame, _ANY)

    def offer(self, frame: bytes, most: int) -> bool:
        """:meth:`write`, unless more than ``most`` bytes wait already. Returns whether they do not.

        For connections that have not said goodbye: those in a room have not.
        """
        transport = self.transport
        waiting = transport.get_write_buffer_size()
        if waiting > most:
            return False
        if transport.is_closing():  # its descriptor may be another connection's already
            return True
        if waiting or self.descriptor < 0:
            transport.write(frame)
            return True
        try:
            sent = _write(self.descriptor, frame)
        except OSError:  # full, or broken: the transport waits, or finds out and ends the connection
            sent = 0
        if sent < len(frame):
            transport.write(frame[sent:])
        return True

    def backlog(self) -> int:
        """Bytes that the network has not taken yet."""
        return self.transport.get_write_buffer_size()

    def finish(self, code: int, reason: str) -> None:
        """Send a close frame; a peer that does not answer it in two seconds is cut off."""
        self._protocol.finish(code, reason)


class Wires:
    """Many wires that get the same frame. Each delivery touches no more of a connection than it must."""

    __slots__ = ("_descriptors", "_transports", "_wires")

    def __init__(self) -> None:
        self._wires: list[Wire] = []
        self._transports: list[asyncio.Transport] = []
        self._descriptors = array("i")

    def __len__(self) -> int:
        return len(self._wires)

    def add(self, wire: Wire) -> None:
        """One more."""
        self._wires.append(wire)
        self._transports.append(wire.transport)
        self._descriptors.append(wire.descriptor)

    def part(self, start: int, end: int) -> "Wires":
        """Those from ``start`` on, up to ``end``."""
        part = Wires()
        part._wires = self._wires[start:end]
        part._transports = self._transports[start:end]
        part._descriptors = self._descriptors[start:end]
        return part

    def those(self, wanted: Callable[[Wire], bool]) -> "Wires":
        """Those that are still wanted."""
        if all(map(wanted, self._wires)):
            return self
        found = Wires()
        for wire in filter(wanted, self._wires):
            found.add(wire)
        return found

    def offer(self, frame: bytes, most: int) -> list[Wire]:
        """:meth:`Wire.offer` to each. Returns those where more than ``most`` bytes wait."""
        size, full = len(frame), list[Wire]()
        for wire, transport, descriptor in zip(self._wires, self._transports, self._descriptors, strict=True):
            if transport.get_write_buffer_size() or transport.is_closing() or descriptor < 0:
                if not wire.offer(frame, most):
                    full.append(wire)
                continue
            try:
                sent = _write(descriptor, frame)
            except OSError:
                sent = 0
            if sent < size:
                transport.write(frame[sent:])
        return full


class FramedWebSocket(WebSocketsSansIOProtocol):
    """What uvicorn's ``ws`` setting names."""

    _served = True  # by nobody yet, as long as no application runs

    def connection_made(self, transport: BaseTransport) -> None:
        """Keep the kernel's buffer small: what it hides from the backlog, a slow reader gets late and all at once."""
        super().connection_made(transport)
        own = transport.get_extra_info("socket")
        if own is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)

    def data_received(self, data: bytes) -> None:
        """Read on. A head that makes no handshake, which uvicorn would wait on for ever, is refused."""
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():  # the head comes in one piece
            self.transport.write(_NO_HANDSHAKE)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The network has let go."""
        super().connection_lost(exc)
        self._let_go()

    async def run_asgi(self) -> None:
        """Offer the handle to the application, then run it."""
        extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
        extensions[EXTENSION] = Wire(self)
        self._served = False
        try:
            await super().run_asgi()
        finally:
            self._served = True
            self._let_go()

    def _let_go(self) -> None:
        """Once both sides have: untie what refers to itself. The collector looks at old objects hardly ever (see
        ``tune_garbage_collector``), so each connection that had lasted would leave its 30 KB behind.
        """
        if not (self.disconnected and self._served):
            return
        if self.handshake_initiated and hasattr(self, "scope"):
            self.scope["extensions"].pop(EXTENSION, None)
        self.conn.parser.close()
        self.conn.parser_exc = self.conn.handshake_exc = None

    async def send(self, message: ASGISendEvent) -> None:
        """As uvicorn does; with the handshake done its request and reply are not needed any more."""
        await super().send(message)
        if message["type"] == "websocket.accept":
            del self.request, self.response

    def finish(self, code: int, reason: str) -> None:
        """What the ASGI ``websocket.close`` does, without waiting for a slow peer to read."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            self.transport.abort()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = asyncio.get_running_loop().call_later(_FAREWELL, self.transport.abort)
