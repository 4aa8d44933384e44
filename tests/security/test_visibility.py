"""Held points, and players who are hidden, suspended or banned, show nowhere but to themselves and to moderators.

Walks every route that the applications have, and listens to what comes live. A new route fails here until it is told
below how to ask it for what it must not give.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
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
from scoreboard.usecases.raise_cases import raise_cases
from tests.conftest import Api, open_api
from tests.contract.live_clients import PlainClient, SocketIoClient
from tests.security.callers import open_caller
from tests.security.conftest import Count
from tests.security.routes import api_routes, realtime_routes
from tests.stage import PASSWORD, Person, Service, Stores, register, until

HELD_POINTS = 918_273_645
CONCEALED = {
    PlayerStatus.HIDDEN: 771_000_001,
    PlayerStatus.SUSPENDED: 772_000_002,
    PlayerStatus.BANNED: 773_000_003,
}
PUBLIC = 11


@dataclass
class Scene:
    """Somebody whose points are held, three who are not to be seen, and what belongs to them."""

    api: Api
    held: Person
    held_action: dict[str, Any]
    held_job: str
    case: str
    concealed: dict[PlayerStatus, Person] = field(default_factory=dict)

    @property
    def people(self) -> list[Person]:
        return [self.held, *self.concealed.values()]

    def secrets(self) -> list[str]:
        """What nobody else may read: the names of the concealed, every score of theirs, the held points."""
        points = [HELD_POINTS, HELD_POINTS + PUBLIC, 2 * HELD_POINTS, 2 * HELD_POINTS + PUBLIC, *CONCEALED.values()]
        return [*(person.username for person in self.concealed.values()), *map(str, points)]

    def shown_in(self, text: str) -> list[str]:
        return [secret for secret in self.secrets() if secret in text]


async def tap(person: Person, points: int) -> httpx.Response:
    body = {"action_id": secrets.token_hex(8), "kind": "huge", "points": points}
    return await person.post("/api/v1/scores/update", body)


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


# --- Over HTTP ------------------------------------------------------------------------------------------------------

Wish = dict[str, Any]
Wishes = Callable[[Scene], list[Wish]]


def nothing(_: Scene) -> list[Wish]:
    return [{}]


def boards(_: Scene) -> list[Wish]:
    return [{"key": "dense", "params": params} for params in ({}, {"limit": 100})] + [{"key": "main"}]


def of_players(scene: Scene) -> list[Wish]:
    return [{"player_id": person.id} for person in scene.people]


def to_players(**body: Any) -> Wishes:
    return lambda scene: [{"player_id": person.id, "json": body} for person in scene.people]


def of_the_case(**body: Any) -> Wishes:
    return lambda scene: [{"case_id": scene.case, "json": body}]


def sent(**body: Any) -> Wishes:
    return lambda _: [{"json": body}]


def around(scene: Scene) -> list[Wish]:
    return [{"key": "dense", "params": {"player_id": person.id, "player": person.id}} for person in scene.people]


def lookups(scene: Scene) -> list[Wish]:
    return [{"key": key, "json": {"player_ids": [person.id for person in scene.people]}} for key in ("dense", "main")]


def log_ins(scene: Scene) -> list[Wish]:
    return [{"json": {"username": person.username, "password": "another password"}} for person in scene.people]


def registrations(scene: Scene) -> list[Wish]:
    return [{"json": {"username": person.username, "password": PASSWORD}} for person in scene.people]


def completions(scene: Scene) -> list[Wish]:
    token = scene.held_action["action_token"]
    return [{"action_id": scene.held_action["action_id"], "json": {"action_token": token, "points": 1}}]


def searches(scene: Scene) -> list[Wish]:
    return [{"params": {"query": person.username[:12]}} for person in scene.people]


def reports(scene: Scene) -> list[Wish]:
    return [{"json": {"player_id": person.id, "reason": "other"}} for person in scene.people]


def appeals(scene: Scene) -> list[Wish]:
    bodies = [{"username": person.username, "password": "another password"} for person in scene.people]
    return [{"json": {"words": "why?", **body}} for body in bodies]


def batches(scene: Scene) -> list[Wish]:
    items = [{"player_id": person.id, "action_token": scene.held_action["action_token"]} for person in scene.people]
    return [{"json": {"items": items}}]


def previews(scene: Scene) -> list[Wish]:
    return [{"json": {"scope": {"player_id": person.id}}} for person in scene.people]


def declared(**body: Any) -> Wishes:
    """Boards that have points held, and under a key that nobody minds."""
    return lambda _: [{"key": key, "json": body} for key in (("unminded",) if body else ("dense", "main", "unminded"))]


ASKED: dict[str, Wishes] = {
    **{f"GET /api/v1/admin/{what}": nothing for what in ("boards", "kinds", "policies", "seasons")},
    **{f"GET /api/v1/admin/{what}/{{key}}": declared() for what in ("boards", "kinds", "policies", "seasons")},
    "GET /api/v1/admin/seasons/{key}/snapshot": declared(),
    "PUT /api/v1/admin/boards/{key}": declared(title="Unminded"),
    "PUT /api/v1/admin/kinds/{key}": declared(title="Unminded", points=1, boards=["dense"]),
    "PUT /api/v1/admin/policies/{key}": declared(flag=0.5, hold=0.7, suspend=0.9, kinds=["slow"]),
    "PUT /api/v1/admin/seasons/{key}": declared(starts_at="2200-01-01T00:00:00Z", boards=["fastest"]),
    **{
        f"DELETE /api/v1/admin/{what}/{{key}}": lambda _: [{"key": "unminded"}]
        for what in ("boards", "kinds", "policies", "seasons")
    },
    "GET /": nothing,
    "GET /.well-known/jwks.json": nothing,
    "GET /api/v1/action-kinds": nothing,
    "GET /api/v1/actions/{action_id}": lambda scene: [{"action_id": scene.held_action["action_id"]}],
    "GET /api/v1/analytics/activity": nothing,
    "GET /api/v1/status": nothing,
    "GET /api/v1/boards": nothing,
    "GET /api/v1/boards/{key}": boards,
    "GET /api/v1/boards/{key}/around": around,
    "GET /api/v1/boards/{key}/entries": boards,
    "GET /api/v1/boards/{key}/me": boards,
    "GET /api/v1/boards/{key}/roots": boards,
    "GET /api/v1/boards/{key}/seasons": boards,
    "GET /api/v1/boards/{key}/top": boards,
    "GET /api/v1/jobs/{job_id}": lambda scene: [{"job_id": scene.held_job}],
    "GET /api/v1/leaderboard/top": nothing,
    "GET /api/v1/moderation/anticheat": nothing,
    "GET /api/v1/moderation/cases": nothing,
    "GET /api/v1/moderation/cases/{case_id}": of_the_case(),
    "GET /api/v1/moderation/corrections": nothing,
    "GET /api/v1/moderation/corrections/{correction_id}": lambda scene: [{"correction_id": scene.case}],
    "GET /api/v1/moderation/players": searches,
    "GET /api/v1/moderation/players/{player_id}": of_players,
    "GET /api/v1/players/me": nothing,
    "GET /api/v1/players/{player_id}": of_players,
    "GET /api/v1/players/{player_id}/history": of_players,
    "GET /assets/{name}": lambda _: [{"name": "none"}],
    "GET /console": nothing,
    "GET /docs": nothing,
    "GET /favicon.ico": nothing,
    "GET /health/live": nothing,
    "GET /health/ready": nothing,
    "GET /health/startup": nothing,
    "GET /openapi.json": nothing,
    "GET /problems/{name}": lambda _: [{"name": "account-banned"}],
    "GET /robots.txt": nothing,
    "DELETE /api/v1/moderation/cases/{case_id}/claim": of_the_case(),
    "POST /api/actions/execute": sent(action_id="x", kind="tap"),
    "POST /api/auth/login": log_ins,
    "POST /api/scores/update": sent(action_id="y", kind="huge", points=1),
    "POST /api/v1/actions": sent(kind="quiz"),
    "POST /api/v1/actions/complete-batch": batches,
    "POST /api/v1/actions/execute": sent(action_id="z", kind="tap"),
    "POST /api/v1/actions/{action_id}/complete": completions,
    "POST /api/v1/appeals": appeals,
    "POST /api/v1/auth/login": log_ins,
    "POST /api/v1/auth/logout": nothing,
    "POST /api/v1/auth/password": sent(current_password="x", new_password=PASSWORD),
    "POST /api/v1/auth/refresh": sent(refresh_token="x"),
    "POST /api/v1/auth/register": registrations,
    "POST /api/v1/auth/session": sent(token="x"),
    "POST /api/v1/boards/{key}/lookup": lookups,
    "POST /api/v1/moderation/cases/{case_id}/claim": of_the_case(),
    "POST /api/v1/moderation/cases/{case_id}/decide": of_the_case(decision="release"),
    "POST /api/v1/moderation/corrections": sent(scope={"kind": "huge"}, reason="x", digest="x"),
    "POST /api/v1/moderation/corrections/preview": previews,
    "POST /api/v1/moderation/corrections/{correction_id}/undo": lambda scene: [
        {"correction_id": scene.case, "json": {"reason": "x"}}
    ],
    "POST /api/v1/moderation/players/{player_id}/case": to_players(reason="x"),
    "POST /api/v1/moderation/players/{player_id}/protect": to_players(protected=True),
    "POST /api/v1/moderation/players/{player_id}/status": to_players(status="active", reason="x"),
    "POST /api/v1/reports": reports,
    "POST /api/v1/scores/update": lambda scene: [
        {"json": {"action_id": "w", "kind": "huge", "points": 1}},
        {"json": {"action_token": scene.held_action["action_token"], "points": 1}},
    ],
}
"""How an outsider asks each route for what it must not give."""


async def ask(api: Api, route: str, wish: Wish, headers: dict[str, str]) -> httpx.Response:
    method, path = route.split(" ", 1)
    named = {name: value for name, value in wish.items() if name not in ("json", "params")}
    sending = {name: wish[name] for name in ("json", "params") if name in wish}
    headers = {**headers, "Idempotency-Key": secrets.token_hex(8)}
    if method == "GET":
        sending.pop("json", None)
    return await api.client.request(method, path.format(**named), headers=headers, **sending)


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
