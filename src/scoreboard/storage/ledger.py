"""The ledger: every score event in commit order, chained by hash. Rows are only ever inserted."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import Row, text

from scoreboard.domain.action import Action
from scoreboard.domain.events import EntryType, LedgerEntry, Verdict
from scoreboard.security.ledger_chain import entry_hash
from scoreboard.storage.database import Transaction

_SHARD = 0
# Parallel arrays of different lengths cannot be unnested from a two-dimensional array, so the three lists of an entry
# travel as Postgres array literals.
_APPEND = (
    "WITH n AS (SELECT * FROM unnest($5::bigint[], $6::timestamptz[], $7::text[], $8::uuid[], $9::uuid[], $10::text[],"
    " $11::int[], $12::bigint[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::bytea[],"
    " $19::bytea[], $20::text[], $21::bytea[], $22::smallint[])"
    " AS n(seq, at, entry_type, action_id, player_id, kind_key, kind_version, points, seasons, previous, current,"
    " verdict, trace_id, prev_hash, hash, status, request_hash, turn)),"
    " ended AS (UPDATE actions a SET status = n.status, completed_at = n.at, points = n.points,"
    " request_hash = n.request_hash, ledger_seq = n.seq FROM n WHERE a.id = n.action_id AND n.status IS NOT NULL),"
    " keyed AS (INSERT INTO ledger_keys (action_id, entry_type, turn, seq) SELECT action_id, entry_type, turn, seq"
    " FROM n),"
    " moved AS (UPDATE ledger_head SET seq = $3, hash = $4 WHERE shard = $1),"
    " noted AS (INSERT INTO outbox (kind, first_seq, last_seq) SELECT 'scores', $2, $3 WHERE $23"
    " RETURNING id),"
    " added AS (INSERT INTO ledger (seq, at, entry_type, action_id, player_id, kind_key, kind_version, points,"
    " season_ids, previous, current, verdict, trace_id, prev_hash, hash)"
    " SELECT seq, at, entry_type, action_id, player_id, kind_key, kind_version, points, CAST(seasons AS bigint[]),"
    " CAST(previous AS bigint[]), CAST(current AS bigint[]), verdict, trace_id, prev_hash, hash FROM n)"
    " SELECT id FROM noted"
)


def _literal(values: Iterable[int | None]) -> str:
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


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
    seqs, prevs, hashes = [], [], []
    for entry in entries:
        seq += 1
        seqs.append(seq)
        prevs.append(previous)
        previous = entry_hash(previous, seq, entry)
        hashes.append(previous)
    rows = await tx.fetch(
        _APPEND,
        _SHARD,
        seqs[0],
        seq,
        previous,
        seqs,
        [entry.at for entry in entries],
        [str(entry.entry_type) for entry in entries],
        [entry.action_id for entry in entries],
        [entry.player_id for entry in entries],
        [entry.kind_key for entry in entries],
        [entry.kind_version for entry in entries],
        [entry.points for entry in entries],
        [_literal(entry.season_ids) for entry in entries],
        [_literal(entry.previous) for entry in entries],
        [_literal(entry.current) for entry in entries],
        [str(entry.verdict) for entry in entries],
        [entry.trace_id for entry in entries],
        prevs,
        hashes,
        [None if action is None else str(action.status) for action in ended],
        [None if action is None else action.request_hash for action in ended],
        [0] * len(entries) if turns is None else turns,
        turns is None,
    )
    return rows[0][0] if rows else 0


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
