"""Live watchers of all three kinds, who come back when a connection ends and leave by themselves now and then."""

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
import httpx
import socketio
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

_CHANNEL = "board:main"
_PAUSE_S = 1.0
_STAYS_S = 45.0
_CONNECTS_WITHIN_S = 5


class Watchers:
    """Three on WebSocket, one on Socket.IO, one on Server-Sent Events."""

    def __init__(self, realtime_url: str) -> None:
        self._url = realtime_url
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Watch until ``end``."""
        rounds = [self._socket, self._socket, self._socket, self._stock, self._stream]
        self._tasks = [asyncio.create_task(round_()) for round_ in rounds]

    async def end(self) -> None:
        """Leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _socket(self) -> None:
        seen: dict[str, Any] = {}
        address = self._url.replace("http", "ws", 1) + "/api/v1/ws/leaderboard"
        while True:
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                async with asyncio.timeout(_STAYS_S), connect(address, open_timeout=_CONNECTS_WITHIN_S) as socket:
                    since = {"since": {"epoch": seen["epoch"], "seq": seen["seq"]}} if seen.get("epoch") else {}
                    await socket.send(json.dumps({"type": "subscribe", "channels": [_CHANNEL], **since}))
                    async for text in socket:
                        message = json.loads(text)
                        if message["type"].startswith("leaderboard."):
                            seen = message
                        elif message["type"] == "ping":
                            await socket.send('{"type":"pong"}')
            await asyncio.sleep(_PAUSE_S)

    async def _stock(self) -> None:
        async with aiohttp.ClientSession() as session:  # closed even where a connection is given up half way
            while True:
                client = socketio.AsyncClient(reconnection=False, http_session=session)
                with contextlib.suppress(socketio.exceptions.SocketIOError, TimeoutError):
                    try:
                        async with asyncio.timeout(_STAYS_S):
                            await client.connect(self._url, transports=["websocket"], wait_timeout=_CONNECTS_WITHIN_S)
                            await client.emit("message", {"type": "subscribe", "channels": [_CHANNEL]})
                            await client.wait()
                    finally:
                        await client.shutdown()
                await asyncio.sleep(_PAUSE_S)

    async def _stream(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=_STAYS_S, trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError, TimeoutError):
                    async with asyncio.timeout(_STAYS_S), client.stream("GET", "/api/v1/live/boards/main") as reply:
                        async for _ in reply.aiter_lines():
                            pass
                await asyncio.sleep(_PAUSE_S)
