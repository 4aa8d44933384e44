"""Plain WebSocket at ``/api/v1/ws/leaderboard``: envelopes as they are, one JSON text each."""

import asyncio
import contextlib
from typing import Any

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard_realtime import messages
from scoreboard_realtime.addresses import client_address
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.errors import Close, close_code
from scoreboard_realtime.parcel import Codec, Parcel
from scoreboard_realtime.reception import Reception
from scoreboard_realtime.transports.mailbox import Mailbox
from scoreboard_realtime.wire import EXTENSION, Wire

PATH = "/api/v1/ws/leaderboard"
_NAME = "websocket"


class _WireOutlet:
    """Writes frames straight to the transport."""

    transport = _NAME
    codec = Codec.PLAIN

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def send(self, parcel: Parcel) -> None:
        self._wire.write(parcel.frame)

    def wire(self) -> Wire:
        return self._wire

    def backlog(self) -> int:
        return self._wire.backlog()

    def close(self, code: Close, reason: str) -> None:
        self._wire.finish(code, reason)


class WebSocketEndpoint:
    """An ASGI application for one path."""

    def __init__(self, reception: Reception, trusted_hops: int) -> None:
        self._reception = reception
        self._trusted_hops = trusted_hops

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection until it ends."""
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        wire: Wire | None = scope.get("extensions", {}).get(EXTENSION)
        outlet = _WireOutlet(wire) if wire is not None else Mailbox(_NAME, lambda parcel: len(parcel.text))
        address = client_address(scope, self._trusted_hops)
        connection = self._reception.meet(outlet, address, heartbeats=True)
        try:
            await self._reception.arrive(connection)
        except Refusal as refusal:
            close = close_code(refusal.code)
            farewell = messages.error(refusal, telemetry.utc_now(), close=close)
            await send({"type": "websocket.send", "text": farewell.text})
            await send({"type": "websocket.close", "code": int(close), "reason": str(refusal.code)})
            return
        sender = asyncio.create_task(_send_all(outlet, send)) if isinstance(outlet, Mailbox) else None
        try:
            await self._listen(connection, receive)
        finally:
            self._reception.leave(connection, "client")
            if sender is not None:
                outlet.close(Close.NORMAL, "")
                await sender

    async def _listen(self, connection: Connection, receive: Any) -> None:
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                if event.get("code") == Close.TOO_BIG and not connection.closed:
                    telemetry.rejected(ErrorCode.PAYLOAD_TOO_LARGE, transport=_NAME)
                return
            content = event.get("text")
            if content is None:
                content = event.get("bytes") or b""
            await self._reception.heard(connection, len(content), content)


async def _send_all(mailbox: Mailbox, send: Any) -> None:
    """Where the server offers no handle: one ASGI message after the other."""
    with contextlib.suppress(OSError):
        while (parcel := await mailbox.next()) is not None:
            await send({"type": "websocket.send", "text": parcel.text})
            mailbox.taken(parcel)
        code, reason = mailbox.closed or (Close.NORMAL, "")
        await send({"type": "websocket.close", "code": int(code), "reason": reason})
