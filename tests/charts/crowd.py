"""Players behind a balancer: each scores without ever asking twice, and watches its own score without a gap."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx2 as httpx
import socketio
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.stage import Person, until

BOARD, KIND = "main", "tap"


@dataclass
class Watcher:
    """Follows one player's score over one connection after another, from where the last one stopped."""

    person: Person
    url: str
    score: int | None = None
    since: dict[str, Any] | None = None
    connections: int = 0
    updates: int = 0
    gaps: list[str] = field(default_factory=list)
    fresh: bool = False

    def heard(self, message: dict[str, Any]) -> None:
        """Take a message; a score that does not continue the one before is a lost update."""
        data = message["data"]
        if message["type"] == "standing.initial":
            scores = [each["score"] for each in data["standings"] if each["board"] == BOARD]
            self.score, self.fresh = (scores[0] if scores else None), True
        elif message["type"] == "score.update" and data["board"] == BOARD:
            if data["score"]["previous"] != self.score:
                self.gaps.append(f"{data['score']['previous']} after {self.score} (connection {self.connections})")
            self.score = data["score"]["current"]
            self.updates += 1
        if message["channel"] == "me" and message["epoch"] is not None:
            self.since = {"epoch": message["epoch"], "seq": message["seq"]}

    @property
    def greeting(self) -> dict[str, Any]:
        since = {"since": {"me": self.since}} if self.since else {}
        return {"type": "subscribe", "channels": ["me"], **since}

    async def by_websocket(self) -> None:
        """Watch over plain WebSocket until cancelled."""
        address = self.url.replace("http", "ws", 1) + "/api/v1/ws/leaderboard"
        while True:
            with contextlib.suppress(OSError, WebSocketException):
                async with connect(address, compression=None, ping_interval=None) as socket:
                    self.connections += 1
                    token = self.person.session["access_token"]
                    await socket.send(json.dumps({"type": "auth", "token": token}))
                    await socket.send(json.dumps(self.greeting))
                    async for text in socket:
                        self.heard(json.loads(text))
            await asyncio.sleep(0.05)

    async def by_polling(self) -> None:
        """Watch over Socket.IO's long polling, which needs stickiness, until cancelled."""
        while True:
            # The jar of its own takes cookies of an address without a name, as this balancer has.
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
                client = socketio.AsyncClient(reconnection=False, http_session=http)
                for name in ("message", "user_score_updated"):
                    client.on(name, self._take)
                try:
                    auth = {"token": self.person.session["access_token"]}
                    await client.connect(self.url, auth=auth, transports=["polling"], wait_timeout=5)
                    self.connections += 1
                    await client.emit("message", self.greeting)
                    await client.wait()
                except (socketio.exceptions.SocketIOError, aiohttp.ClientError):
                    await asyncio.sleep(0.05)
                finally:
                    await client.shutdown()

    async def _take(self, message: dict[str, Any]) -> None:
        self.heard(message)


class Load:
    """Scores of all players through the balancer, each request sent once; what is refused or lost is kept."""

    def __init__(self, people: list[Person]) -> None:
        self._people = people
        self._stop = asyncio.Event()
        self.acknowledged: list[dict[str, Any]] = []
        self.lost: list[str] = []
        self.by_player: dict[str, int] = {}

    async def run(self) -> None:
        """Play until told to stop."""
        async with asyncio.TaskGroup() as group:
            for person in self._people:
                group.create_task(self._play(person))

    def stop(self) -> None:
        self._stop.set()

    async def _play(self, person: Person) -> None:
        while not self._stop.is_set():
            try:
                reply = await person.post("/api/v1/actions", {"kind": KIND})
                if reply.status_code == 201:
                    reply = await person.complete(reply.json())
            except httpx.HTTPError as error:
                self.lost.append(repr(error))
                continue
            if reply.status_code != 200:
                self.lost.append(f"{reply.status_code} {reply.text[:200]}")
                continue
            self.acknowledged.append(reply.json())
            self.by_player[person.id] = self.by_player.get(person.id, 0) + 1
            await asyncio.sleep(0.02)

    async def more(self, count: int) -> None:
        """Wait until so many more were answered."""
        goal = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= goal, within=30, what=f"{count} more answers ({self.lost[-3:]})")
