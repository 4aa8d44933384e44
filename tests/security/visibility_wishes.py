"""Somebody with held points and somebody concealed, and how every route could be asked about them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from scoreboard.domain.player import PlayerStatus
from tests.conftest import Api
from tests.stage import PASSWORD, Person

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
