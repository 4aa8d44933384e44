"""Server-Sent Events at ``/api/v1/live/boards/{key}``: one board for software that only listens.

``Last-Event-ID`` resumes. A refusal before the stream begins is an ordinary problem document.
"""

import asyncio
from typing import Any

from starlette.requests import Request

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.settings import Settings
from scoreboard_realtime.addresses import bearer, client_address
from scoreboard_realtime.channels import board_channel, parse
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.errors import Close
from scoreboard_realtime.messages import Subscribe
from scoreboard_realtime.problems import problem
from scoreboard_realtime.reception import Reception
from scoreboard_realtime.transports.mailbox import Mailbox

PATH = "/api/v1/live/boards/{key}"
_HEARTBEAT = b": heartbeat\n\n"
_RETRY = b"retry: 2000\n\n"


class EventStreamEndpoint:
    """An ASGI application for one path."""

    def __init__(self, reception: Reception, settings: Settings) -> None:
        self._reception = reception
        self._settings = settings

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one listener until it leaves."""
        request = Request(scope, receive)
        mailbox = Mailbox("sse", lambda parcel: len(parcel.sse))
        address = client_address(scope, self._settings.trusted_proxy_hops)
        connection = self._reception.meet(mailbox, address, listens_only=True)
        try:
            wanted = _subscription(request)
            await self._reception.arrive(connection, bearer(scope))
        except Refusal as refusal:
            if refusal.code in (ErrorCode.VALIDATION_ERROR, ErrorCode.NOT_FOUND):
                telemetry.rejected(refusal.code, transport="sse")
            await problem(refusal, scope["path"])(scope, receive, send)
            return
        try:
            await self._reception.obey(connection, wanted)
            await self._answer(connection, mailbox, scope, receive, send)
        finally:
            self._reception.leave(connection, "client")

    async def _answer(self, connection: Connection, mailbox: Mailbox, scope: Any, receive: Any, send: Any) -> None:
        first = mailbox.peek()
        if not connection.session.channels and first is not None and first.type == "error":
            body = first.content["error"]
            refusal = Refusal(body["code"], body["detail"], body.get("retry_after"))
            await problem(refusal, scope["path"])(scope, receive, send)
            return
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        watcher = asyncio.create_task(_watch(mailbox, receive))
        try:
            await self._stream(mailbox, send)
        finally:
            watcher.cancel()

    async def _stream(self, mailbox: Mailbox, send: Any) -> None:
        while True:
            try:
                parcel = await mailbox.next(self._settings.heartbeat)
            except TimeoutError:
                await send({"type": "http.response.body", "body": _HEARTBEAT, "more_body": True})
                continue
            if parcel is None:
                break
            # A listener that takes nothing for so long was told to go already; its task must not wait for ever.
            chunk = {"type": "http.response.body", "body": parcel.sse, "more_body": True}
            await asyncio.wait_for(send(chunk), 2 * self._settings.stale_close_after)
            mailbox.taken(parcel)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _watch(mailbox: Mailbox, receive: Any) -> None:
    """Notice that the listener went away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    mailbox.close(Close.NORMAL, "client")


def _subscription(request: Request) -> Subscribe:
    """What the address and ``Last-Event-ID`` ask for. Raises Refusal VALIDATION_ERROR."""
    season = request.query_params.get("season")
    name = f"board:{request.path_params['key']}" + (f"@{season}" if season is not None else "")
    channel = parse(name)
    epoch, _, seq = request.headers.get("last-event-id", "").rpartition(":")
    since = {"epoch": epoch, "seq": int(seq)} if epoch and seq.isascii() and seq.isdigit() and len(seq) < 16 else None
    return Subscribe(channels=(board_channel(channel.board or "", channel.season).name,), since=since)
