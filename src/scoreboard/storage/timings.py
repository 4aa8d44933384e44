"""When players completed what: the ledger as the anti-cheat's model reads it. Nothing is written here.

What a trusted server completed is no play of the player's whose timing could be judged, so it is left out.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from scoreboard.storage.database import Transaction


class Timing(NamedTuple):
    """One ledger entry with the moment at which the attempt was begun; None where its row is gone.

    ``timed`` is off where a trusted server sent it: then its moment tells nothing about the player. ``trace_id`` is the
    trace context of its request where that is recorded; it is read for what is new only.
    """

    seq: int
    entry_type: str
    at: datetime
    player_id: UUID
    kind_key: str
    kind_version: int
    points: int
    begun_at: datetime | None
    timed: bool
    trace_id: str | None = None


COMPLETED = frozenset(("applied", "held"))
"""Entries that record a completion; the others amend one."""

_PART = 2_000  # completions of a player that are read at once
_COLUMNS = "l.seq, l.entry_type, l.at, l.player_id, l.kind_key, l.kind_version, l.points, a.created_at AS begun_at"
_UNTIMED = "SELECT 1 FROM untimed_actions u WHERE u.action_id = l.action_id"
_COMPLETED = f"l.entry_type IN ('applied', 'held') AND NOT EXISTS ({_UNTIMED})"
_AFTER = (
    f"SELECT {_COLUMNS}, NOT EXISTS ({_UNTIMED}), l.trace_id FROM ledger l LEFT JOIN actions a ON a.id = l.action_id"
    " WHERE l.seq > $1 AND l.seq <= $1 + $2 ORDER BY l.seq"
)
_NEWEST = (
    f"SELECT {_COLUMNS}, true FROM unnest($1::uuid[]) AS p(id) CROSS JOIN LATERAL (SELECT * FROM ledger l"
    f" WHERE l.player_id = p.id AND l.seq <= $2 AND {_COMPLETED} ORDER BY l.seq DESC LIMIT $3) l"
    " LEFT JOIN actions a ON a.id = l.action_id ORDER BY l.seq"
)
_BEFORE = (
    f"SELECT {_COLUMNS}, true FROM unnest($1::uuid[], $2::timestamptz[]) AS p(id, moment) CROSS JOIN LATERAL"
    f" (SELECT * FROM ledger l WHERE l.player_id = p.id AND l.at <= p.moment AND {_COMPLETED} ORDER BY l.seq DESC"
    " LIMIT $3) l LEFT JOIN actions a ON a.id = l.action_id ORDER BY l.seq"
)
# The last window that any model scored says how many completions there were then; only later ones are counted.
_COUNTS = (
    "SELECT p.id, coalesce(w.events, 0) + (SELECT count(*) FROM ledger l WHERE l.player_id = p.id"
    f" AND l.seq > coalesce(w.end_seq, 0) AND l.seq <= $2 AND {_COMPLETED}) AS events"
    " FROM unnest($1::uuid[]) AS p(id) LEFT JOIN LATERAL (SELECT end_seq, events FROM model_windows m"
    " WHERE m.player_id = p.id AND m.end_seq <= $2 ORDER BY m.end_seq DESC LIMIT 1) w ON true"
)
# A part of each player's past, the newest first: the first completion after its last pause of so many seconds, and how
# far back it goes. The next part begins with the last row of this one, so that no pause lies between two parts.
_WOKE = (
    "SELECT p.id, w.* FROM unnest($1::uuid[], $2::bigint[]) AS p(id, until) CROSS JOIN LATERAL"
    " (SELECT max(g.at) FILTER (WHERE g.gap >= make_interval(secs => $3)) AS woke, min(g.at) AS oldest,"
    " min(g.seq) AS first_seq, max(g.at) AS newest, count(*) AS rows"
    " FROM (SELECT n.seq, n.at, n.at - lag(n.at) OVER (ORDER BY n.seq) AS gap FROM (SELECT l.seq, l.at FROM ledger l"
    f" WHERE l.player_id = p.id AND l.seq <= p.until AND {_COMPLETED} ORDER BY l.seq DESC LIMIT $4) n) g) w"
    " WHERE w.rows > 0"
)
_SINCE = (
    f"SELECT {_COLUMNS}, true FROM ledger l LEFT JOIN actions a ON a.id = l.action_id"
    f" WHERE l.seq > $1 AND l.seq <= $2 AND {_COMPLETED}"
    " AND l.at >= (SELECT at FROM ledger WHERE seq = $2) - make_interval(secs => $3) ORDER BY l.seq"
)


async def after(tx: Transaction, seq: int, limit: int) -> list[Timing]:
    """Every entry of the next ``limit`` ledger numbers, in order, amendments and what trusted servers sent too."""
    return [Timing(*row) for row in await tx.fetch(_AFTER, seq, limit)]


async def newest(tx: Transaction, player_ids: Iterable[UUID], until: int, limit: int) -> list[Timing]:
    """The last ``limit`` completions of each of these players up to a ledger number, oldest first."""
    return [Timing(*row) for row in await tx.fetch(_NEWEST, list(player_ids), until, limit)]


async def before(tx: Transaction, moments: Mapping[UUID, datetime], limit: int) -> list[Timing]:
    """The last ``limit`` completions of each of these players up to a moment of its own, oldest first."""
    return [Timing(*row) for row in await tx.fetch(_BEFORE, list(moments), list(moments.values()), limit)]


async def counts(tx: Transaction, player_ids: Iterable[UUID], until: int) -> dict[UUID, int]:
    """How many completions each of these players had up to a ledger number."""
    return {row["id"]: row["events"] for row in await tx.fetch(_COUNTS, list(player_ids), until)}


async def woke(
    tx: Transaction, player_ids: Iterable[UUID], until: int, rest_s: float, span_s: float
) -> dict[UUID, datetime]:
    """When each of these players made the first completion since the last rest, up to a ledger number.

    A rest is a pause of ``rest_s`` seconds. Who took none in the last ``span_s`` seconds woke with a completion at
    least so long ago. Nearly everybody is found in one statement; who never rests takes one more for each part.
    """
    found: dict[UUID, datetime] = {}
    newest: dict[UUID, datetime] = {}
    wanted = dict.fromkeys(player_ids, until)
    while wanted:
        rows = await tx.fetch(_WOKE, list(wanted), list(wanted.values()), rest_s, _PART)
        wanted = {}
        for player_id, after_rest, oldest, first_seq, last, count in rows:
            newest.setdefault(player_id, last)
            if after_rest is not None:
                found[player_id] = after_rest
            elif count < _PART or newest[player_id] - oldest >= timedelta(seconds=span_s):
                found[player_id] = oldest
            else:
                wanted[player_id] = first_seq
    return found


async def since(tx: Transaction, first: int, until: int, seconds: float) -> list[Timing]:
    """Completions numbered above ``first`` up to ``until``, of the last seconds before the latter, in order."""
    return [Timing(*row) for row in await tx.fetch(_SINCE, first, until, seconds)]
