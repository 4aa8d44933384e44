"""Secrets sent to every place, to be looked for wherever a platform writes."""

import base64
import contextlib
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx2 as httpx
from socketio.exceptions import ConnectionError as HandshakeError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contract.live_clients import PlainClient, SocketIoClient
from tests.security.processes import Fleet

POSTS = (
    "/api/v1/auth/register",
    "/api/v1/auth/login",
    "/api/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/auth/logout",
    "/api/v1/actions",
    "/api/v1/actions/complete-batch",
    "/api/v1/actions/execute",
    "/api/v1/scores/update",
    "/api/v1/boards/main/lookup",
)
HEADERS = (
    *("Signature", "Signature-Input", "Content-Digest", "Cookie", "User-Agent", "Referer", "X-Request-ID", "Origin"),
    *("X-Forwarded-For", "X-Api-Key", "Proxy-Authorization", "If-None-Match", "Accept-Language", "X-Session-Mode"),
)
FIELD = "name of a field"
"""A refusal points to a field that it does not know; what stood in it is never repeated."""


@dataclass
class Trap:
    """The secrets by name, and every refusal that was given."""

    running: Fleet
    words: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)

    def word(self, what: str) -> str:
        """A new secret."""
        return self.keep(what, f"canary{secrets.token_hex(10)}")

    def keep(self, what: str, secret: str) -> str:
        """Look for a secret that somebody else has made."""
        self.words[f"{what} {len(self.words)}"] = secret
        return secret

    async def send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a request to the API and remember how it was refused."""
        reply = await self.running.clients[0].request(method, path, **content)
        if reply.status_code >= 400:
            # The path is the caller's own and comes back as ``instance``; the rest of the reply is ours.
            text = re.sub(r'"instance":"[^"]*"', "", reply.text)
            self.refusals.append(f"{text} {dict(reply.headers)}")
            self.codes.add(reply.json()["code"])
        return reply

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.send("POST", path, json=body, headers=named)

    def seen_in(self, text: str) -> list[str]:
        return [what for what, secret in self.words.items() if secret in text]


async def account(trap: Trap) -> dict[str, Any]:
    """A new account, whose password, address, tokens and key are secrets from now on."""
    password, email = trap.word("password"), f"{trap.word('e-mail')}@example.org"
    name = f"trap-{secrets.token_hex(5)}"
    body = {"username": name, "password": password, "email": email}
    reply = await trap.post("/api/v1/auth/register", body)
    assert reply.status_code == 201, reply.text
    session: dict[str, Any] = reply.json()
    trap.keep("access token", session["access_token"])
    trap.keep("signature of an access token", session["access_token"].rpartition(".")[2])
    trap.keep("refresh token", session["refresh_token"])
    trap.keep("signing key of a session", session["signing"]["key"])
    return {**session, "name": name, "password": password, "email": email}


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['access_token']}"}


# --- What is sent ---------------------------------------------------------------------------------------------------


async def around_accounts(trap: Trap) -> None:
    ada = await account(trap)
    taken = {"username": f"x-{secrets.token_hex(4)}", "password": trap.word("password"), "email": ada["email"]}
    assert (await trap.post("/api/v1/auth/register", taken)).status_code == 409
    await trap.post("/api/v1/auth/register", {**taken, "email": f"{trap.word('half an e-mail')}@@x"})
    await trap.post("/api/v1/auth/register", {**taken, "email": None, "password": trap.word("long password") * 5})
    await trap.post("/api/v1/auth/register", {**taken, "password": trap.word("password") + "💩" * 200})
    await trap.post("/api/v1/auth/register", {**taken, "username": f" {trap.word('bad name')} "})
    for name in (ada["name"], f"nobody-{secrets.token_hex(4)}", trap.word("password typed as a name")):
        wrong = {"username": name, "password": trap.word("wrong password")}
        assert (await trap.post("/api/v1/auth/login", wrong)).json()["code"] == "INVALID_CREDENTIALS"
    await trap.post("/api/v1/auth/refresh", {"refresh_token": trap.word("refresh token")})
    await trap.send("POST", "/api/v1/auth/refresh", headers={"Cookie": f"scoreboard_refresh={trap.word('cookie')}"})
    renewed = await trap.post("/api/v1/auth/refresh", {"refresh_token": ada["refresh_token"]})
    trap.keep("refresh token", renewed.json()["refresh_token"])
    trap.keep("access token", renewed.json()["access_token"])
    assert (await trap.send("POST", "/api/v1/auth/logout", headers=bearer(ada))).status_code == 204
    assert (await trap.send("GET", "/api/v1/players/me", headers=bearer(ada))).json()["code"] == "TOKEN_REVOKED"
    await trap.post("/api/v1/auth/refresh", {"refresh_token": renewed.json()["refresh_token"]})


async def around_headers(trap: Trap) -> None:
    encoded = base64.b64encode(trap.word("basic password").encode()).decode()
    for value in (
        f"Bearer {trap.word('token')}",
        f"Bearer {trap.word('a')}.{trap.word('b')}.{trap.word('c')}",
        f"Basic {trap.keep('basic credentials', encoded)}",
        trap.word("token without a scheme"),
        f"Digest username={trap.word('digest')}",
    ):
        for method, path in (
            ("GET", "/api/v1/players/me"),
            ("GET", "/api/v1/boards/main/top"),
            ("POST", "/api/v1/actions"),
        ):
            await trap.send(method, path, headers={"Authorization": value}, json={} if method == "POST" else None)
    ada = await account(trap)
    for name in HEADERS:
        # As an id of a request it is indecent: too long to be one, so that it is not ours to repeat.
        value = trap.word(name) * (5 if name == "X-Request-ID" else 1)
        await trap.send("GET", "/api/v1/players/me", headers={**bearer(ada), name: value})
        await trap.post("/api/v1/actions", {"kind": "nothing"}, **{**bearer(ada), name.replace("-", "_"): value})
    for key in (trap.word("key"), trap.word("long key") * 20):
        for kind in ("quiz", "match", "nothing"):
            await trap.post("/api/v1/actions", {"kind": kind}, **bearer(ada), Idempotency_Key=key)


async def around_bodies(trap: Trap) -> None:
    ada = await account(trap)
    for path in POSTS:
        for content in (
            f'{{"password": "{trap.word("unfinished JSON")}"',
            f'{{"password": "{trap.word("wrong escape")}\\x"}}',
            f'{{"username": 5, "password": ["{trap.word("list for text")}"], "action_token": {{"a": 1}}}}',
            f'{{"{trap.word(FIELD)}": 1}}',
            f'"{trap.word("text for an object")}"',
            trap.word("no JSON"),
        ):
            await trap.send("POST", path, content=content, headers={**bearer(ada), "Content-Type": "application/json"})
        await trap.send("POST", path, content=trap.word("form"), headers={**bearer(ada), "Content-Type": "text/plain"})
        await trap.send("POST", path, content=trap.word("too large") * 2000, headers=bearer(ada))


async def around_addresses(trap: Trap) -> None:
    ada = await account(trap)
    for path in (
        f"/api/v1/boards/main/top?limit={trap.word('limit')}",
        f"/api/v1/boards/main/top?token={trap.word('token in the query')}",
        f"/api/v1/boards/main/entries?cursor={trap.word('cursor')}",
        f"/api/v1/boards/main/around?player_id={trap.word('id')}",
        f"/api/v1/boards/main/me?season={trap.word('season')}",
        f"/api/v1/players/me?access_token={ada['access_token']}",
        f"/api/v1/players/me/history?limit={trap.word('limit')}",
        f"/api/v1/players/{trap.word('player in the path')}",
        f"/api/v1/actions/{trap.word('action in the path')}",
        f"/api/v1/jobs/{trap.word('job in the path')}",
        f"/api/v1/boards/{trap.word('board in the path')}",
        f"/problems/{trap.word('problem in the path')}",
        f"/{trap.word('path')}",
        f"/{quote(trap.word('control') + chr(10) + 'x')}",
        f"/health/ready?strict={trap.word('strict')}",
    ):
        await trap.send("GET", path, headers=bearer(ada))


async def around_actions(trap: Trap) -> None:
    ada, bob = await account(trap), await account(trap)
    begun = (await trap.post("/api/v1/actions", {"kind": "quiz"}, **bearer(ada))).json()
    token, path = trap.keep("action token", begun["action_token"]), f"/api/v1/actions/{begun['action_id']}/complete"
    assert (await trap.post(path, {"action_token": token}, **bearer(bob))).json()["code"] == "UNAUTHORIZED"
    forged = trap.keep("forged action token", token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB"))
    assert (await trap.post(path, {"action_token": forged}, **bearer(ada))).json()["code"] == "INVALID_SIGNATURE"
    assert (await trap.post(path, {"action_token": trap.word("action token")}, **bearer(ada))).status_code == 401
    assert (await trap.post(path, {"action_token": token}, **bearer(ada))).status_code == 200
    assert (await trap.post(path, {"action_token": token}, **bearer(ada))).json()["code"] == "ALREADY_COMPLETED"
    job = {"action_token": token}
    await trap.post("/api/v1/actions/execute", job, **bearer(ada), Idempotency_Key=trap.word("key of a job"))


async def around_sockets(trap: Trap) -> None:
    url = trap.running.only("realtime")[0].url
    ada = await account(trap)
    for token in (trap.word("token on a socket"), f"{trap.word('a')}.{trap.word('b')}.{trap.word('c')}"):
        plain = PlainClient(url)
        await plain.open(token)
        trap.refusals.append(json.dumps(await plain.hear("error")))
        await plain.leave()
        stock = SocketIoClient(url)
        stock.client.on("connect_error", lambda refused: trap.refusals.append(json.dumps(refused)))
        with contextlib.suppress(HandshakeError):
            await stock.open(token)
        await stock.leave()
    plain = PlainClient(url)
    await plain.open(ada["access_token"])
    await plain.hear("auth.ok")
    assert plain.socket is not None
    for text in (
        trap.word("no JSON"),
        f'{{"type":"{trap.word("type")}"}}',
        f'{{"type":"subscribe","channels":["board:{trap.word("board")}"]}}',
        f'{{"type":"subscribe","channels":["{trap.word("channel")}"],"auth":"{trap.word("auth")}"}}',
    ):
        await plain.socket.send(text)
        trap.refusals.append(json.dumps({**(await plain.hear("error")), "channel": None}))
    await plain.leave()
    socket_url = url.replace("http", "ws", 1)
    for path in ("/api/v1/ws/leaderboard", "/socket.io/?EIO=4&transport=websocket"):
        sign = "&" if "?" in path else "?"
        with contextlib.suppress(InvalidStatus, ConnectionClosed):
            async with connect(f"{socket_url}{path}{sign}token={trap.word('token in the query')}") as socket:
                await socket.send(trap.word("garbage"))
                await socket.send(trap.word("binary").encode())
        with contextlib.suppress(InvalidStatus):
            await connect(socket_url + path, additional_headers={"Origin": f"https://{trap.word('origin')}"})
    async with httpx.AsyncClient(base_url=url) as client:
        for path in (f"/{trap.word('path')}", f"/socket.io/?EIO=4&transport=polling&sid={trap.word('sid')}"):
            await client.post(path, content=trap.word("packet"), headers={"Cookie": f"io={trap.word('cookie')}"})
        headers = {"Authorization": f"Bearer {trap.word('token')}"}
        reply = await client.get("/api/v1/live/boards/hidden", headers=headers)
        assert reply.status_code == 401
        trap.refusals.append(reply.text)


@contextlib.asynccontextmanager
async def broken(trap: Trap, table: str) -> AsyncIterator[None]:
    """No row of this table can be written: Postgres says so together with the row itself."""
    connection = await asyncpg.connect(trap.running.environment["DATABASE_URL"])
    await connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT broken CHECK (random() > 2) NOT VALID")
    try:
        yield
    finally:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT broken")
        await connection.close()


async def around_our_own_faults(trap: Trap) -> None:
    ada = await account(trap)
    begun = (await trap.post("/api/v1/actions", {"kind": "quiz"}, **bearer(ada))).json()
    trap.keep("action token", begun["action_token"])
    before = trap.running.services[0].log.read_text().count("request failed")
    for table in (
        "players",
        "sessions",
        "refresh_tokens",
        "actions",
        "ledger",
        "idempotency_keys",
        "audit_log",
        "jobs",
    ):
        async with broken(trap, table):
            body = {"username": f"y-{secrets.token_hex(4)}", "password": trap.word("password")}
            await trap.post("/api/v1/auth/register", {**body, "email": f"{trap.word('e-mail')}@example.org"})
            await trap.post("/api/v1/auth/login", {"username": ada["name"], "password": ada["password"]})
            await trap.post("/api/v1/auth/refresh", {"refresh_token": ada["refresh_token"]})
            keyed = {**bearer(ada), "Idempotency_Key": trap.word("key")}
            await trap.post("/api/v1/actions", {"kind": "quiz"}, **keyed)
            await trap.post("/api/v1/actions/execute", {"action_id": trap.word("action id"), "kind": "tap"}, **keyed)
            update = {"action_id": secrets.token_hex(4), "kind": "tap"}
            await trap.post("/api/v1/scores/update", update, **bearer(ada), Idempotency_Key=trap.word("key"))
    log = trap.running.services[0].log
    assert log.read_text().count("request failed") > before, "nothing was broken"


AROUND: list[Callable[[Trap], Awaitable[None]]] = [
    around_accounts,
    around_headers,
    around_bodies,
    around_addresses,
    around_actions,
    around_sockets,
    around_our_own_faults,
]
