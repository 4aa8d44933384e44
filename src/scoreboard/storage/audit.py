"""The audit log: who changed what. Written in the same transaction as the change, never edited.

The database numbers and chains the rows (migration 0004); ``security.audit_chain`` computes the same.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from scoreboard.security.audit_chain import AuditRow, Seal
from scoreboard.storage.database import Transaction

_RECORD = (
    "INSERT INTO audit_log (event, subject, actor_id, actor_role, detail, request_id)"
    " VALUES ($1, $2, $3, $4, CAST($5::text AS jsonb), $6)"
)
_ROWS = (
    "SELECT id, at, actor_id, actor_role, event, subject, detail::text, request_id, prev_hash, hash FROM audit_log"
    " WHERE id > $1 ORDER BY id LIMIT $2"
)
_SEAL_COLUMNS = "day, last_id, last_hash, prev_seal, key_id, signature"
# The row that was last when a day ended; moments only grow with the numbers, so all of that day's rows lie before it.
_LAST_BEFORE = "SELECT id, hash FROM audit_log WHERE at < $1 ORDER BY id DESC LIMIT 1"


async def record(
    tx: Transaction,
    event: str,
    subject: str,
    *,
    actor_id: UUID | None = None,
    actor_role: str = "platform",
    detail: dict[str, Any] | None = None,
    request_id: str | None = None,
) -> None:
    """Note a change. ``event`` is a past-tense name such as ``player.registered``; ``detail`` holds no secrets.

    Locks the head of the log until the commit: everybody else who notes a change waits. Call it last, when the
    transaction has all other rows that it needs; only inserts that wait for nobody may follow.
    """
    encoded = msgspec.json.encode(detail or {}).decode()
    await tx.fetch(_RECORD, event, subject, actor_id, actor_role, encoded, request_id)


async def rows_after(tx: Transaction, after: int, limit: int) -> list[AuditRow]:
    """Rows with a number above ``after``, in order."""
    return [AuditRow(*row) for row in await tx.fetch(_ROWS, after, limit)]


async def head(tx: Transaction) -> tuple[int, bytes] | None:
    """Number and hash of the last row, as the head of the log says; None when somebody has removed the head."""
    rows = await tx.fetch("SELECT seq, hash FROM audit_head WHERE shard = 0")
    return (rows[0]["seq"], rows[0]["hash"]) if rows else None


async def lock_head(tx: Transaction) -> None:
    """Let nobody add a row until the commit, and wait for whoever is adding one."""
    await tx.fetch("SELECT 1 FROM audit_head WHERE shard = 0 FOR UPDATE")


async def first_moment(tx: Transaction) -> datetime | None:
    """When the first row was written; None while the log is empty."""
    rows = await tx.fetch("SELECT at FROM audit_log ORDER BY id LIMIT 1")
    return rows[0][0] if rows else None


async def last_before(tx: Transaction, moment: datetime) -> tuple[int, bytes] | None:
    """Number and hash of the last row from before a moment."""
    rows = await tx.fetch(_LAST_BEFORE, moment)
    return (rows[0]["id"], rows[0]["hash"]) if rows else None


async def add_seal(tx: Transaction, seal: Seal) -> None:
    """Store a day's seal. Raises asyncpg.UniqueViolationError when the day has one."""
    await tx.fetch(
        f"INSERT INTO audit_seals ({_SEAL_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
        *(seal.day, seal.last_id, seal.last_hash, seal.prev_seal, seal.key_id, seal.signature),
    )


async def newest_seal(tx: Transaction) -> Seal | None:
    """The seal of the latest sealed day."""
    rows = await tx.fetch(f"SELECT {_SEAL_COLUMNS} FROM audit_seals ORDER BY day DESC LIMIT 1")
    return Seal(*rows[0]) if rows else None


async def seals_after(tx: Transaction, day: date, limit: int) -> list[Seal]:
    """Seals of days after ``day``, in order."""
    statement = f"SELECT {_SEAL_COLUMNS} FROM audit_seals WHERE day > $1 ORDER BY day LIMIT $2"
    return [Seal(*row) for row in await tx.fetch(statement, day, limit)]
