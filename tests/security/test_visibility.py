"""Held points, and players who are hidden, suspended or banned, show nowhere but to themselves and to moderators.

Walks every route that the applications have, and listens to what comes live. A new route fails here until it is told
below how to ask it for what it must not give.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx2 as httpx
import pytest

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.raise_cases import raise_cases
from tests.conftest import open_api
from tests.contract.live_clients import PlainClient, SocketIoClient
from tests.security.callers import open_caller
from tests.security.conftest import Count
from tests.security.routes import api_routes, realtime_routes
from tests.security.visibility_wishes import ASKED, CONCEALED, HELD_POINTS, PUBLIC, Scene, ask, tap
from tests.stage import Person, Service, Stores, register, until


@pytest.fixture(scope="module")
async def scene(stores: Stores) -> AsyncIterator[Scene]:
    async with open_api(stores) as api:
        held = await register(api.client)
        assert (await tap(held, PUBLIC)).status_code == 200
        now = utc_now()
        event = SuspicionEvent(UUID(held.id), now, CaseSource.RULES, "frequency", 0.3, 0.8, Verdict.HOLD)
        suspect = Suspect(UUID(held.id), Verdict.HOLD, CaseSource.RULES, (event,))
        cases = await api.platform.database.transact(lambda tx: raise_cases(tx, [suspect], now))
        begun = await held.begin("match")
        job = await held.post("/api/v1/actions/execute", {"action_id": secrets.token_hex(8), "kind": "tap"})
        assert (await tap(held, HELD_POINTS)).status_code == 202
        scene = Scene(api, held, begun, job.json()["job_id"], str(cases[UUID(held.id)]))
        for status, points in CONCEALED.items():
            person = await register(api.client, f"concealed-{status}-{secrets.token_hex(4)}")
            assert (await tap(person, points)).status_code == 200
            scene.concealed[status] = person
        for status, person in scene.concealed.items():
            await change_status(api.platform, person.username, status, by="test")
        yield scene


async def test_every_route_is_asked() -> None:
    assert await api_routes() == set(ASKED), "say in ASKED how an outsider asks the route"


async def test_no_route_shows_an_outsider_what_is_held_or_concealed(scene: Scene, count: Count) -> None:
    found, asked = [], 0
    for route, wishes in sorted(ASKED.items()):
        for role in (None, Role.PLAYER, Role.SERVICE, Role.PLATFORM_CONFIG):
            headers = {}
            if role is not None:  # a fresh one for each route: some end the session
                headers = (await open_caller(scene.api.platform, scene.api.wiring.tokens, role)).headers
            for wish in wishes(scene):
                reply = await ask(scene.api, route, wish, headers)
                asked += 1
                if reply.status_code >= 500:
                    found.append(f"{route} as {role}: {reply.status_code} {reply.text[:200]}")
                if scene.shown_in(reply.text):
                    found.append(f"{route} as {role} shows {scene.shown_in(reply.text)}")
        scene.api.client.cookies.clear()
    assert not found, "\n".join(found)
    count("requests of outsiders for what is concealed", asked)


async def test_the_owner_and_moderators_do_see_it(scene: Scene) -> None:
    """The walk above looks for the right things: they are there, for those whom they concern."""
    own = await scene.held.get("/api/v1/boards/dense/me")
    assert str(HELD_POINTS) in own.text
    assert str(HELD_POINTS) in (await scene.held.get("/api/v1/players/me/history")).text
    mia = (await open_caller(scene.api.platform, scene.api.wiring.tokens, Role.MODERATOR)).person(scene.api.client)
    assert str(HELD_POINTS) in (await mia.get(f"/api/v1/moderation/cases/{scene.case}")).text
    hidden = scene.concealed[PlayerStatus.HIDDEN]
    assert (await hidden.get("/api/v1/players/me")).json()["username"] == hidden.username
    for status, person in scene.concealed.items():
        assert (await mia.get(f"/api/v1/players/{person.id}")).json()["username"] == person.username
        found = await mia.get("/api/v1/moderation/players", query=person.username)
        assert [one["status"] for one in found.json()["items"]] == [status]
        assert str(CONCEALED[status]) in (await mia.get(f"/api/v1/players/{person.id}/history")).text


async def test_the_public_part_of_somebody_with_held_points_stays_public(scene: Scene) -> None:
    entries = (await scene.api.client.get("/api/v1/boards/dense/entries")).json()["entries"]
    assert (scene.held.username, PUBLIC) in [(entry["username"], entry["score"]) for entry in entries]


# --- Live -----------------------------------------------------------------------------------------------------------

LISTENED = {
    "realtime WEBSOCKET /api/v1/ws/leaderboard",
    "realtime SOCKETIO /socket.io",
    "realtime GET /api/v1/live/boards/{key}",
    "realtime GET /health/live",
    "realtime GET /health/ready",
    "realtime GET /health/startup",
}


async def test_every_live_route_is_listened_to() -> None:
    assert await realtime_routes() == LISTENED


@dataclass
class Stream:
    """A Server-Sent Events listener that keeps what it hears."""

    lines: list[str] = field(default_factory=list)

    async def listen(self, url: str) -> None:
        async with (
            httpx.AsyncClient(base_url=url) as client,
            client.stream("GET", "/api/v1/live/boards/dense", timeout=30) as reply,
        ):
            async for line in reply.aiter_lines():
                self.lines.append(line)


async def drained(client: PlainClient | SocketIoClient, into: list[str]) -> None:
    while not client.received.empty():
        into.append(json.dumps(client.received.get_nowait()))


async def test_no_live_message_shows_an_outsider_what_is_held_or_concealed(scene: Scene, tmp_path: Path) -> None:
    api = scene.api
    service = Service("realtime", {**api.environment, "SCOREBOARD_SOCKETS_PER_ADDRESS": "50"}, tmp_path / "log")
    service.start()
    stream, heard = Stream(), {"anonymous": list[str](), "other": list[str](), "owner": list[str]()}
    other = (await open_caller(api.platform, api.wiring.tokens)).person(api.client)
    clients: dict[str, PlainClient | SocketIoClient] = {}
    listening = None
    try:
        await service.ready()
        listening = asyncio.create_task(stream.listen(service.url))
        clients = {
            "anonymous": PlainClient(service.url),
            "other": SocketIoClient(service.url),
            "owner": PlainClient(service.url),
        }
        for name, person in (("anonymous", None), ("other", other), ("owner", scene.held)):
            token = person.session["access_token"] if person is not None else None
            await clients[name].open(token)
            channels = ["board:dense", "board:main"] + (["me"] if person is not None else [])
            await clients[name].say({"type": "subscribe", "channels": channels})

        async def snapshots() -> bool:
            for name, client in clients.items():
                await drained(client, heard[name])
            boards = all(any("leaderboard.initial" in text for text in texts) for texts in heard.values())
            return boards and all("standing.initial" in "".join(heard[name]) for name in ("other", "owner"))

        await until(snapshots, what="the snapshots")
        await until(lambda: any("leaderboard.initial" in line for line in stream.lines), what="the stream")
        await everything_happens(scene, other)
        fence = (await open_caller(api.platform, api.wiring.tokens)).person(api.client)
        assert (await tap(fence, 5)).status_code == 200

        async def fenced() -> bool:
            for name, client in clients.items():
                await drained(client, heard[name])
            everybody = ("".join(texts) for texts in (stream.lines, *heard.values()))
            return str(HELD_POINTS) in "".join(heard["owner"]) and all(fence.username in text for text in everybody)

        await until(fenced, what="the last update, and the owner hearing of the held points")
    finally:
        for client in clients.values():
            await client.leave()
        if listening is not None:
            listening.cancel()
        service.stop()
    for name, texts in (("anonymous", heard["anonymous"]), ("other", heard["other"]), ("stream", stream.lines)):
        shown = [(text[:300], scene.shown_in(text)) for text in texts if scene.shown_in(text)]
        assert not shown, (name, shown)
    types = {json.loads(text)["type"] for text in heard["other"]}
    assert {"leaderboard.initial", "leaderboard.update", "score.update", "correction", "rank.change"} <= types


async def everything_happens(scene: Scene, other: Person) -> None:
    """What the concealed do, what is done to held points, and a correction that touches a concealed player."""
    api = scene.api
    assert (await tap(other, 3)).status_code == 200
    assert (await tap(scene.concealed[PlayerStatus.HIDDEN], 1)).status_code == 200
    assert (await tap(scene.held, HELD_POINTS)).status_code == 202
    mia = (await open_caller(api.platform, api.wiring.tokens, Role.MODERATOR)).person(api.client)
    for person in (scene.concealed[PlayerStatus.HIDDEN], other):
        scope = {"player_id": person.id}
        preview = (await mia.post("/api/v1/moderation/corrections/preview", {"scope": scope})).json()
        body = {"scope": scope, "reason": "a test", "digest": preview["digest"]}
        made = await mia.post("/api/v1/moderation/corrections", body, Idempotency_Key=secrets.token_hex(8))
        assert made.status_code == 201, made.text
        undo = f"/api/v1/moderation/corrections/{made.json()['id']}/undo"
        undone = await mia.post(undo, {"reason": "a test"}, Idempotency_Key=secrets.token_hex(8))
        assert undone.status_code == 200, undone.text
    assert (await tap((await open_caller(api.platform, api.wiring.tokens)).person(api.client), 4)).status_code == 200
