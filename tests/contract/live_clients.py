"""One client interface over the plain WebSocket and over Socket.IO, so that one script can speak through both."""

import asyncio
import json
from typing import Any, Protocol

import socketio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

EVENTS = (
    "message",
    "scoreboard_initial",
    "scoreboard_updated",
    "user_score_updated",
    "rank_changed",
    "job_completed",
    "correction",
    "server_drain",
)
QUIET = ("ping", "pong")


class LiveClient(Protocol):
    async def open(self, token: str | None = None) -> None: ...
    async def say(self, message: dict[str, Any]) -> None: ...
    async def hear(self, *types: str, within: float = 3.0) -> dict[str, Any]: ...
    async def silence(self, seconds: float = 0.4) -> list[dict[str, Any]]: ...
    async def closed(self, within: float = 5.0) -> int | None: ...
    async def leave(self) -> None: ...


class _Inbox:
    def __init__(self) -> None:
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.names: dict[str, set[str]] = {}

    async def hear(self, *types: str, within: float = 3.0) -> dict[str, Any]:
        """The next message; with ``types`` the next of one of these, skipping none but heartbeats."""
        async with asyncio.timeout(within):
            while True:
                message = await self.received.get()
                if message["type"] in QUIET and message["type"] not in types:
                    continue
                assert not types or message["type"] in types, message
                return message

    async def silence(self, seconds: float = 0.4) -> list[dict[str, Any]]:
        """What came although nothing should."""
        await asyncio.sleep(seconds)
        heard = []
        while not self.received.empty():
            message = self.received.get_nowait()
            if message["type"] not in QUIET:
                heard.append(message)
        return heard


class PlainClient(_Inbox):
    def __init__(self, http: str) -> None:
        super().__init__()
        self._url = http.replace("http", "ws", 1) + "/api/v1/ws/leaderboard"
        self._reader: asyncio.Task[None] | None = None
        self.socket: ClientConnection | None = None

    async def open(self, token: str | None = None) -> None:
        self.socket = await connect(self._url, compression=None, ping_interval=None)
        self._reader = asyncio.create_task(self._read())
        if token is not None:
            await self.say({"type": "auth", "token": token})

    async def _read(self) -> None:
        assert self.socket is not None
        try:
            async for text in self.socket:
                message = json.loads(text)
                self.received.put_nowait(message)
        except ConnectionClosed:
            return

    async def say(self, message: dict[str, Any]) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps(message))

    async def closed(self, within: float = 5.0) -> int | None:
        assert self.socket is not None
        async with asyncio.timeout(within):
            await self.socket.wait_closed()
        return self.socket.close_code

    async def leave(self) -> None:
        if self.socket is not None:
            await self.socket.close()
        if self._reader is not None:
            await self._reader


class SocketIoClient(_Inbox):
    def __init__(self, http: str, transports: tuple[str, ...] = ("websocket",)) -> None:
        super().__init__()
        self._http = http
        self._transports = list(transports)
        self.client = socketio.AsyncClient(reconnection=False)
        self._gone = asyncio.Event()
        self.last_error: dict[str, Any] | None = None
        for name in EVENTS:
            self.client.on(name, self._taker(name))
        self.client.on("disconnect", self._left)

    def _taker(self, name: str) -> Any:
        async def take(message: dict[str, Any]) -> None:
            self.names.setdefault(message["type"], set()).add(name)
            if message["type"] == "error":
                self.last_error = message
            self.received.put_nowait(message)

        return take

    async def _left(self, reason: str) -> None:
        self._gone.set()

    async def open(self, token: str | None = None) -> None:
        auth = {"token": token} if token is not None else None
        await self.client.connect(self._http, auth=auth, transports=self._transports, wait_timeout=5)

    async def say(self, message: dict[str, Any]) -> None:
        await self.client.emit("message", message)

    async def closed(self, within: float = 5.0) -> int | None:
        """Socket.IO shows no close code: the last error names it."""
        async with asyncio.timeout(within):
            await self._gone.wait()
        return (self.last_error or {}).get("error", {}).get("close")

    async def leave(self) -> None:
        await self.client.disconnect()
        await self.client.shutdown()
