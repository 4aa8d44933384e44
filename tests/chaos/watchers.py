"""People who watch over live connections, and hold every message against what the protocol promises (I6, I7).

On one connection a channel's sequence never goes back, another generation begins with a snapshot, an own score goes on
from where it was, and what is shown is ranked as its scores demand and holds nobody who is concealed.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import socketio
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from scoreboard.domain.board import Board
from tests.ranking_model import Row, rank
from tests.stage import Person, until

BOARD = "main"
_MAIN = Board(BOARD, "All players")
_PAUSE = 0.05
RESTARTED = 1012


class Watcher:
    """Follows one board and the own score of one player, over one connection after another.

    Args:
        person: whose.
        addresses: of realtime processes; each connection goes to the next.
        concealed: ids of players whom it must never be shown.
    """

    def __init__(self, person: Person, addresses: list[str], concealed: set[str]) -> None:
        self.person, self.addresses, self._concealed = person, addresses, concealed
        self.problems: list[str] = []
        self.shown: dict[str, set[int]] = defaultdict(set)
        """player → scores that were shown of them."""
        self.score: int | None = None
        self.top: list[tuple[str, int]] = []
        self.fresh = False
        self.connections = 0
        self.updates = 0
        self.closes: list[int] = []
        self.drained = 0
        self._highest: dict[tuple[str, str], int] = {}
        self._epoch: dict[str, str] = {}
        self._since: dict[str, dict[str, Any]] = {}

    def connected(self) -> None:
        """A new connection knows nothing."""
        self.connections += 1
        self._highest.clear()
        self._epoch.clear()

    @property
    def greeting(self) -> dict[str, Any]:
        since = {"since": dict(self._since)} if self._since else {}
        return {"type": "subscribe", "channels": [f"board:{BOARD}", "me"], **since}

    def heard(self, message: dict[str, Any]) -> None:
        """Take a message and look for what is wrong with it."""
        kind = message["type"]
        if kind == "server.drain":
            self.drained += 1
        if kind == "subscribed" and message["data"]["resumed"]:
            self._epoch.update({channel: at["epoch"] for channel, at in self._since.items()})
        channel = message.get("channel")
        if channel is None or message.get("epoch") is None:
            return
        self._position(channel, kind, message["epoch"], message["seq"])
        if kind in ("leaderboard.initial", "leaderboard.update"):
            self._board(message["data"])
        elif kind == "standing.initial":
            scores = [each["score"] for each in message["data"]["standings"] if each["board"] == BOARD]
            self.score, self.fresh = (scores[0] if scores else None), True
        elif kind == "score.update" and message["data"]["board"] == BOARD:
            score = message["data"]["score"]
            if score["previous"] != self.score:
                self.problems.append(f"a gap: {score['previous']} after {self.score} on connection {self.connections}")
            self.score = score["current"]
            self.updates += 1

    def _position(self, channel: str, kind: str, epoch: str, seq: int) -> None:
        initial = kind.endswith(".initial")
        known = self._epoch.get(channel)
        if not initial and known is not None and epoch != known and channel != "me":
            self.problems.append(f"{kind} of generation {epoch} after {known} without a snapshot")
        highest = self._highest.get((channel, epoch), -1)
        if epoch and seq < highest:
            self.problems.append(f"{kind} on {channel} went back from {highest} to {seq}")
        self._epoch[channel] = epoch
        self._highest[channel, epoch] = max(seq, highest)
        if epoch:
            self._since[channel] = {"epoch": epoch, "seq": seq}
        else:
            self._since.pop(channel, None)

    def _board(self, entries: list[dict[str, Any]]) -> None:
        rows = [Row(UUID(e["player_id"]), e["username"], e["score"], e["reached_at"]) for e in entries]
        wanted = [(e.rank, str(e.player_id)) for e in rank(_MAIN, rows)]
        if [(e["rank"], e["player_id"]) for e in entries] != wanted:
            self.problems.append(f"ranked wrongly: {entries}")
        for entry in entries:
            self.shown[entry["player_id"]].add(entry["score"])
            if entry["player_id"] in self._concealed:
                self.problems.append(f"a concealed player is shown: {entry}")
        self.top = [(entry["player_id"], entry["score"]) for entry in entries]

    @property
    def url(self) -> str:
        """Where the next connection goes."""
        return self.addresses[self.connections % len(self.addresses)]

    async def by_websocket(self) -> None:
        """Watch over plain WebSocket until cancelled."""
        failed = 0
        while True:
            address = self.addresses[(self.connections + failed) % len(self.addresses)]
            try:
                async with connect(
                    address.replace("http", "ws", 1) + "/api/v1/ws/leaderboard", compression=None, ping_interval=None
                ) as socket:
                    self.connected()
                    await socket.send(json.dumps({"type": "auth", "token": self.person.session["access_token"]}))
                    await socket.send(json.dumps(self.greeting))
                    with contextlib.suppress(WebSocketException):
                        while True:
                            self.heard(json.loads(await socket.recv()))
                    self.closes.append(socket.close_code or 0)
            except (OSError, WebSocketException):
                failed += 1
            await asyncio.sleep(_PAUSE)

    async def by_socketio(self) -> None:
        """Watch over Socket.IO until cancelled."""
        failed = 0
        while True:
            address = self.addresses[(self.connections + failed) % len(self.addresses)]
            client = socketio.AsyncClient(reconnection=False)
            for name in ("message", "scoreboard_initial", "scoreboard_updated", "user_score_updated", "server_drain"):
                client.on(name, self._take)
            drained = self.drained
            try:
                auth = {"token": self.person.session["access_token"]}
                self.connected()
                await client.connect(address, auth=auth, transports=["websocket"], wait_timeout=5)
                await client.emit("message", self.greeting)
                await client.wait()
                if self.drained > drained:
                    self.closes.append(RESTARTED)
            except socketio.exceptions.SocketIOError:
                self.connections -= 1
                failed += 1
            finally:
                await client.shutdown()
            await asyncio.sleep(_PAUSE)

    async def _take(self, message: dict[str, Any]) -> None:
        self.heard(message)


@asynccontextmanager
async def watching(
    people: Sequence[Person], addresses: list[str], concealed: set[str] | None = None
) -> AsyncIterator[list[Watcher]]:
    """A watcher for each person, every other one over Socket.IO, connected and up to date; ended at the end."""
    watchers = [Watcher(person, addresses, concealed or set()) for person in people]
    tasks = [
        asyncio.create_task(each.by_socketio() if place % 2 else each.by_websocket())
        for place, each in enumerate(watchers)
    ]

    def fresh() -> bool:
        for task in tasks:
            if task.done():
                task.result()
        return all(each.fresh for each in watchers)

    try:
        await until(fresh, what="every watcher's first standing")
        yield watchers
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
