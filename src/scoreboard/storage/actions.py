"""Attempts at actions, and what each player has done of each kind."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from scoreboard.domain.action import Action, ActionStatus, Usage
from scoreboard.storage.database import Transaction

_COLUMNS = (
    "a.id, a.player_id, a.kind_key, a.kind_version, a.status, a.created_at, a.expires_at, a.client_id, a.completed_at,"
    " a.points, a.request_hash, a.ledger_seq"
)


def _action(row: Record) -> Action:
    id_, player_id, kind, version, status, created_at, expires_at, *ending = row
    return Action(id_, player_id, kind, version, ActionStatus(status), created_at, expires_at, *ending)


_ADD = (
    "INSERT INTO actions (id, player_id, kind_key, kind_version, created_at, expires_at)"
    " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[])"
)


async def add(tx: Transaction, rows: Sequence[Action]) -> None:
    """Insert attempts that were just begun."""
    await tx.fetch(
        _ADD,
        [row.id for row in rows],
        [row.player_id for row in rows],
        [row.kind_key for row in rows],
        [row.kind_version for row in rows],
        [row.created_at for row in rows],
        [row.expires_at for row in rows],
    )


_FIND = f"SELECT {_COLUMNS} FROM actions a WHERE a.id = $1"
_LOCK = f"SELECT {_COLUMNS} FROM actions a WHERE a.id = ANY($1) ORDER BY a.id FOR NO KEY UPDATE"
_BY_CLIENT_ID = (
    f"SELECT {_COLUMNS} FROM unnest($1::uuid[], $2::text[]) AS wanted(player_id, client_id)"
    " JOIN actions a USING (player_id, client_id)"
)


async def find(tx: Transaction, action_id: UUID) -> Action | None:
    """The attempt with this id."""
    rows = await tx.fetch(_FIND, action_id)
    return _action(rows[0]) if rows else None


async def lock(tx: Transaction, action_ids: Iterable[UUID]) -> dict[UUID, Action]:
    """These attempts, locked in the order of their ids (one order everywhere: no deadlocks)."""
    rows = await tx.fetch(_LOCK, sorted(set(action_ids)))
    return {row[0]: _action(row) for row in rows}


async def by_client_ids(tx: Transaction, wanted: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Action]:
    """Attempts that clients named themselves; they are completed as soon as they exist, so no lock is needed."""
    pairs = sorted(set(wanted))
    rows = await tx.fetch(_BY_CLIENT_ID, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return {(row["player_id"], row["client_id"]): _action(row) for row in rows}


_ADD_FINISHED = (
    "INSERT INTO actions (id, player_id, kind_key, kind_version, created_at, expires_at, client_id, status,"
    " completed_at, points, request_hash, ledger_seq) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[],"
    " $4::int[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[], $9::timestamptz[], $10::bigint[],"
    " $11::bytea[], $12::bigint[])"
)


async def add_finished(tx: Transaction, rows: Sequence[Action]) -> None:
    """Insert attempts that were begun and ended in one call.

    Raises:
        asyncpg.UniqueViolationError: another transaction stored an attempt with the same client id first.
    """
    await tx.fetch(
        _ADD_FINISHED,
        [row.id for row in rows],
        [row.player_id for row in rows],
        [row.kind_key for row in rows],
        [row.kind_version for row in rows],
        [row.created_at for row in rows],
        [row.expires_at for row in rows],
        [row.client_id for row in rows],
        [str(row.status) for row in rows],
        [row.completed_at for row in rows],
        [row.points for row in rows],
        [row.request_hash for row in rows],
        [row.ledger_seq for row in rows],
    )


_USAGE = (
    "SELECT player_id, kind_key, completed, last_completed_at, window_started_at, window_completed FROM player_kinds"
    " WHERE (player_id, kind_key) IN (SELECT * FROM unnest($1::uuid[], $2::text[])) ORDER BY player_id, kind_key"
)
_USAGE_LOCKED = f"{_USAGE} FOR NO KEY UPDATE"
# Only of accounts that are there: one may be gone since its token was given out.
_USAGE_SEED = (
    "INSERT INTO player_kinds (player_id, kind_key) SELECT n.* FROM unnest($1::uuid[], $2::text[]) AS n(player, kind)"
    " JOIN players p ON p.id = n.player ORDER BY 1, 2 ON CONFLICT DO NOTHING"
)


async def usage(tx: Transaction, pairs: Iterable[tuple[UUID, str]], *, lock: bool) -> dict[tuple[UUID, str], Usage]:
    """What these players have done of these kinds; with ``lock`` every pair gets a row and is locked in order."""
    wanted = sorted(set(pairs))
    arguments = ([pair[0] for pair in wanted], [pair[1] for pair in wanted])
    found = await _read_usage(tx, arguments, lock=lock)
    if lock and len(found) < len(wanted):
        await tx.fetch(_USAGE_SEED, *arguments)
        found = await _read_usage(tx, arguments, lock=True)
    return found


async def _read_usage(
    tx: Transaction, arguments: tuple[list[UUID], list[str]], *, lock: bool
) -> dict[tuple[UUID, str], Usage]:
    rows = await tx.fetch(_USAGE_LOCKED if lock else _USAGE, *arguments)
    return {(player, kind): Usage(*counts) for player, kind, *counts in rows}


_HELD = (
    "SELECT w.player_id, l.season_ids, l.points FROM unnest($1::uuid[]) AS w(player_id), LATERAL (SELECT a.ledger_seq"
    " FROM actions a WHERE a.player_id = w.player_id AND a.status = 'held' ORDER BY a.ledger_seq LIMIT $2) h"
    " JOIN ledger l ON l.seq = h.ledger_seq ORDER BY l.seq"
)


async def held(tx: Transaction, player_ids: Iterable[UUID], most: int) -> list[tuple[UUID, tuple[int, ...], int]]:
    """Held actions in the order in which they were completed: whose, in which seasons they would count, points.

    The first ``most`` of each player.
    """
    rows = await tx.fetch(_HELD, sorted(set(player_ids)), most)
    return [(player_id, tuple(season_ids), points) for player_id, season_ids, points in rows]


_COUNT_HELD = (
    "SELECT w.player_id, (SELECT count(*) FROM (SELECT 1 FROM actions a WHERE a.player_id = w.player_id"
    " AND a.status = 'held' LIMIT $2) h) FROM unnest($1::uuid[]) AS w(player_id)"
)


async def count_held(tx: Transaction, player_ids: Iterable[UUID], most: int) -> dict[UUID, int]:
    """How many actions of each of these players are held; counted up to ``most``."""
    rows = await tx.fetch(_COUNT_HELD, list(player_ids), most)
    return {row[0]: row[1] for row in rows}


_HELD_IN = (
    "SELECT count(*), coalesce(sum(a.points), 0) FROM actions a JOIN ledger l ON l.seq = a.ledger_seq"
    " WHERE a.player_id = $1 AND a.status = 'held' AND $2 = ANY(l.season_ids)"
)


async def held_in(tx: Transaction, player_id: UUID, season_id: int) -> tuple[int, int]:
    """How many held actions a player has in a season, and the sum of their points."""
    [(number, points)] = await tx.fetch(_HELD_IN, player_id, season_id)
    return number, int(points)


_UNTIMED = "INSERT INTO untimed_actions (action_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING"


async def mark_untimed(tx: Transaction, action_ids: Iterable[UUID]) -> None:
    """Remember that a trusted server completes these: their moments tell nothing about the players."""
    await tx.fetch(_UNTIMED, list(action_ids))


async def clock(tx: Transaction) -> datetime:
    """The database's clock: the one clock by which attempts and scores are dated, whichever pod handles them."""
    moment: datetime = (await tx.fetch("SELECT clock_timestamp()"))[0][0]
    return moment


_FORGET_ABANDONED = (
    "WITH gone AS (DELETE FROM actions WHERE created_at >= $1 AND created_at < $2 AND status = 'created'"
    " AND expires_at < clock_timestamp() RETURNING kind_key, created_at, expires_at > created_at + $3 AS long)"
    " SELECT date_trunc('minute', created_at), kind_key, count(*)::int, count(*) FILTER (WHERE long)::int FROM gone"
    " GROUP BY 1, 2 ORDER BY 1, 2"
)


async def forget_abandoned(
    tx: Transaction, since: datetime, until: datetime, short: timedelta
) -> list[tuple[datetime, str, int, int]]:
    """Delete attempts begun in this time that were never completed and no longer can be.

    Returns:
        By minute and kind how many, and how many of them might have lasted longer than ``short``.
    """
    return [(row[0], row[1], row[2], row[3]) for row in await tx.fetch(_FORGET_ABANDONED, since, until, short)]
