"""While a board is frozen, no route and no live message tells a real rank or somebody else's real score.

Walks what ``test_visibility`` walks, in the same way: a route that is new there is asked here too.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2 as httpx
import pytest

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.configure import configure
from scoreboard.usecases.freeze_boards import freeze_boards
from scoreboard.usecases.raise_cases import raise_cases
from tests.conftest import open_api
from tests.contract.live_clients import PlainClient, SocketIoClient
from tests.security.callers import open_caller
from tests.security.conftest import Count
from tests.security.test_visibility import ASKED, Scene, Stream, ask, drained, tap
from tests.stage import Person, Service, Stores, register, until

WON, CAME_LATE = 881_000_881, 882_000_882
"""What the third of the frozen board and a newcomer have gained since."""
PUBLIC_SCORES = (100, 90, 80)
OUTSIDERS = (None, Role.PLAYER, Role.SERVICE, Role.PLATFORM_CONFIG)


@dataclass
class Frozen:
    """A frozen board: three players in the order of their public scores; the third leads in truth, a newcomer follows.

    ``scene`` names the same people for the walk's questions.
    """

    scene: Scene
    players: list[Person]
    newcomer: Person

    @property
    def ranks(self) -> dict[str, int]:
        return {person.id: rank for rank, person in enumerate(self.players, 1)}

    def leaks(self, text: str, caller: str | None = None) -> list[str]:
        """What of an answer or a message to ``caller`` (a player's id) should not be in it."""
        own = {self.players[2].id: str(WON + PUBLIC_SCORES[2]), self.newcomer.id: str(CAME_LATE)}
        points = [str(WON), str(CAME_LATE), *own.values()]
        found = [] if caller in own else [score for score in points if score in text]
        if caller != self.newcomer.id and self.newcomer.username in text and '"entries"' in text:
            found.append(f"{self.newcomer.username} is on the board")
        try:
            self._walk(json.loads(text), caller, found)
        except ValueError:
            return found  # a page, not data
        return found

    def _walk(self, node: Any, caller: str | None, found: list[str]) -> None:
        if isinstance(node, list):
            for one in node:
                self._walk(one, caller, found)
        if not isinstance(node, dict):
            return
        named = node.get("player_id")
        about = named if isinstance(named, str) else caller
        known = self.ranks.get(str(about))
        if node.get("board") == "dense" or about in self.ranks:
            wrong = [rank for rank in _numbers(node.get("rank")) if rank != known]
            found.extend(f"rank {rank} of {about}: {str(node)[:200]}" for rank in wrong)
        if node.get("board") == "dense" and node.get("total") not in (None, len(self.players)):
            found.append(f"total {node['total']}")
        # What a completion answers on top is about its first board.
        if any(one.get("board") == "dense" for one in node.get("standings", []) if isinstance(one, dict)):
            found.extend(f"rank {rank} on top" for rank in _numbers(node.get("rank")) if rank != known)
        for one in node.values():
            self._walk(one, caller, found)


def _numbers(rank: Any) -> list[int]:
    each = rank.values() if isinstance(rank, dict) else [rank]
    return [one for one in each if isinstance(one, int)]


@pytest.fixture(scope="module")
async def frozen(stores: Stores) -> AsyncIterator[Frozen]:
    async with open_api(stores) as api:
        players = [await register(api.client, f"known-{place}-{secrets.token_hex(4)}") for place in (1, 2, 3)]
        for person, points in zip(players, PUBLIC_SCORES, strict=True):
            assert (await tap(person, points)).status_code == 200
        board = replace(await api.platform.catalog.board("dense"), frozen_from=utc_now())
        await configure(api.platform, [board], [], managed_by="test")
        assert await freeze_boards(api.platform) == 1
        newcomer = await register(api.client, f"newcomer-{secrets.token_hex(6)}")
        leader = players[2]
        assert (await tap(leader, WON)).status_code == 200
        assert (await tap(newcomer, CAME_LATE)).status_code == 200
        begun = await leader.begin("match")
        job = await leader.post("/api/v1/actions/execute", {"action_id": secrets.token_hex(8), "kind": "tap"})
        now = utc_now()
        event = SuspicionEvent(UUID(leader.id), now, CaseSource.RULES, "frequency", 0.3, 0.8, Verdict.FLAG)
        suspect = Suspect(UUID(leader.id), Verdict.FLAG, CaseSource.RULES, (event,))
        cases = await api.platform.database.transact(lambda tx: raise_cases(tx, [suspect], now))
        others = dict(zip(PlayerStatus, (newcomer, *players[:2]), strict=False))
        scene = Scene(api, leader, begun, job.json()["job_id"], str(cases[UUID(leader.id)]), others)
        yield Frozen(scene, players, newcomer)


async def test_no_route_tells_an_outsider_more_than_the_frozen_board(frozen: Frozen, count: Count) -> None:
    api, found, asked = frozen.scene.api, [], 0
    for route, wishes in sorted(ASKED.items()):
        for role in OUTSIDERS:
            headers: dict[str, str] = {}
            caller = None
            if role is not None:
                opened = await open_caller(api.platform, api.wiring.tokens, role)
                headers, caller = opened.headers, str(opened.player.id)
            for wish in wishes(frozen.scene):
                reply = await ask(api, route, wish, headers)
                asked += 1
                if reply.status_code >= 500:
                    found.append(f"{route} as {role}: {reply.status_code} {reply.text[:200]}")
                found += [f"{route} as {role}: {leak}" for leak in frozen.leaks(reply.text, caller)]
        api.client.cookies.clear()
    assert not found, "\n".join(found)
    count("requests of outsiders for a frozen board's truth", asked)


async def test_players_of_the_board_are_told_their_own_score_and_the_frozen_rank(frozen: Frozen) -> None:
    api = frozen.scene.api
    for person in (*frozen.players, frozen.newcomer):
        paths = [f"boards/dense/{path}" for path in ("me", "around", "top", "entries", "seasons")]
        replies: list[httpx.Response] = [await tap(person, 0)]
        replies += [await person.get(f"/api/v1/{path}") for path in (*paths, "players/me/history")]
        for reply in replies:
            assert reply.status_code in (200, 404), reply.text
            assert frozen.leaks(reply.text, person.id) == [], reply.text
    leader = frozen.players[2]
    mine = (await leader.get("/api/v1/boards/dense/me")).json()
    assert (mine["score"], mine["rank"]) == (WON + PUBLIC_SCORES[2], 3)
    judge = (await open_caller(api.platform, api.wiring.tokens, Role.MODERATOR)).person(api.client)
    entries = (await judge.get("/api/v1/boards/dense/entries")).json()["entries"]
    real = {entry["player_id"]: (entry["rank"], entry["score"]) for entry in entries}
    assert real[leader.id][1] == WON + PUBLIC_SCORES[2]
    assert real[frozen.newcomer.id] == (1, CAME_LATE)
    assert frozen.leaks((await judge.get("/api/v1/boards/dense/entries")).text), "the walk would see a leak"


async def test_no_live_message_tells_more_than_the_frozen_board(frozen: Frozen, tmp_path: Path) -> None:
    api, leader = frozen.scene.api, frozen.players[2]
    service = Service("realtime", {**api.environment, "SCOREBOARD_SOCKETS_PER_ADDRESS": "50"}, tmp_path / "log")
    service.start()
    listeners: dict[str, Person | None] = {"spectator": None, "first": frozen.players[0], "leader": leader}
    heard: dict[str, list[str]] = {name: [] for name in listeners}
    clients: dict[str, PlainClient | SocketIoClient] = {}
    stream, listening = Stream(), None
    try:
        await service.ready()
        listening = asyncio.create_task(stream.listen(service.url))
        for number, (name, person) in enumerate(listeners.items()):
            clients[name] = PlainClient(service.url) if number % 2 else SocketIoClient(service.url)
            await clients[name].open(person.session["access_token"] if person is not None else None)
            channels = ["board:dense"] + (["me"] if person is not None else [])
            await clients[name].say({"type": "subscribe", "channels": channels})

        async def everybody_hears(word: str, *names: str) -> bool:
            for name, client in clients.items():
                await drained(client, heard[name])
            return all(word in "".join(heard[name]) for name in names)

        await until(lambda: everybody_hears("leaderboard.initial", *clients), what="the snapshots")
        await until(lambda: any("leaderboard.initial" in line for line in stream.lines), what="the stream")
        for points in (5, 6, 7):
            assert (await tap(frozen.players[0], points)).status_code == 200
            assert (await tap(leader, points)).status_code == 200
        # Somebody leaves the frozen board and comes back: the last thing that everybody hears.
        for status in (PlayerStatus.HIDDEN, PlayerStatus.ACTIVE):
            await change_status(api.platform, frozen.players[1].username, status, by="test")
            await freeze_boards(api.platform)
        await until(lambda: everybody_hears("score.update", "first", "leader"), what="the own points")
        await asyncio.sleep(1)
        await everybody_hears("", *clients)
    finally:
        for client in clients.values():
            await client.leave()
        if listening is not None:
            listening.cancel()
        service.stop()
    texts = [line.removeprefix("data: ") for line in stream.lines if line.startswith("data: ")]
    for person, lines in ((None, texts), *((listeners[name], heard[name]) for name in heard)):
        for text in lines:
            tells_nothing_real(frozen, text, person)


def tells_nothing_real(frozen: Frozen, text: str, listener: Person | None) -> None:
    message, leader = json.loads(text), frozen.players[2]
    if message["type"].startswith("leaderboard"):
        ids = [entry["player_id"] for entry in message["data"]]
        assert [frozen.ranks[one] for one in ids] in ([1, 2, 3], [1, 3]), text
        assert str(WON) not in text
    elif message["type"] == "score.update":
        assert message["data"]["rank"] is None, text
    elif message["type"] == "rank.change":
        # The second is hidden and shown again: the third moves up and back, and nobody else moves.
        assert listener is leader, text
        assert set(message["data"]["rank"].values()) == {2, 3}, text
    else:
        assert frozen.leaks(text, listener.id if listener is not None else None) == [], text
