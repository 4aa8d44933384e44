"""Accounts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import Row, select, text
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
    players.c.protected,
)
_NOW = text("clock_timestamp()")


def _player(row: Row[*tuple[Any, ...]] | Record) -> Player:
    id_, username, role, status, suspended_until, created_at, updated_at, protected = row[:8]
    return Player(id_, username, Role(role), PlayerStatus(status), suspended_until, created_at, updated_at, protected)


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


async def lock(tx: Transaction, player_id: UUID) -> Player | None:
    """The account with this id, locked until the commit: nobody else changes its role or password meanwhile."""
    row = (await tx.execute(select(*_COLUMNS).where(players.c.id == player_id).with_for_update(key_share=True))).first()
    return None if row is None else _player(row)


async def lock_by_username(tx: Transaction, username: str) -> Player | None:
    """The same, by name, whatever its case."""
    statement = select(*_COLUMNS).where(players.c.username_key == fold_username(username))
    row = (await tx.execute(statement.with_for_update(key_share=True))).first()
    return None if row is None else _player(row)


async def password_hash(tx: Transaction, player_id: UUID) -> str | None:
    """The account's password hash; None for one without a password."""
    statement = select(players.c.password_hash).where(players.c.id == player_id)
    return (await tx.execute(statement)).scalar_one_or_none()


async def set_role(tx: Transaction, player_id: UUID, role: Role) -> None:
    """Give an account another role."""
    await tx.execute(players.update().where(players.c.id == player_id).values(role=role, updated_at=_NOW))


async def set_password(tx: Transaction, player_id: UUID, password_hash: str) -> None:
    """Replace the password hash."""
    changes = {"password_hash": password_hash, "updated_at": _NOW}
    await tx.execute(players.update().where(players.c.id == player_id).values(changes))


async def renew_password_hash(tx: Transaction, player_id: UUID, old: str, new: str) -> None:
    """Store another hash of the same password, unless the password was changed meanwhile."""
    statement = players.update().where(players.c.id == player_id, players.c.password_hash == old)
    await tx.execute(statement.values(password_hash=new))


async def set_status(tx: Transaction, player_id: UUID, status: PlayerStatus, until: datetime | None) -> None:
    """Give a locked account another status; ``until`` is when a suspension ends."""
    await tx.execute(
        players.update()
        .where(players.c.id == player_id)
        .values(status=status, suspended_until=until, updated_at=text("clock_timestamp()"))
    )


async def set_protected(tx: Transaction, player_id: UUID, *, protected: bool) -> None:
    """Let decisions about a locked account need two people, or one again."""
    await tx.execute(players.update().where(players.c.id == player_id).values(protected=protected, updated_at=_NOW))


async def search(tx: Transaction, beginning: str, limit: int) -> list[Player]:
    """Accounts whose names begin so, whatever the case, in the order of their names."""
    wanted = players.c.username_key.startswith(fold_username(beginning), autoescape=True)
    statement = select(*_COLUMNS).where(wanted).order_by(players.c.username_key).limit(limit)
    return [_player(row) for row in await tx.execute(statement)]


_ENDED = (players.c.status == PlayerStatus.SUSPENDED, players.c.suspended_until <= text("clock_timestamp()"))


async def whose_suspension_ended(tx: Transaction) -> list[UUID]:
    """A hundred of the suspended accounts whose time is over."""
    rows = await tx.execute(select(players.c.id).where(*_ENDED).order_by(players.c.id).limit(100))
    return [row.id for row in rows]


async def lock_ended_suspension(tx: Transaction, player_id: UUID) -> Player | None:
    """This account, locked; None where it is not suspended any more, or another worker has it."""
    statement = select(*_COLUMNS).where(players.c.id == player_id, *_ENDED)
    row = (await tx.execute(statement.with_for_update(key_share=True, skip_locked=True))).first()
    return None if row is None else _player(row)
