"""Callers of every role with live sessions of their own, put into the stores without the cost of a password."""

import secrets
from dataclasses import dataclass
from uuid import UUID

import httpx2 as httpx

from scoreboard.domain.player import Player, Role
from scoreboard.security import refresh_token
from scoreboard.security.access_token import AccessTokens
from scoreboard.security.identifiers import new_id
from scoreboard.storage import players, sessions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from tests.stage import Person


@dataclass(frozen=True)
class Opened:
    """A session as the log-in would have opened it."""

    player: Player
    session_id: UUID
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    def person(self, client: httpx.AsyncClient) -> Person:
        return Person(client, str(self.player.id), self.player.username, {"access_token": self.access_token})


async def open_player(platform: Platform, role: Role = Role.PLAYER, name: str | None = None) -> Player:
    """A new account without a password."""
    username = name or f"caller-{secrets.token_hex(6)}"

    async def work(tx: Transaction) -> Player | None:
        return await players.add(tx, new_id(), username, role, email=None, password_hash=None)

    player = await platform.database.transact(work)
    assert player is not None, username
    return player


async def open_session(platform: Platform, tokens: AccessTokens, player: Player) -> Opened:
    """A live session of a player, with its tokens."""
    session_id, refresh = new_id(), refresh_token.first()

    async def work(tx: Transaction) -> None:
        await sessions.open_session(tx, session_id, player.id, 3600)
        await sessions.add_refresh_token(tx, session_id, refresh_token.digest(refresh))

    await platform.database.transact(work)
    access, _ = tokens.issue(player.id, session_id, player.username, player.role)
    return Opened(player, session_id, access, refresh_token.encode(refresh))


async def open_caller(platform: Platform, tokens: AccessTokens, role: Role = Role.PLAYER) -> Opened:
    """A new account with a live session."""
    return await open_session(platform, tokens, await open_player(platform, role))
