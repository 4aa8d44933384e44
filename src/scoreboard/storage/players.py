"""Accounts."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert

from scoreboard.domain.player import Player, PlayerStatus, Role, fold_username
from scoreboard.storage.database import Transaction
from scoreboard.storage.tables import players

_COLUMNS = (
    players.c.id,
    players.c.username,
    players.c.role,
    players.c.status,
    players.c.suspended_until,
    players.c.created_at,
    players.c.updated_at,
)


def _player(row: Row[*tuple[Any, ...]] | Record) -> Player:
    id_, username, role, status, suspended_until, created_at, updated_at = row[:7]
    return Player(id_, username, Role(role), PlayerStatus(status), suspended_until, created_at, updated_at)


async def add(
    tx: Transaction, player_id: UUID, username: str, role: Role, *, email: str | None, password_hash: str | None
) -> Player | None:
    """Insert an account; None when the name or the address is taken."""
    statement = (
        insert(players)
        .values(
            id=player_id,
            username=username,
            username_key=fold_username(username),
            email=email,
            password_hash=password_hash,
            role=role,
        )
        .on_conflict_do_nothing()
        .returning(*_COLUMNS)
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else _player(row)


async def find(tx: Transaction, player_id: UUID) -> Player | None:
    """The account with this id."""
    row = (await tx.execute(select(*_COLUMNS).where(players.c.id == player_id))).first()
    return None if row is None else _player(row)


_MANY = f"SELECT {', '.join(column.name for column in _COLUMNS)} FROM players WHERE id = ANY($1)"


async def find_many(tx: Transaction, player_ids: Iterable[UUID]) -> dict[UUID, Player]:
    """Those of these accounts that exist."""
    rows = await tx.fetch(_MANY, list(player_ids))
    return {row[0]: _player(row) for row in rows}


async def find_by_username(tx: Transaction, username: str) -> Player | None:
    """The account with this name, whatever its case."""
    row = (await tx.execute(select(*_COLUMNS).where(players.c.username_key == fold_username(username)))).first()
    return None if row is None else _player(row)


async def credentials(tx: Transaction, username: str) -> tuple[Player, str | None] | None:
    """The account with this name and its password hash; None for an unknown name."""
    statement = select(*_COLUMNS, players.c.password_hash).where(players.c.username_key == fold_username(username))
    row = (await tx.execute(statement)).first()
    return None if row is None else (_player(row), row.password_hash)


async def set_role(tx: Transaction, player_id: UUID, role: Role) -> None:
    """Give an account another role."""
    await tx.execute(players.update().where(players.c.id == player_id).values(role=role))


async def set_password(tx: Transaction, player_id: UUID, password_hash: str) -> None:
    """Replace the password hash."""
    await tx.execute(players.update().where(players.c.id == player_id).values(password_hash=password_hash))
