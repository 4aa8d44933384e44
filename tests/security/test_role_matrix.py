"""Every route times every kind of caller: who is let in, and with which words the others are kept out.

``role_matrix.md`` says what is expected. A route without a row fails, a row without a route fails, a cell that is
answered otherwise fails. A route can have several rows: what follows a ``·`` names the case.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2 as httpx
import pytest
from socketio.exceptions import ConnectionError as HandshakeError

from scoreboard.domain.player import Player, PlayerStatus, Role
from scoreboard.usecases.change_status import change_status
from tests.conftest import Api, open_api
from tests.contract.live_clients import PlainClient, SocketIoClient
from tests.security.callers import Opened, open_caller
from tests.security.conftest import Count
from tests.security.role_recipes import Cell, recipe, route_of
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


def table() -> Rows:
    """The file: route and case → caller → outcome."""
    lines = [line for line in Path(__file__).with_name("role_matrix.md").read_text().splitlines() if line[:1] == "|"]
    head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert tuple(head[1:]) == CALLERS
    rows = {row[0].strip("`"): dict(zip(CALLERS, row[1:], strict=True)) for row in body}
    assert len(rows) == len(body), "a row is there twice"
    return rows


async def test_every_route_has_a_row_and_every_row_a_route() -> None:
    routes = await api_routes() | await realtime_routes()
    rows = {route_of(row) for row in table()}
    assert len(routes) > 40
    assert rows - routes == set(), "rows without a route"
    assert routes - rows == set(), "routes without a row: add them to role_matrix.md"


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
