"""Socket.IO at ``/socket.io``: the stock client works, over WebSocket or long polling.

python-socketio does the handshakes, upgrades and heartbeats. Messages go around its emit, which costs a task and an
encoding for each recipient: as whole frames to the WebSocket, or as ready packets into the Engine.IO queue.
"""

import asyncio
import logging
from typing import Any

import msgspec
import socketio
from engineio.packet import CLOSE, MESSAGE, NOOP, Packet
from socketio.exceptions import ConnectionRefusedError as HandshakeRefused

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.live.gcra import Limit
from scoreboard.settings import Settings
from scoreboard_realtime import messages
from scoreboard_realtime.addresses import client_address
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.errors import Close, close_code
from scoreboard_realtime.inbound_rate import Rate
from scoreboard_realtime.parcel import Codec, Parcel, text_frame
from scoreboard_realtime.reception import Reception
from scoreboard_realtime.transports.engineio import (
    NAME,
    EngineSocket,
    Members,
    WiredWebSocket,
    keep_scope_only,
    translate_request,
)
from scoreboard_realtime.wire import Wire

PATH = "/socket.io"
_EVENT = "2"  # Socket.IO packet types
_DISCONNECT = "1"
_EVENTS = ("message", *messages.INBOUND_EVENTS)
_DISCONNECT_FRAME = text_frame(f"{MESSAGE}{_DISCONNECT}")
_GRACE = 1.0
_PING_TIMEOUT = 20


class _Queued(Packet):  # type: ignore[misc]
    """A packet in Engine.IO's queue, with its text ready; tells the outlet when it is taken."""

    def __init__(self, outlet: "_Outlet", type_: int, data: str) -> None:
        super().__init__(type_, data)
        self.outlet: _Outlet | None = outlet

    def encode(self, b64: bool = False) -> Any:
        """Called by Engine.IO right before it writes."""
        outlet, self.outlet = self.outlet, None
        if outlet is not None:
            outlet.taken(self)
        return super().encode(b64)


class _Outlet:
    """Sends to one Socket.IO client. ``engine`` is its Engine.IO socket."""

    transport = NAME
    codec = Codec.SOCKETIO

    def __init__(self, engine: EngineSocket) -> None:
        self._engine = engine
        self._held: list[Parcel] | None = []
        self._queued = 0
        self._queued_bytes = 0

    def open(self) -> None:
        """The CONNECT packet is on its way. The marker behind it keeps direct frames from overtaking it."""
        held, self._held = self._held or [], None
        self._queue(NOOP, "")
        for parcel in held:
            self.send(parcel)

    def send(self, parcel: Parcel) -> None:
        if self._held is not None:
            self._held.append(parcel)
            return
        wire = self.wire()
        if wire is not None:
            wire.write(parcel.packet_frame)
        elif not self._engine.closed:
            self._queue(MESSAGE, parcel.packet)

    def wire(self) -> Wire | None:
        """The WebSocket, once nothing waits that a frame could overtake; nothing is queued after that."""
        if self._held is not None or self._queued or not self._engine.upgraded:
            return None
        return self._engine.wire

    def _queue(self, type_: int, data: str) -> None:
        self._queued += 1
        self._queued_bytes += len(data)
        self._engine.queue.put_nowait(_Queued(self, type_, data))

    def taken(self, packet: _Queued) -> None:
        """Engine.IO writes the packet now."""
        self._queued -= 1
        self._queued_bytes -= len(packet.data)

    def backlog(self) -> int:
        wire = self._engine.wire
        return self._queued_bytes + (wire.backlog() if wire is not None else 0)

    def close(self, code: Close, reason: str) -> None:
        """End the connection: so that the stock client comes back where it should, and stays away where it must not.

        It reconnects by itself when the transport closes, and not after a DISCONNECT packet.
        """
        returns = code in (Close.RESTARTING, Close.OVERLOADED) or Close.TIMED_OUT <= code < Close.REVOKED
        wire = self.wire()
        if wire is not None:
            if not returns:
                wire.write(_DISCONNECT_FRAME)
            wire.finish(code, reason)
            return
        # Not both: the stock client acts on a CLOSE before a DISCONNECT in the same payload.
        if returns:
            self._queue(CLOSE, "")
        else:
            self._queue(MESSAGE, _DISCONNECT)
        asyncio.get_running_loop().call_later(_GRACE, self._cut, code, reason)

    def _cut(self, code: Close, reason: str) -> None:
        if self._engine.wire is not None:
            self._engine.wire.finish(code, reason)
        if not self._engine.closed:
            task = asyncio.get_running_loop().create_task(self._engine.close(wait=False, abort=True))
            _closing.add(task)
            task.add_done_callback(_closing.discard)


_closing: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks only weakly


def _start_nobodys(target: Any, *args: Any, **kwargs: Any) -> "asyncio.Task[Any]":
    return telemetry.start_nobodys_task(target(*args, **kwargs))


class LiveSocketIO(socketio.AsyncServer):  # type: ignore[misc]
    """The Socket.IO server of the process."""

    def __init__(self, reception: Reception, settings: Settings) -> None:
        origins: Any = "*" if "*" in settings.allowed_origins else list(settings.allowed_origins)
        super().__init__(
            async_mode="asgi",
            async_handlers=False,
            client_manager=Members(),
            cors_allowed_origins=origins,
            cors_credentials=False,
            transports=["polling", "websocket"] if settings.polling else ["websocket"],
            ping_interval=settings.heartbeat,
            ping_timeout=_PING_TIMEOUT,
            max_http_buffer_size=settings.socket_payload,
            http_compression=False,
            logger=logging.getLogger("socketio.server"),
            engineio_logger=logging.getLogger("engineio.server"),
        )
        own = {"websocket": WiredWebSocket, "translate_request": translate_request}
        self.eio._async = {**self.eio._async, **own}
        # Its one watcher of all connections would go on with the ids of the first.
        self.eio.start_background_task = _start_nobodys
        self._reception = reception
        self._settings = settings
        self._live: dict[str, Connection] = {}
        self._silent: dict[str, float] = {}
        self.on("connect", self._arrive)
        self.on("disconnect", self._leave)
        self.on("*", self._hear)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> str | None:
        if len(self.eio.sockets) > self._settings.sockets_per_pod:
            telemetry.connect_refused(ErrorCode.OVERLOADED, NAME)
            return str(ErrorCode.OVERLOADED)
        self._silent[eio_sid] = asyncio.get_running_loop().time()
        engine = self.eio.sockets[eio_sid]
        engine.__class__ = EngineSocket  # Engine.IO offers no other way to name the class of its sockets
        engine.rate = Rate(Limit(self._settings.socket_rate, self._settings.socket_burst))
        await super()._handle_eio_connect(eio_sid, environ)
        return None

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._silent.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        """Whatever is not an event is rare; more than the allowed rate of it, or nonsense, ends the connection."""
        engine = self.eio.sockets.get(eio_sid)
        if engine is None:
            return
        refused = None
        if not (isinstance(data, str) and data.startswith(_EVENT)) and engine.rate.take(
            asyncio.get_running_loop().time()
        ):
            refused = ErrorCode.TOO_MANY_REQUESTS
        else:
            try:
                await super()._handle_eio_message(eio_sid, data)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
                refused = ErrorCode.VALIDATION_ERROR
        if refused is not None and not engine.closed:
            telemetry.rejected(refused, transport=NAME)
            await engine.close(wait=False)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id_: int | None, data: Any) -> None:
        """Let only our own event names through: python-socketio would take a client's ``disconnect`` for its own."""
        if isinstance(data, list) and data and data[0] in _EVENTS:
            await super()._handle_event(eio_sid, namespace, id_, data)
            return
        connection = self._live.get(str(self.manager.sid_from_eio_sid(eio_sid, "/")))
        if connection is not None:
            await self._reception.heard(connection, 0, None)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        keep_scope_only(self.environ.get(eio_sid))
        connection = self._live.get(str(self.manager.sid_from_eio_sid(eio_sid, "/")))
        if connection is not None and isinstance(connection.outlet, _Outlet):
            self._silent.pop(eio_sid, None)
            connection.outlet.open()

    async def _arrive(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        scope = environ["asgi.scope"]
        engine = self.eio.sockets[self.manager.eio_sid_from_sid(sid, "/")]
        address = client_address(scope, self._settings.trusted_proxy_hops)
        connection = self._reception.meet(_Outlet(engine), address)
        try:
            await self._reception.arrive(connection, _token(auth))
        except Refusal as refusal:
            envelope = messages.error(refusal, telemetry.utc_now(), close=close_code(refusal.code))
            raise HandshakeRefused(str(refusal.code), msgspec.to_builtins(envelope.content)) from refusal
        if engine.closing or engine.closed:  # while it waited to be let in: nobody would tell us again
            self._reception.leave(connection, "client")
            raise HandshakeRefused("the connection has ended")
        self._live[sid] = connection

    async def _leave(self, sid: str, reason: str) -> None:
        connection = self._live.pop(sid, None)
        if connection is None:
            return
        self._reception.leave(connection, "client")
        engine = self.eio.sockets.get(str(self.manager.eio_sid_from_sid(sid, "/")))
        if engine is not None and not engine.closing and not engine.closed:
            self._silent[engine.sid] = asyncio.get_running_loop().time()

    async def _hear(self, event: str, sid: str, *arguments: Any) -> None:
        connection = self._live.get(sid)
        if connection is None:
            return
        content = arguments[0] if arguments else {}
        if event != "message" and isinstance(content, dict):
            content = {"type": event, **content}
        # Engine.IO bounds the size of a packet; what counts here is only how often one comes.
        await self._reception.heard(connection, 0, content)

    async def close_silent(self) -> None:
        """Close Engine.IO sockets on which no Socket.IO connection was opened in time."""
        limit = asyncio.get_running_loop().time() - self._settings.auth_timeout
        for eio_sid in [sid for sid, since in self._silent.items() if since < limit]:
            self._silent.pop(eio_sid, None)
            engine = self.eio.sockets.get(eio_sid)
            if engine is not None and not engine.closed:
                await engine.close(wait=False)

    async def finish(self) -> None:
        """Let go of everything that is still open, so that the process can stop."""
        for engine in list(self.eio.sockets.values()):
            if not engine.closed:
                await engine.close(wait=False)
        if self.eio.service_task_handle is not None:
            await self.shutdown()


def _token(auth: Any) -> str | None:
    """The token of the handshake's ``auth``; anything that is not text counts as a wrong one."""
    if not isinstance(auth, dict) or auth.get("token") is None:
        return None
    token = auth["token"]
    return token if isinstance(token, str) and token.isascii() else "?"
