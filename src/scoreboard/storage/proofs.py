"""What a check of the whole platform reads: rows by player, and walks through tables in pages that stay small."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from scoreboard.domain.events import LedgerEntry, StandingChange
from scoreboard.storage.database import Transaction
from scoreboard.storage.ledger import COLUMNS, entry_of

LOWEST = UUID(int=0)


class StoredTotal(NamedTuple):
    """A row of ``scores``."""

    season_id: int
    player_id: UUID
    score: int
    reached_at: datetime
    version: int
    last_action_id: UUID | None
    empty: bool
    visible: bool


class PlayerRow(NamedTuple):
    """A player, and whether others may see them."""

    id: UUID
    username: str
    active: bool


async def estimated_players(tx: Transaction) -> int:
    """How many players there are."""
    rows = await tx.fetch("SELECT count(*) FROM players")
    return int(rows[0][0])


async def players_after(tx: Transaction, after: UUID, limit: int) -> list[PlayerRow]:
    """Players in the order of their ids."""
    statement = "SELECT id, username, status = 'active' FROM players WHERE id > $1 ORDER BY id LIMIT $2"
    return [PlayerRow(*row) for row in await tx.fetch(statement, after, limit)]


async def some_players(tx: Transaction, size: int) -> list[PlayerRow]:
    """Players who have scored, picked by chance: by random entries of the ledger, so busy ones come more often."""
    statement = (
        "SELECT DISTINCT p.id, p.username, p.status = 'active' FROM ledger_head h,"
        " generate_series(1, CAST($1 AS int)) n, LATERAL (SELECT n, CAST(ceil(random() * h.seq) AS bigint) AS seq"
        " OFFSET 0) pick JOIN ledger l ON l.seq = pick.seq JOIN players p ON p.id = l.player_id"
    )
    return [PlayerRow(*row) for row in await tx.fetch(statement, size)]


_OF_PLAYERS = f"SELECT {COLUMNS} FROM ledger WHERE player_id = ANY($1) ORDER BY player_id, seq"


async def entries_of(tx: Transaction, players: Sequence[UUID]) -> list[tuple[int, LedgerEntry]]:
    """All entries of these players, player by player, in the order of their numbers."""
    return [entry_of(row) for row in await tx.fetch(_OF_PLAYERS, players)]


_TOTALS = (
    "SELECT season_id, player_id, score, reached_at, version, last_action_id, empty, visible FROM scores"
    " WHERE season_id = ANY($1) AND player_id = ANY($2)"
)


async def totals_of(tx: Transaction, seasons: Sequence[int], players: Sequence[UUID]) -> list[StoredTotal]:
    """Every total of these players in these seasons."""
    return [StoredTotal(*row) for row in await tx.fetch(_TOTALS, seasons, players)]


_ACTIONS = "SELECT id, status, ledger_seq, completed_at, points, player_id, kind_key FROM actions WHERE id = ANY($1)"


async def action_rows(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """(status, ledger number, moment, points, player, kind) of these actions."""
    return {row[0]: tuple(row)[1:] for row in await tx.fetch(_ACTIONS, ids)}


async def key_rows(tx: Transaction, ids: Sequence[UUID]) -> set[tuple[UUID, str, int, int]]:
    """(action, type, turn, ledger number) of all keys of these actions."""
    statement = "SELECT action_id, entry_type, turn, seq FROM ledger_keys WHERE action_id = ANY($1)"
    return {tuple(row) for row in await tx.fetch(statement, ids)}


async def completed_of(tx: Transaction, players: Sequence[UUID]) -> dict[tuple[UUID, str], int]:
    """How often each of these players completed each kind; what nobody completed is left out."""
    statement = "SELECT player_id, kind_key, completed FROM player_kinds WHERE player_id = ANY($1) AND completed > 0"
    return {(row[0], row[1]): row[2] for row in await tx.fetch(statement, players)}


async def stored_completions(tx: Transaction, players: Sequence[UUID]) -> list[tuple[UUID, str, dict[str, Any]]]:
    """The replies to completions kept under Idempotency-Keys of these players: (player, key, reply)."""
    statement = (
        "SELECT player_id, key, reply::text FROM idempotency_keys WHERE player_id = ANY($1)"
        " AND jsonb_exists_all(reply, ARRAY['action_id', 'places', 'points'])"
    )
    return [(row[0], row[1], msgspec.json.decode(row[2])) for row in await tx.fetch(statement, players)]


_UNRECORDED = (
    "SELECT a.id, a.status, a.player_id, l.seq IS NOT NULL AS recorded, p.id IS NOT NULL AS owned FROM"
    " (SELECT * FROM actions WHERE id > $1 ORDER BY id LIMIT $2) a"
    " LEFT JOIN ledger l ON l.seq = a.ledger_seq AND l.action_id = a.id AND l.entry_type IN ('applied', 'held')"
    " LEFT JOIN players p ON p.id = a.player_id ORDER BY a.id"
)


class ActionSeen(NamedTuple):
    """An action, whether the ledger has the entry that it names, and whether its player is there."""

    id: UUID
    status: str
    player_id: UUID
    recorded: bool
    owned: bool


async def actions_after(tx: Transaction, after: UUID, limit: int) -> list[ActionSeen]:
    """Actions in the order of their ids."""
    return [ActionSeen(*row) for row in await tx.fetch(_UNRECORDED, after, limit)]


async def estimated_actions(tx: Transaction) -> int:
    """About how many actions there are, as Postgres's statistics say; 0 where they say nothing."""
    rows = await tx.fetch("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'actions'::regclass")
    return int(rows[0][0])


_SHOWN_AFTER = (
    "SELECT s.season_id, e.board_key, s.player_id, p.username, s.score, s.reached_at, s.version, s.visible"
    " FROM (SELECT * FROM scores WHERE season_id = $1 AND player_id > $2 ORDER BY player_id LIMIT $3) s"
    " JOIN players p ON p.id = s.player_id JOIN seasons e ON e.id = s.season_id ORDER BY s.player_id"
)


async def changes_after(tx: Transaction, season_id: int, after: UUID, limit: int) -> list[StandingChange]:
    """A season's totals in the order of their players' ids, as they are to be projected."""
    return [
        StandingChange(row[0], row[1], row[2], row[3], None, row[4] if row[7] else None, row[5], row[6])
        for row in await tx.fetch(_SHOWN_AFTER, season_id, after, limit)
    ]


_SOME_ACTION = (
    "SELECT l.action_id FROM (SELECT CAST(ceil(random() * seq) AS bigint) AS seq FROM ledger_head OFFSET 0) h"
    " JOIN ledger l ON l.seq = h.seq"
)


async def some_action(tx: Transaction) -> UUID:
    """An action picked by chance, among those in the ledger; the lowest id of all while there is none."""
    rows = await tx.fetch(_SOME_ACTION)
    return rows[0][0] if rows else LOWEST
