"""What a batch of completions changes, in two statements: totals, usage, memories, then the ledger (``ledger.append``).

Every statement costs the process more than it costs Postgres, so a batch makes as few as its order of locks allows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from scoreboard.domain.action import Usage
from scoreboard.domain.score import Total
from scoreboard.domain.suspicion import Memory
from scoreboard.storage.database import Transaction
from scoreboard.storage.row_sets import as_json, bytea

# The head is locked above the join, so after the totals are in place: who waits for the head holds nothing that its
# holder may still want.
_SAVE = (
    "WITH used AS (UPDATE player_kinds k SET completed = n.completed, last_completed_at = n.last,"
    " window_started_at = n.started, window_completed = n.window_completed FROM json_to_recordset($2::json)"
    " AS n(player_id uuid, kind_key text, completed int, last timestamptz, started timestamptz, window_completed int)"
    " WHERE k.player_id = n.player_id AND k.kind_key = n.kind_key),"
    " remembered AS (UPDATE player_suspicion r SET suspicion = n.suspicion, suspicion_at = n.at, recent = n.recent"
    " FROM json_to_recordset($3::json) AS n(player_id uuid, suspicion float8, at timestamptz, recent bytea)"
    " WHERE r.player_id = n.player_id),"
    " saved AS (INSERT INTO scores AS s (season_id, player_id, score, reached_at, version, last_action_id, visible)"
    " SELECT n.*, p.status = 'active' FROM json_to_recordset($4::json) AS n(season_id bigint, player_id uuid,"
    " score bigint, reached_at timestamptz, version bigint, last_action_id uuid)"
    " JOIN players p ON p.id = n.player_id ORDER BY 1, 2"
    " ON CONFLICT (season_id, player_id) DO UPDATE SET score = excluded.score, reached_at = excluded.reached_at,"
    " version = excluded.version, last_action_id = excluded.last_action_id, empty = false,"
    " visible = CASE WHEN s.empty THEN excluded.visible ELSE s.visible END"
    " WHERE s.version < excluded.version RETURNING 1)"
    " SELECT h.seq, h.hash, c.saved FROM (SELECT count(*) AS saved FROM saved) c, ledger_head h"
    " WHERE h.shard = $1 FOR UPDATE OF h"
)
_SHARD = 0


class _Used(msgspec.Struct):
    player_id: UUID
    kind_key: str
    completed: int
    last: datetime | None
    started: datetime | None
    window_completed: int


class _Remembered(msgspec.Struct):
    player_id: UUID
    suspicion: float
    at: datetime | None
    recent: str


class _Score(msgspec.Struct):
    season_id: int
    player_id: UUID
    score: int
    reached_at: datetime
    version: int
    last_action_id: UUID | None


async def save_progress(
    tx: Transaction,
    usage: Mapping[tuple[UUID, str], Usage],
    totals: Sequence[Total],
    memories: Mapping[UUID, Memory],
) -> tuple[int, bytes] | None:
    """Store usages and memories whose rows were locked before, and new totals; then lock the ledger's head.

    Every other batch waits for the head until the commit: only :func:`scoreboard.storage.ledger.append` may follow.

    Returns:
        The head's number and hash; None when another transaction inserted one of the totals first: the caller
        must start again and see it.
    """
    used = [
        _Used(player, kind, row.completed, row.last_completed_at, row.window_started_at, row.window_completed)
        for (player, kind), row in usage.items()
    ]
    remembered = [
        _Remembered(player, memory.suspicion, memory.at, bytea(memory.recent)) for player, memory in memories.items()
    ]
    scored = [
        _Score(one.season_id, one.player_id, one.score, one.reached_at, one.version, one.last_action_id)
        for one in totals
    ]
    [row] = await tx.fetch(_SAVE, _SHARD, as_json(used), as_json(remembered), as_json(scored))
    return (row["seq"], row["hash"]) if row["saved"] == len(totals) else None
