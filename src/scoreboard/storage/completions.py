"""What a batch of completions changes, in two statements: totals, usage, memories, then the ledger (``ledger.append``).

Every statement costs the process more than it costs Postgres, so a batch makes as few as its order of locks allows.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from scoreboard.domain.action import Usage
from scoreboard.domain.score import Total
from scoreboard.domain.suspicion import Memory
from scoreboard.storage.database import Transaction
from scoreboard.storage.suspicion import columns

# The head is locked above the join, so after the totals are in place: who waits for the head holds nothing that its
# holder may still want.
_SAVE = (
    "WITH used AS (UPDATE player_kinds k SET completed = n.completed, last_completed_at = n.last,"
    " window_started_at = n.started, window_completed = n.window_completed FROM unnest($2::uuid[], $3::text[],"
    " $4::int[], $5::timestamptz[], $6::timestamptz[], $7::int[])"
    " AS n(player_id, kind_key, completed, last, started, window_completed)"
    " WHERE k.player_id = n.player_id AND k.kind_key = n.kind_key),"
    " remembered AS (UPDATE player_suspicion r SET suspicion = n.suspicion, suspicion_at = n.at, recent = n.recent"
    " FROM unnest($14::uuid[], $15::float8[], $16::timestamptz[], $17::bytea[])"
    " AS n(player_id, suspicion, at, recent) WHERE r.player_id = n.player_id),"
    " saved AS (INSERT INTO scores AS s (season_id, player_id, score, reached_at, version, last_action_id, visible)"
    " SELECT n.*, p.status = 'active' FROM unnest($8::bigint[], $9::uuid[], $10::bigint[], $11::timestamptz[],"
    " $12::bigint[], $13::uuid[]) AS n(season_id, player_id, score, reached_at, version, last_action_id)"
    " JOIN players p ON p.id = n.player_id ORDER BY 1, 2"
    " ON CONFLICT (season_id, player_id) DO UPDATE SET score = excluded.score, reached_at = excluded.reached_at,"
    " version = excluded.version, last_action_id = excluded.last_action_id, empty = false,"
    " visible = CASE WHEN s.empty THEN excluded.visible ELSE s.visible END"
    " WHERE s.version < excluded.version RETURNING 1)"
    " SELECT h.seq, h.hash, c.saved FROM (SELECT count(*) AS saved FROM saved) c, ledger_head h"
    " WHERE h.shard = $1 FOR UPDATE OF h"
)
_SHARD = 0


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
    [row] = await tx.fetch(
        _SAVE,
        _SHARD,
        [player for player, _ in usage],
        [kind for _, kind in usage],
        [row.completed for row in usage.values()],
        [row.last_completed_at for row in usage.values()],
        [row.window_started_at for row in usage.values()],
        [row.window_completed for row in usage.values()],
        [total.season_id for total in totals],
        [total.player_id for total in totals],
        [total.score for total in totals],
        [total.reached_at for total in totals],
        [total.version for total in totals],
        [total.last_action_id for total in totals],
        *columns(memories),
    )
    return (row["seq"], row["hash"]) if row["saved"] == len(totals) else None
