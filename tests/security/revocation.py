"""How long an ended session lives on: over HTTP at another process, and on a live socket."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx2 as httpx
from argon2 import PasswordHasher
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.storage import players
from scoreboard.usecases.change_role import change_role
from scoreboard.usecases.change_status import change_status
from tests.security.callers import Opened, open_caller
from tests.security.processes import Fleet
from tests.stage import PASSWORD, until

REVOKED, SUSPENDED = 4501, 4503
End = Callable[[Fleet, Opened], Awaitable[None]]


@dataclass
class Lifetimes:
    """Seconds from the answer that a session has ended until it is dead."""

    http: list[float] = field(default_factory=list)
    socket: list[float] = field(default_factory=list)

    def worst(self, share: float = 0.99) -> float:
        """The slowest, leaving out the given share's remainder."""
        return max(sorted(each)[max(0, int(len(each) * share + 0.5) - 1)] for each in (self.http, self.socket))


async def _open_socket(url: str, token: str) -> ClientConnection:
    socket = await connect(url.replace("http", "ws", 1) + "/api/v1/ws/leaderboard", compression=None)
    await socket.send(f'{{"type":"auth","token":"{token}"}}')
    answer = await asyncio.wait_for(socket.recv(), 5)
    assert '"auth.ok"' in str(answer), answer
    return socket


async def _closed(socket: ClientConnection) -> float:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await socket.recv()
    assert socket.close_code in (REVOKED, SUSPENDED), socket.close_code
    return time.monotonic()


async def _dead(client: httpx.AsyncClient, opened: Opened, within: float) -> float:
    async def refused() -> bool:
        reply = await client.get("/api/v1/players/me", headers=opened.headers)
        if reply.status_code in (401, 403):
            assert reply.json()["code"] in ("TOKEN_REVOKED", "ACCOUNT_BANNED"), reply.text
            return True
        assert reply.status_code == 200, reply.text
        return False

    await until(refused, within=within, every=0.005, what="the other process refusing the session")
    return time.monotonic()


async def one_round(
    running: Fleet,
    lifetimes: Lifetimes,
    end: End,
    *,
    within: float = 5.0,
    before: Callable[[], None] = lambda: None,
) -> Opened:
    """Open a session with a socket, end it through the first API, watch it die at the second and on the socket.

    Args:
        running: two ``api`` and one ``realtime``, in this order.
        lifetimes: gets what was measured.
        end: ends the caller's session.
        within: seconds after which it is a failure.
        before: what happens between the opening and the end.

    Returns:
        The session that is dead now.
    """
    opened = await open_caller(running.platform, running.tokens)
    other = running.clients[1]
    socket = await _open_socket(running.only("realtime")[0].url, opened.access_token)
    try:
        # The second process has verified and remembered this token.
        assert (await other.get("/api/v1/players/me", headers=opened.headers)).status_code == 200
        before()
        closing = asyncio.create_task(_closed(socket))
        await end(running, opened)
        ended = time.monotonic()
        dead, closed = await asyncio.gather(_dead(other, opened, within), asyncio.wait_for(closing, within))
        lifetimes.http.append(dead - ended)
        lifetimes.socket.append(closed - ended)
    finally:
        await socket.close()
    return opened


async def log_out(running: Fleet, opened: Opened) -> None:
    reply = await running.clients[0].post("/api/v1/auth/logout", headers=opened.headers)
    assert reply.status_code == 204, reply.text


async def log_out_everywhere(running: Fleet, opened: Opened) -> None:
    reply = await running.clients[0].post("/api/v1/auth/logout", headers=opened.headers, json={"everywhere": True})
    assert reply.status_code == 204, reply.text


@functools.cache
def _password_hash() -> str:
    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(PASSWORD)


async def change_password(running: Fleet, opened: Opened) -> None:
    player_id = opened.player.id
    await running.platform.database.transact(lambda tx: players.set_password(tx, player_id, _password_hash()))
    body = {"current_password": PASSWORD, "new_password": "quite another battery"}
    reply = await running.clients[0].post("/api/v1/auth/password", headers=opened.headers, json=body)
    assert reply.status_code == 200, reply.text


async def give_a_role(running: Fleet, opened: Opened) -> None:
    await change_role(running.platform, opened.player.username, Role.MODERATOR)


async def ban(running: Fleet, opened: Opened) -> None:
    await change_status(running.platform, opened.player.username, PlayerStatus.BANNED, by="test")


WAYS: dict[str, End] = {
    "log-out": log_out,
    "log-out everywhere": log_out_everywhere,
    "password change": change_password,
    "role change": give_a_role,
    "ban": ban,
}
"""Everything that ends sessions, by the name under which it is counted."""
