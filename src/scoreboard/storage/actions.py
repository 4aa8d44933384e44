"""Attempts at actions, and what each player has done of each kind."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from scoreboard.domain.action import Action, ActionStatus, Usage
from scoreboard.storage.database import Transaction
from scoreboard.storage.tables import actions


def _action(row: Row[*tuple[Any, ...]]) -> Action:
    return Action(
        row.id,
        row.player_id,
        row.kind_key,
        row.kind_version,
        ActionStatus(row.status),
        row.created_at,
        row.expires_at,
        row.client_id,
        row.completed_at,
        row.points,
        row.request_hash,
        row.ledger_seq,
    )


_ADD = text(
    "INSERT INTO actions (id, player_id, kind_key, kind_version, created_at, expires_at)"
    " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:players AS uuid[]), CAST(:kinds AS text[]),"
    " CAST(:versions AS int[]), CAST(:created AS timestamptz[]), CAST(:expires AS timestamptz[]))"
)


async def add(tx: Transaction, rows: Sequence[Action]) -> None:
    """Insert attempts that were just begun."""
    await tx.execute(
        _ADD,
        {
            "ids": [row.id for row in rows],
            "players": [row.player_id for row in rows],
            "kinds": [row.kind_key for row in rows],
            "versions": [row.kind_version for row in rows],
            "created": [row.created_at for row in rows],
            "expires": [row.expires_at for row in rows],
        },
    )


async def find(tx: Transaction, action_id: UUID) -> Action | None:
    """The attempt with this id."""
    row = (await tx.execute(select(actions).where(actions.c.id == action_id))).first()
    return None if row is None else _action(row)


_LOCK = text(
    "SELECT id, player_id, kind_key, kind_version, status, created_at, expires_at, client_id, completed_at, points,"
    " request_hash, ledger_seq FROM actions WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"
)
_BY_CLIENT_ID = text(
    "SELECT a.id, a.player_id, a.kind_key, a.kind_version, a.status, a.created_at, a.expires_at, a.client_id,"
    " a.completed_at, a.points, a.request_hash, a.ledger_seq"
    " FROM unnest(CAST(:players AS uuid[]), CAST(:client_ids AS text[])) AS wanted(player_id, client_id)"
    " JOIN actions a USING (player_id, client_id)"
)


async def lock(tx: Transaction, action_ids: Iterable[UUID]) -> dict[UUID, Action]:
    """These attempts, locked in the order of their ids (one order everywhere: no deadlocks)."""
    rows = await tx.execute(_LOCK, {"ids": sorted(set(action_ids))})
    return {row.id: _action(row) for row in rows}


async def by_client_ids(tx: Transaction, wanted: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Action]:
    """Attempts that clients named themselves; they are completed as soon as they exist, so no lock is needed."""
    pairs = sorted(set(wanted))
    rows = await tx.execute(
        _BY_CLIENT_ID, {"players": [pair[0] for pair in pairs], "client_ids": [pair[1] for pair in pairs]}
    )
    return {(row.player_id, row.client_id): _action(row) for row in rows}


_ADD_FINISHED = text(
    "INSERT INTO actions (id, player_id, kind_key, kind_version, created_at, expires_at, client_id, status,"
    " completed_at, points, request_hash, ledger_seq) SELECT * FROM unnest(CAST(:ids AS uuid[]),"
    " CAST(:players AS uuid[]), CAST(:kinds AS text[]), CAST(:versions AS int[]), CAST(:created AS timestamptz[]),"
    " CAST(:expires AS timestamptz[]), CAST(:client_ids AS text[]), CAST(:statuses AS text[]),"
    " CAST(:completed AS timestamptz[]), CAST(:points AS bigint[]), CAST(:hashes AS bytea[]), CAST(:seqs AS bigint[]))"
)


async def add_finished(tx: Transaction, rows: Sequence[Action]) -> None:
    """Insert attempts that were begun and ended in one call.

    Raises:
        sqlalchemy.exc.IntegrityError: another transaction stored an attempt with the same client id first.
    """
    await tx.execute(
        _ADD_FINISHED,
        {
            "ids": [row.id for row in rows],
            "players": [row.player_id for row in rows],
            "kinds": [row.kind_key for row in rows],
            "versions": [row.kind_version for row in rows],
            "created": [row.created_at for row in rows],
            "expires": [row.expires_at for row in rows],
            "client_ids": [row.client_id for row in rows],
            "statuses": [str(row.status) for row in rows],
            "completed": [row.completed_at for row in rows],
            "points": [row.points for row in rows],
            "hashes": [row.request_hash for row in rows],
            "seqs": [row.ledger_seq for row in rows],
        },
    )


_USAGE = text(
    "SELECT player_id, kind_key, completed, last_completed_at, window_started_at, window_completed FROM player_kinds"
    " WHERE (player_id, kind_key) IN (SELECT * FROM unnest(CAST(:players AS uuid[]), CAST(:kinds AS text[])))"
    " ORDER BY player_id, kind_key"
)
_USAGE_LOCKED = text(f"{_USAGE.text} FOR NO KEY UPDATE")
_USAGE_SEED = text(
    "INSERT INTO player_kinds (player_id, kind_key) SELECT * FROM unnest(CAST(:players AS uuid[]),"
    " CAST(:kinds AS text[])) ON CONFLICT DO NOTHING"
)


async def usage(tx: Transaction, pairs: Iterable[tuple[UUID, str]], *, lock: bool) -> dict[tuple[UUID, str], Usage]:
    """What these players have done of these kinds; with ``lock`` every pair gets a row and is locked in order."""
    wanted = sorted(set(pairs))
    arguments: dict[str, object] = {"players": [pair[0] for pair in wanted], "kinds": [pair[1] for pair in wanted]}
    found = await _read_usage(tx, arguments, lock=lock)
    if lock and len(found) < len(wanted):
        await tx.execute(_USAGE_SEED, arguments)
        found = await _read_usage(tx, arguments, lock=True)
    return found


async def _read_usage(tx: Transaction, arguments: dict[str, object], *, lock: bool) -> dict[tuple[UUID, str], Usage]:
    rows = await tx.execute(_USAGE_LOCKED if lock else _USAGE, arguments)
    return {
        (row.player_id, row.kind_key): Usage(
            row.completed, row.last_completed_at, row.window_started_at, row.window_completed
        )
        for row in rows
    }


async def clock(tx: Transaction) -> datetime:
    """The database's clock: the one clock by which attempts and scores are dated, whichever pod handles them."""
    moment: datetime = (await tx.execute(_CLOCK)).scalar_one()
    return moment


_CLOCK = text("SELECT clock_timestamp()")
