"""How each route of the role matrix is asked, with what it needs to be answered with success."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from scoreboard.domain.correction import Scope
from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Role
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.storage import players
from scoreboard.telemetry import utc_now
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.preview_correction import preview_correction
from scoreboard.usecases.raise_cases import raise_cases
from tests.conftest import Api
from tests.declaring import declares
from tests.security.callers import Opened, open_caller
from tests.stage import PASSWORD

Wish = dict[str, Any]


@dataclass
class Cell:
    """One caller in front of one route, and the player whose things the request is about."""

    api: Api
    private: bool
    caller: Opened | None
    owner: Opened
    hashes: tuple[str, str]

    @property
    def board(self) -> str:
        return "hidden" if self.private else "main"

    async def begun(self, kind: str = "quiz") -> dict[str, Any]:
        return await self.owner.person(self.api.client).begin(kind)

    async def with_password(self) -> dict[str, str]:
        """Give everybody a password: the owner the known one, who is returned with it, the caller another."""
        for player, hashed in zip((self.caller or self.owner, self.owner), reversed(self.hashes), strict=True):
            player_id = player.player.id
            await self.api.platform.database.transact(
                lambda tx, i=player_id, h=hashed: players.set_password(tx, i, h)  # type: ignore[misc]
            )
        return {"username": self.owner.player.username, "password": PASSWORD}


async def plain(cell: Cell) -> Wish:
    return {}


async def of_board(cell: Cell) -> Wish:
    return {"key": cell.board}


async def of_player(cell: Cell) -> Wish:
    return {"player_id": str(cell.owner.player.id)}


async def one_call(cell: Cell) -> Wish:
    return {"json": {"action_id": secrets.token_hex(8), "kind": "tap"}}


async def by_token(cell: Cell) -> Wish:
    return {"json": {"action_token": (await cell.begun())["action_token"]}}


async def completion(cell: Cell) -> Wish:
    begun = await cell.begun()
    return {"action_id": begun["action_id"], "json": {"action_token": begun["action_token"]}}


async def state(cell: Cell) -> Wish:
    return {"action_id": (await cell.begun())["action_id"]}


async def creation(cell: Cell) -> Wish:
    return {"json": {"kind": "quiz"}}


async def batch(cell: Cell) -> Wish:
    begun = await cell.begun()
    item = {"player_id": str(cell.owner.player.id), "action_token": begun["action_token"]}
    return {"json": {"items": [item]}, "headers": {"Idempotency-Key": secrets.token_hex(8)}}


async def job(cell: Cell) -> Wish:
    body = {"action_id": secrets.token_hex(8), "kind": "tap"}
    queued = await cell.owner.person(cell.api.client).post("/api/v1/actions/execute", body)
    return {"job_id": queued.json()["job_id"]}


async def scored(cell: Cell) -> Wish:
    await cell.owner.person(cell.api.client).score("secret" if cell.private else "quiz")
    return {"key": cell.board}


async def lookup(cell: Cell) -> Wish:
    return {"key": cell.board, "json": {"player_ids": [str(cell.owner.player.id)]}}


async def registration(cell: Cell) -> Wish:
    return {"json": {"username": f"new-{secrets.token_hex(6)}", "password": PASSWORD}}


async def logging_in(cell: Cell) -> Wish:
    return {"json": await cell.with_password()}


async def refreshing(cell: Cell) -> Wish:
    return {"json": {"refresh_token": cell.owner.refresh_token}}


async def changing_password(cell: Cell) -> Wish:
    """With the owner's password, which is of use to nobody else."""
    current = (await cell.with_password())["password"]
    return {"json": {"current_password": current, "new_password": "quite another battery"}}


async def exchanging(cell: Cell) -> Wish:
    return {"json": {"token": cell.owner.access_token}}


def once() -> dict[str, str]:
    """Headers of a request that must have a key."""
    return {"Idempotency-Key": secrets.token_hex(8)}


async def case(cell: Cell) -> Wish:
    """The owner is brought up; whoever asks has a key and nothing more to say."""
    event = SuspicionEvent(
        cell.owner.player.id, utc_now(), CaseSource.RULES, "frequency", 0.3, 0.6, Verdict.FLAG, reference="up to 12"
    )
    suspect = Suspect(cell.owner.player.id, Verdict.FLAG, CaseSource.RULES, (event,))
    found = await cell.api.platform.database.transact(lambda tx: raise_cases(tx, [suspect], utc_now()))
    return {"case_id": str(found[cell.owner.player.id]), "json": {}, "headers": once()}


async def read_case(cell: Cell) -> Wish:
    return {"case_id": (await case(cell))["case_id"]}


async def deciding(cell: Cell) -> Wish:
    return {**await case(cell), "json": {"decision": "dismiss"}}


async def search(cell: Cell) -> Wish:
    return {"params": {"query": cell.owner.player.username}}


async def sanction(cell: Cell) -> Wish:
    return {**await of_player(cell), "json": {"status": "hidden", "reason": "because"}, "headers": once()}


async def protection(cell: Cell) -> Wish:
    return {**await of_player(cell), "json": {"protected": True}, "headers": once()}


async def requesting(cell: Cell) -> Wish:
    return {**await of_player(cell), "json": {"reason": "because"}, "headers": once()}


async def reporting(cell: Cell) -> Wish:
    return {"json": {"player_id": str(cell.owner.player.id), "reason": "cheating"}}


async def appealing(cell: Cell) -> Wish:
    return {"json": {"words": "I was only quick."}}


async def scope(cell: Cell) -> Wish:
    """The owner has a score that could be taken back."""
    await cell.owner.person(cell.api.client).score("quiz")
    return {"json": {"scope": {"player_id": str(cell.owner.player.id)}}}


async def correcting(cell: Cell) -> Wish:
    wish = await scope(cell)
    seen = await preview_correction(cell.api.platform, Scope(player_id=cell.owner.player.id))
    return {"json": {**wish["json"], "reason": "because", "digest": seen.digest}, "headers": once()}


async def read_correction(cell: Cell) -> Wish:
    wanted = Wanted(Scope(player_id=cell.owner.player.id), "because", (await correcting(cell))["json"]["digest"])
    staff = await open_caller(cell.api.platform, cell.api.wiring.tokens, Role.MODERATOR)
    made = await apply_correction(cell.api.platform, wanted, Actor(staff.player.id, Role.MODERATOR))
    return {"correction_id": str(made.id)}


async def undoing(cell: Cell) -> Wish:
    return {**await read_correction(cell), "json": {"reason": "because"}, "headers": once()}


DECLARED: dict[str, dict[str, Any]] = {
    "boards": {"title": "New"},
    "kinds": {"title": "New", "points": 1, "boards": []},
    "policies": {"flag": 0.5, "hold": 0.7, "suspend": 0.9},
    "seasons": {"starts_at": "2200-01-01T00:00:00Z", "boards": ["dense"]},
}


def declaring(what: str) -> Callable[[Cell], Awaitable[Wish]]:
    async def wish(cell: Cell) -> Wish:
        """Under a key that nobody has; a season of a board that nobody has either."""
        key, body = f"k{secrets.token_hex(6)}", dict(DECLARED[what])
        if what == "seasons":
            body["boards"] = [f"b{key}"]
            await (await declares(cell.api)).must(f"boards/b{key}", {"title": "New"})
        return {"key": key, "json": body}

    return wish


def declared(what: str) -> Callable[[Cell], Awaitable[Wish]]:
    async def wish(cell: Cell) -> Wish:
        made = await declaring(what)(cell)
        await (await declares(cell.api)).must(f"{what}/{made['key']}", made["json"])
        return {"key": made["key"]}

    return wish


async def asset(cell: Cell) -> Wish:
    page = (await cell.api.client.get("/")).text
    return {"name": page.partition('"/assets/')[2].partition('"')[0]}


async def problem(cell: Cell) -> Wish:
    return {"name": "validation-error"}


RECIPES: dict[str, Callable[[Cell], Awaitable[Wish]]] = {
    "POST /api/v1/auth/register": registration,
    "POST /api/v1/auth/login": logging_in,
    "POST /api/auth/login": logging_in,
    "POST /api/v1/auth/refresh": refreshing,
    "POST /api/v1/auth/password": changing_password,
    "POST /api/v1/auth/session": exchanging,
    "POST /api/v1/actions": creation,
    "GET /api/v1/actions/{action_id}": state,
    "POST /api/v1/actions/{action_id}/complete": completion,
    "POST /api/v1/actions/complete-batch": batch,
    "POST /api/v1/actions/execute": one_call,
    "POST /api/actions/execute": one_call,
    "POST /api/v1/scores/update": one_call,
    "POST /api/v1/scores/update · with a token": by_token,
    "POST /api/scores/update": one_call,
    "GET /api/v1/jobs/{job_id}": job,
    "GET /api/v1/players/{player_id}": of_player,
    "GET /api/v1/players/{player_id}/history": of_player,
    "GET /api/v1/boards/{key}/me": scored,
    "GET /api/v1/boards/{key}/around": scored,
    "POST /api/v1/boards/{key}/lookup": lookup,
    "GET /api/v1/moderation/cases/{case_id}": read_case,
    "POST /api/v1/moderation/cases/{case_id}/claim": case,
    "DELETE /api/v1/moderation/cases/{case_id}/claim": read_case,
    "POST /api/v1/moderation/cases/{case_id}/decide": deciding,
    "GET /api/v1/moderation/players": search,
    "GET /api/v1/moderation/players/{player_id}": of_player,
    "POST /api/v1/moderation/players/{player_id}/status": sanction,
    "POST /api/v1/moderation/players/{player_id}/protect": protection,
    "POST /api/v1/moderation/players/{player_id}/case": requesting,
    "POST /api/v1/moderation/corrections/preview": scope,
    "POST /api/v1/moderation/corrections": correcting,
    "GET /api/v1/moderation/corrections/{correction_id}": read_correction,
    "POST /api/v1/moderation/corrections/{correction_id}/undo": undoing,
    "POST /api/v1/reports": reporting,
    "POST /api/v1/appeals": appealing,
    **{f"PUT /api/v1/admin/{what}/{{key}}": declaring(what) for what in DECLARED},
    **{f"GET /api/v1/admin/{what}/{{key}}": declared(what) for what in DECLARED},
    **{f"DELETE /api/v1/admin/{what}/{{key}}": declared(what) for what in DECLARED},
    "GET /api/v1/admin/seasons/{key}/snapshot": declared("seasons"),
    "GET /assets/{name}": asset,
    "GET /problems/{name}": problem,
}
"""How to ask for what needs more than its address; a row of its own can have a recipe of its own."""


def route_of(row: str) -> str:
    return row.partition(" · ")[0]


def recipe(row: str) -> Callable[[Cell], Awaitable[Wish]]:
    found = RECIPES.get(row) or RECIPES.get(route_of(row))
    return found or (of_board if "{key}" in row else plain)
