"""What is remembered of each player to judge the next completion: one row, locked by whoever judges.

``holding`` and what a player was cleared of belong to the review of cases (``storage/review_cases``): they are read
here and never written.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from scoreboard.domain.suspicion import Memory
from scoreboard.storage.database import Transaction

_LOCK = (
    "SELECT player_id, suspicion, suspicion_at, recent, holding, cleared_signals, cleared_until FROM player_suspicion"
    " WHERE player_id = ANY($1) ORDER BY player_id FOR NO KEY UPDATE"
)
# Only of accounts that are there: one may be gone since its token was given out.
_SEED = (
    "INSERT INTO player_suspicion (player_id) SELECT id FROM players WHERE id = ANY($1) ORDER BY id"
    " ON CONFLICT DO NOTHING"
)


async def lock(tx: Transaction, player_ids: Iterable[UUID]) -> dict[UUID, Memory]:
    """The memories of these players, locked in the order of their ids; whoever has none yet gets one."""
    wanted = sorted(set(player_ids))
    rows = await tx.fetch(_LOCK, wanted)
    if len(rows) < len(wanted):
        await tx.fetch(_SEED, wanted)
        rows = await tx.fetch(_LOCK, wanted)
    return {
        player_id: Memory(suspicion, at, recent, holding, tuple(cleared), until)
        for player_id, suspicion, at, recent, holding, cleared, until in rows
    }


_SAVE = (
    "UPDATE player_suspicion s SET suspicion = n.suspicion, suspicion_at = n.at, recent = n.recent"
    " FROM unnest($1::uuid[], $2::float8[], $3::timestamptz[], $4::bytea[]) AS n(player_id, suspicion, at, recent)"
    " WHERE s.player_id = n.player_id"
)


async def save(tx: Transaction, memories: Mapping[UUID, Memory]) -> None:
    """Store memories whose rows are locked. A batch that completes something saves them with its totals instead."""
    await tx.fetch(_SAVE, *columns(memories))


def columns(memories: Mapping[UUID, Memory]) -> tuple[list[UUID], list[float], list[object], list[bytes]]:
    """Memories as the parallel arrays that statements take: player, suspicion, its moment, recent completions."""
    rows = memories.values()
    return list(memories), [row.suspicion for row in rows], [row.at for row in rows], [row.recent for row in rows]


_FORGIVE = "UPDATE player_suspicion SET suspicion = 0, suspicion_at = NULL WHERE player_id = $1"


async def forgive(tx: Transaction, player_id: UUID) -> None:
    """A person has decided that this player may play: begin anew."""
    await tx.fetch(_FORGIVE, player_id)
