"""Corrections: what was taken back at once, by whom, and whether it was given back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from scoreboard.domain.correction import BoardChanges, Scope
from scoreboard.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Found:
    """A completed action in a scope: its first ledger number, its player and its points."""

    seq: int
    action_id: UUID
    player_id: UUID
    points: int


@dataclass(frozen=True, slots=True)
class StoredCorrection:
    """A correction. ``number`` is what people call it by. The ranges are those of its entries in the ledger; None for
    what has not happened, or had nothing to amend.
    """

    id: UUID
    number: int
    scope: Scope
    reason: str
    case_id: UUID | None
    actions: int
    players: int
    points: int
    boards: tuple[BoardChanges, ...]
    applied_by: UUID | None
    applied_name: str | None
    applied_at: datetime
    first_seq: int | None
    last_seq: int | None
    undone_by: UUID | None
    undone_name: str | None
    undone_at: datetime | None
    undo_first_seq: int | None
    undo_last_seq: int | None


async def in_scope(tx: Transaction, scope: Scope, limit: int) -> list[Found]:
    """The completed actions of a scope by first ledger number, at most ``limit``."""
    conditions: list[tuple[str, Any]] = [
        ("l.player_id = ${}", scope.player_id),
        ("l.action_id = ${0} AND a.id = ${0}", scope.action_id),
        ("l.kind_key = ${}", scope.kind),
        ("l.at >= ${}", scope.since),
        ("l.at < ${}", scope.until),
    ]
    given = [(words, value) for words, value in conditions if value is not None]
    where = "".join(f" AND {words.format(number)}" for number, (words, _) in enumerate(given, 2))
    rows = await tx.fetch(
        "SELECT l.seq, l.action_id, l.player_id, l.points FROM ledger l"
        " JOIN actions a ON a.id = l.action_id AND a.ledger_seq = l.seq"
        f" WHERE a.status = 'completed'{where} ORDER BY l.seq LIMIT $1",
        limit,
        *(value for _, value in given),
    )
    return [Found(*row) for row in rows]


_ADD = (
    "INSERT INTO corrections (id, scope, reason, case_id, actions, players, points, boards, applied_by, applied_at)"
    " VALUES ($1, CAST($2::text AS jsonb), $3, $4, $5, $6, $7, CAST($8::text AS jsonb), $9, $10) RETURNING number"
)
_ADD_ACTIONS = "INSERT INTO correction_actions (correction_id, action_id) SELECT $1, unnest($2::uuid[])"


async def add(
    tx: Transaction,
    correction_id: UUID,
    scope: Scope,
    reason: str,
    found: Sequence[Found],
    boards: Sequence[BoardChanges],
    *,
    case_id: UUID | None,
    applied_by: UUID,
    now: datetime,
    chunk: int,
) -> int:
    """Insert a correction and its actions. Returns its number.

    Raises:
        asyncpg.ForeignKeyViolationError: there is no such case.
    """
    rows = await tx.fetch(
        _ADD,
        correction_id,
        _json(scope),
        reason,
        case_id,
        len(found),
        len({one.player_id for one in found}),
        sum(one.points for one in found),
        _json(boards),
        applied_by,
        now,
    )
    for start in range(0, len(found), chunk):
        await tx.fetch(_ADD_ACTIONS, correction_id, [one.action_id for one in found[start : start + chunk]])
    number: int = rows[0][0]
    return number


async def note_applied(tx: Transaction, correction_id: UUID, first_seq: int, last_seq: int) -> None:
    """Record by which entries of the ledger an own, new correction was made."""
    await tx.fetch(
        "UPDATE corrections SET first_seq = $2, last_seq = $3 WHERE id = $1", correction_id, first_seq, last_seq
    )


async def note_undone(
    tx: Transaction, correction_id: UUID, by: UUID, now: datetime, first_seq: int | None, last_seq: int | None
) -> None:
    """Record that a locked correction was undone, and by which entries of the ledger."""
    await tx.fetch(
        "UPDATE corrections SET undone_by = $2, undone_at = $3, undo_first_seq = $4, undo_last_seq = $5 WHERE id = $1",
        *(correction_id, by, now, first_seq, last_seq),
    )


# The last time that an action was voided must have been by this correction: another one may have done it since.
_STILL_VOID = (
    "SELECT c.action_id, a.player_id FROM correction_actions c JOIN actions a ON a.id = c.action_id"
    " WHERE c.correction_id = $1 AND a.status = 'voided' AND (SELECT k.seq FROM ledger_keys k"
    " WHERE k.action_id = c.action_id AND k.entry_type = 'voided' ORDER BY k.turn DESC LIMIT 1) BETWEEN $2 AND $3"
)


async def still_void(tx: Transaction, correction: StoredCorrection) -> list[tuple[UUID, UUID]]:
    """The actions that are void because of this correction, each with its player."""
    rows = await tx.fetch(_STILL_VOID, correction.id, correction.first_seq, correction.last_seq)
    return [(action_id, player_id) for action_id, player_id in rows]


_COLUMNS = (
    "c.id, c.number, c.scope::text AS scope, c.reason, c.case_id, c.actions, c.players, c.points::bigint AS points,"
    " c.boards::text AS boards, c.applied_by, a.username AS applied_name, c.applied_at, c.first_seq, c.last_seq,"
    " c.undone_by, u.username AS undone_name, c.undone_at, c.undo_first_seq, c.undo_last_seq"
)
_FROM = "corrections c LEFT JOIN players a ON a.id = c.applied_by LEFT JOIN players u ON u.id = c.undone_by"


def _correction(row: Record) -> StoredCorrection:
    fields = dict(row)
    scope = msgspec.json.decode(fields.pop("scope"), type=Scope)
    boards = msgspec.json.decode(fields.pop("boards"), type=tuple[BoardChanges, ...])
    return StoredCorrection(**fields, scope=scope, boards=boards)


async def find(tx: Transaction, correction_id: UUID, *, lock: bool = False) -> StoredCorrection | None:
    """The correction with this id; ``lock``: nobody else undoes it until the commit."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE c.id = $1{' FOR NO KEY UPDATE OF c' if lock else ''}", correction_id
    )
    return _correction(rows[0]) if rows else None


async def page(tx: Transaction, before: int, limit: int) -> list[StoredCorrection]:
    """Corrections with numbers below ``before``, newest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE c.number < $1 ORDER BY c.number DESC LIMIT $2", before, limit
    )
    return [_correction(row) for row in rows]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
