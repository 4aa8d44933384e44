"""The ledger: every score event in commit order, chained by hash. Rows are only ever inserted."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from sqlalchemy import Row, text

from scoreboard.domain.action import Action
from scoreboard.domain.events import EntryType, LedgerEntry, Verdict
from scoreboard.security.ledger_chain import entry_hash
from scoreboard.storage.database import Transaction
from scoreboard.storage.row_sets import as_json, bytea

_SHARD = 0
# Rows travel as JSON: see ``row_sets``.
_APPEND = (
    "WITH n AS (SELECT * FROM json_to_recordset($5::json) AS n(seq bigint, at timestamptz, entry_type text,"
    " action_id uuid, player_id uuid, kind_key text, kind_version int, points bigint, season_ids bigint[],"
    " previous bigint[], current bigint[], verdict text, trace_id text, prev_hash bytea, hash bytea, status text,"
    " request_hash bytea, turn smallint)),"
    " ended AS (UPDATE actions a SET status = n.status, completed_at = n.at, points = n.points,"
    " request_hash = n.request_hash, ledger_seq = n.seq FROM n WHERE a.id = n.action_id AND n.status IS NOT NULL),"
    " keyed AS (INSERT INTO ledger_keys (action_id, entry_type, turn, seq) SELECT action_id, entry_type, turn, seq"
    " FROM n),"
    " moved AS (UPDATE ledger_head SET seq = $3, hash = $4 WHERE shard = $1),"
    " noted AS (INSERT INTO outbox (kind, first_seq, last_seq) SELECT 'scores', $2, $3 WHERE $6"
    " RETURNING id),"
    " added AS (INSERT INTO ledger (seq, at, entry_type, action_id, player_id, kind_key, kind_version, points,"
    " season_ids, previous, current, verdict, trace_id, prev_hash, hash)"
    " SELECT seq, at, entry_type, action_id, player_id, kind_key, kind_version, points, season_ids, previous, current,"
    " verdict, trace_id, prev_hash, hash FROM n)"
    " SELECT id FROM noted"
)


class _Row(msgspec.Struct):
    """An entry with its place in the chain and how its action ended, as ``_APPEND`` names the columns."""

    seq: int
    at: datetime
    entry_type: str
    action_id: UUID
    player_id: UUID
    kind_key: str
    kind_version: int
    points: int
    season_ids: Sequence[int]
    previous: Sequence[int | None]
    current: Sequence[int | None]
    verdict: str
    trace_id: str | None
    prev_hash: str
    hash: str
    status: str | None
    request_hash: str | None
    turn: int


async def append(
    tx: Transaction,
    head: tuple[int, bytes],
    entries: Sequence[LedgerEntry],
    ended: Sequence[Action | None],
    *,
    turns: Sequence[int] | None = None,
) -> int:
    """Append entries after the locked head, end their actions, and note one outbox row for all of them.

    Args:
        tx: has locked the head.
        head: its number and hash.
        entries: in the order in which they are to be numbered.
        ended: for each entry the action whose row it ends, or None where that row says so already.
        turns: which of its action's entries of this type each is, counted from 0. With them no outbox row is
            noted: amendments note one for all that they append.

    Returns:
        The id of the outbox row; 0 without one.

    Raises:
        asyncpg.UniqueViolationError: an action has this entry already.
    """
    seq, previous = head
    first, rows = seq + 1, []
    for place, (entry, action) in enumerate(zip(entries, ended, strict=True)):
        seq += 1
        link = entry_hash(previous, seq, entry)
        rows.append(
            _Row(
                *(seq, entry.at, entry.entry_type, entry.action_id, entry.player_id, entry.kind_key),
                *(entry.kind_version, entry.points, entry.season_ids, entry.previous, entry.current, entry.verdict),
                *(entry.trace_id, bytea(previous), bytea(link)),
                None if action is None else action.status,
                None if action is None or action.request_hash is None else bytea(action.request_hash),
                0 if turns is None else turns[place],
            )
        )
        previous = link
    noted = await tx.fetch(_APPEND, _SHARD, first, seq, previous, as_json(rows), turns is None)
    return noted[0][0] if noted else 0


COLUMNS = (
    "seq, at, entry_type, action_id, player_id, kind_key, kind_version, points, season_ids, previous, current,"
    " verdict, trace_id"
)
"""What :func:`entry_of` reads, in its order."""


def entry_of(row: Row[*tuple[Any, ...]] | Record) -> tuple[int, LedgerEntry]:
    """The number and the entry of a row that begins with ``COLUMNS``."""
    seq, at, entry_type, action, player, kind, version, points, season_ids, previous, current, verdict, trace = row[:13]
    return seq, LedgerEntry(
        *(EntryType(entry_type), at, action, player, kind, version, points),
        *(tuple(season_ids), tuple(previous), tuple(current), Verdict(verdict), trace),
    )


async def last_of_pairs(tx: Transaction, first: int, last: int) -> dict[tuple[int, UUID], int]:
    """For each (season, player) that the entries from ``first`` to ``last`` inclusive speak of, the last such entry."""
    statement = text(
        "SELECT season, player_id, max(seq) AS seq FROM ledger, unnest(season_ids) AS season"
        " WHERE seq BETWEEN :first AND :last GROUP BY 1, 2 ORDER BY 1, 2"
    )
    rows = await tx.execute(statement, {"first": first, "last": last})
    return {(row.season, row.player_id): row.seq for row in rows}


async def between(tx: Transaction, first: int, last: int) -> list[tuple[int, LedgerEntry]]:
    """Entries from ``first`` to ``last`` inclusive, in order."""
    statement = text(f"SELECT {COLUMNS} FROM ledger WHERE seq BETWEEN :first AND :last ORDER BY seq")
    return [entry_of(row) for row in await tx.execute(statement, {"first": first, "last": last})]


async def among(tx: Transaction, numbers: Iterable[int]) -> list[tuple[int, LedgerEntry]]:
    """The entries with these numbers, as far as they are there."""
    rows = await tx.fetch(f"SELECT {COLUMNS} FROM ledger WHERE seq = ANY($1)", list(numbers))
    return [entry_of(row) for row in rows]


_OF_ACTIONS = (
    f"SELECT {', '.join('l.' + name.strip() for name in COLUMNS.split(','))} FROM actions a"
    " JOIN ledger l ON l.seq = a.ledger_seq WHERE a.id = ANY($1)"
)


async def of_actions(tx: Transaction, action_ids: Iterable[UUID]) -> dict[UUID, tuple[int, LedgerEntry]]:
    """The entry by which each of these actions was first recorded."""
    return {row["action_id"]: entry_of(row) for row in await tx.fetch(_OF_ACTIONS, list(action_ids))}


async def of_player(tx: Transaction, player_id: UUID, before: int, limit: int) -> list[tuple[int, LedgerEntry]]:
    """A player's entries older than ``before``, newest first."""
    statement = text(
        f"SELECT {COLUMNS} FROM ledger WHERE player_id = :player AND seq < :before ORDER BY seq DESC LIMIT :limit"
    )
    rows = await tx.execute(statement, {"player": player_id, "before": before, "limit": limit})
    return [entry_of(row) for row in rows]


_CHAIN = f"SELECT {COLUMNS}, prev_hash, hash FROM ledger WHERE seq > $1"
ChainRow = tuple[int, bytes, bytes, LedgerEntry]
"""An entry's number, the hash that it names as the one before, its own hash, and the entry."""


async def chain_rows(tx: Transaction, after: int, limit: int) -> list[ChainRow]:
    """Entries after a number with their hashes, to verify the chain."""
    return [_chained(row) for row in await tx.fetch(f"{_CHAIN} ORDER BY seq LIMIT $2", after, limit)]


async def chain_rows_of_season(tx: Transaction, season_id: int, after: int, through: int) -> list[ChainRow]:
    """The same for one season's entries from after one number up to another."""
    statement = f"{_CHAIN} AND seq <= $2 AND $3 = ANY(season_ids) ORDER BY seq"
    return [_chained(row) for row in await tx.fetch(statement, after, through, season_id)]


def _chained(row: Record) -> ChainRow:
    seq, entry = entry_of(row)
    return seq, row["prev_hash"], row["hash"], entry


async def head(tx: Transaction, *, lock: bool = False) -> tuple[int, bytes]:
    """Number and hash of the last entry. ``lock``: nobody else may append until the commit."""
    statement = text(f"SELECT seq, hash FROM ledger_head WHERE shard = :shard{' FOR UPDATE' if lock else ''}")
    row = (await tx.execute(statement, {"shard": _SHARD})).one()
    return row.seq, row.hash
