"""Every route times every kind of caller: who is let in, and with which words the others are kept out.

``role_matrix.md`` says what is expected. A route without a row fails, a row without a route fails, a cell that is
answered otherwise fails. A route can have several rows: what follows a ``·`` names the case.
"""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from socketio.exceptions import ConnectionError as HandshakeError

from scoreboard.domain.correction import Scope
from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Player, PlayerStatus, Role
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.storage import players
from scoreboard.telemetry import utc_now
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.preview_correction import preview_correction
from scoreboard.usecases.raise_cases import raise_cases
from tests.conftest import Api, open_api
from tests.contract.live_clients import PlainClient, SocketIoClient
from tests.declaring import declares
from tests.security.callers import Opened, open_caller
from tests.security.conftest import Count
from tests.security.routes import api_routes, realtime_routes
from tests.stage import PASSWORD, Service, Stores

CALLERS = (
    "anonymous",
    "player",
    "another player",
    "suspended player",
    "moderator",
    "admin",
    "service",
    "platform-config",
)
OWNERS = ("player", "suspended player")
"""These callers ask for what is their own; the others for what belongs to somebody else."""

Rows = dict[str, dict[str, str]]
Wish = dict[str, Any]


def table() -> Rows:
    """The file: route and case → caller → outcome."""
    lines = [line for line in Path(__file__).with_name("role_matrix.md").read_text().splitlines() if line[:1] == "|"]
    head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert tuple(head[1:]) == CALLERS
    rows = {row[0].strip("`"): dict(zip(CALLERS, row[1:], strict=True)) for row in body}
    assert len(rows) == len(body), "a row is there twice"
    return rows


def route_of(row: str) -> str:
    return row.partition(" · ")[0]


async def test_every_route_has_a_row_and_every_row_a_route() -> None:
    routes = await api_routes() | await realtime_routes()
    rows = {route_of(row) for row in table()}
    assert len(routes) > 40
    assert rows - routes == set(), "rows without a route"
    assert routes - rows == set(), "routes without a row: add them to role_matrix.md"


# --- What is asked of each ------------------------------------------------------------------------------------------


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


def recipe(row: str) -> Callable[[Cell], Awaitable[Wish]]:
    found = RECIPES.get(row) or RECIPES.get(route_of(row))
    return found or (of_board if "{key}" in row else plain)


@pytest.fixture(scope="module")
async def matrix(stores: Stores) -> AsyncIterator[tuple[Api, tuple[str, str]]]:
    async with open_api(stores) as api:
        passwords = api.wiring.sign_in.passwords
        yield api, (await passwords.hash(PASSWORD), await passwords.hash("not the owner's"))


async def meet(api: Api, caller: str) -> tuple[Opened | None, Opened]:
    """The caller, and whose things the request is about."""
    role = Role(caller) if caller in set(Role) else Role.PLAYER
    opened = None
    if caller != "anonymous":
        opened = await open_caller(api.platform, api.wiring.tokens, role)
    owner = opened if caller in OWNERS and opened is not None else None
    return opened, owner or await open_caller(api.platform, api.wiring.tokens)


async def suspend(api: Api, player: Player) -> None:
    await change_status(api.platform, player.username, PlayerStatus.SUSPENDED, by="test")


def outcome(reply: httpx.Response) -> str:
    media = reply.headers.get("content-type", "")
    code = f" {reply.json()['code']}" if media.startswith("application/problem+json") else ""
    return f"{reply.status_code}{code}"


async def ask(api: Api, hashes: tuple[str, str], row: str, caller: str) -> str:
    opened, owner = await meet(api, caller)
    wish = await recipe(row)(Cell(api, "private" in row, opened, owner, hashes))
    headers = {**wish.pop("headers", {}), **(opened.headers if opened is not None else {})}
    content = {name: wish.pop(name) for name in ("json", "params") if name in wish}
    if caller == "suspended player":
        await suspend(api, owner.player)
    method, path = route_of(row).split(" ", 1)
    reply = await api.client.request(method, path.format(**wish), headers=headers, **content)
    api.client.cookies.clear()
    return outcome(reply)


async def test_the_api_lets_in_whom_the_matrix_says(matrix: tuple[Api, tuple[str, str]], count: Count) -> None:
    api, hashes = matrix
    wrong, cells = [], 0
    for row, expected in table().items():
        if row.startswith("realtime "):
            continue
        for caller in CALLERS:
            got = await ask(api, hashes, row, caller)
            cells += 1
            if got != expected[caller]:
                wrong.append(f"{row} as {caller}: {got}, not {expected[caller]}")
    assert not wrong, "\n".join(wrong)
    count("cells of the role matrix", cells)


# --- Realtime -------------------------------------------------------------------------------------------------------


async def over_socket(client: PlainClient | SocketIoClient, token: str | None, board: str) -> str:
    """What the client may listen to once it has said who it is."""
    try:
        await client.open(token)
    except HandshakeError as error:
        return str(error)
    if token is not None:
        answer = await client.hear("auth.ok", "error")
        if answer["type"] == "error":
            return str(answer["error"]["code"])
    granted = []
    for channel in (f"board:{board}", "me"):
        await client.say({"type": "subscribe", "channels": [channel]})
        answer = await client.hear("subscribed", "error")
        if answer["type"] == "subscribed":
            granted.append(channel.partition(":")[0])
            await client.hear("leaderboard.initial", "standing.initial")
        else:
            granted.append(f"no {channel.partition(':')[0]}: {answer['error']['code']}")
    await client.leave()
    return ", ".join(granted)


async def as_stream(service: Service, path: str, headers: dict[str, str]) -> str:
    async with (
        httpx.AsyncClient(base_url=service.url) as client,
        client.stream("GET", path, headers=headers) as reply,
    ):
        if reply.status_code != 200:
            await reply.aread()
            return outcome(reply)
        async for line in reply.aiter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["type"] == "leaderboard.initial":
                return "200"
    return "ended"


async def ask_realtime(service: Service, row: str, token: str | None) -> str:
    _, method, path = route_of(row).split(" ", 2)
    board = "hidden" if "private" in row else "main"
    if method == "WEBSOCKET":
        return await over_socket(PlainClient(service.url), token, board)
    if method == "SOCKETIO":
        return await over_socket(SocketIoClient(service.url), token, board)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await as_stream(service, path.format(key=board), headers) if "{key}" in path else await probe(service, path)


async def probe(service: Service, path: str) -> str:
    async with httpx.AsyncClient(base_url=service.url) as client:
        return outcome(await client.get(path))


async def test_realtime_lets_in_whom_the_matrix_says(
    matrix: tuple[Api, tuple[str, str]], tmp_path: Path, count: Count
) -> None:
    api, _ = matrix
    service = Service("realtime", {**api.environment, "SCOREBOARD_SOCKETS_PER_ADDRESS": "500"}, tmp_path / "log")
    service.start()
    wrong, cells = [], 0
    try:
        await service.ready()
        for row, expected in table().items():
            for caller in CALLERS if row.startswith("realtime ") else ():
                opened, owner = await meet(api, caller)
                if caller == "suspended player":
                    await suspend(api, owner.player)
                got = await ask_realtime(service, row, opened.access_token if opened is not None else None)
                cells += 1
                if got != expected[caller]:
                    wrong.append(f"{row} as {caller}: {got}, not {expected[caller]}")
    finally:
        service.stop()
    assert not wrong, "\n".join(wrong)
    count("cells of the role matrix", cells)
