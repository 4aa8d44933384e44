"""Whom reviewers decided about, and who was never noticed: the labels that a model is trained with again."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from scoreboard.storage.database import Transaction

# A deadline decides nothing about a player; of several decisions the last one counts.
_DECIDED = (
    "SELECT DISTINCT ON (player_id) player_id, decision IN ('reject', 'ban') AS cheat, opened_at, decided_at"
    " FROM review_cases WHERE status = 'decided' AND decided_by IS NOT NULL AND decided_at >= $1"
    " AND decision IN ('release', 'dismiss', 'reject', 'ban') ORDER BY player_id, decided_at DESC"
)
# The order by a hash is a random one that the same seed repeats.
_UNNOTICED = (
    "SELECT player_id FROM (SELECT player_id, max(events) AS events, bool_or(verdict IN ('flag', 'hold', 'suspend'))"
    " AS flagged FROM model_windows WHERE at >= $1 GROUP BY player_id) w WHERE NOT flagged AND events >= $2"
    " AND NOT EXISTS (SELECT 1 FROM review_cases c WHERE c.player_id = w.player_id)"
    " ORDER BY md5(player_id::text || $3) LIMIT $4"
)


class DecidedPlayer(NamedTuple):
    """What people decided about a player, and when the case was opened and decided."""

    player_id: UUID
    cheat: bool
    opened_at: datetime
    decided_at: datetime


async def decided(tx: Transaction, since: datetime) -> list[DecidedPlayer]:
    """The last decision of people about each player since a moment."""
    return [DecidedPlayer(*row) for row in await tx.fetch(_DECIDED, since)]


async def unnoticed(tx: Transaction, since: datetime, least_events: int, seed: int, limit: int) -> list[UUID]:
    """A random sample of players whom no model flagged and nobody brought up, among those a model looked at.

    Args:
        tx: reads only.
        since: windows scored after this moment count.
        least_events: fewest completions of a player.
        seed: the same one gives the same sample of the same players.
        limit: how many at most.
    """
    rows = await tx.fetch(_UNNOTICED, since, least_events, str(seed), limit)
    return [row[0] for row in rows]
