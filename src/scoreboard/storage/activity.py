"""Roll-ups for analytics: actions per minute and kind, and per day."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text

from scoreboard.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class MinuteActivity:
    """One minute of one kind: the funnel created → completed, the points and how many players scored."""

    minute: datetime
    kind: str
    created: int
    completed: int
    points: int
    players: int


@dataclass(frozen=True, slots=True)
class DayActivity:
    """One day over all kinds."""

    day: date
    created: int
    completed: int
    points: int
    players: int


# What counts is told by the action's status; when it was scored, and that it was, by its first entry in the ledger.
_FIRST = (
    "ledger l JOIN actions a ON a.id = l.action_id AND a.ledger_seq = l.seq WHERE l.entry_type IN ('applied', 'held')"
)
_COUNTED = (
    "count(*) FILTER (WHERE a.status = 'completed'), coalesce(sum(l.points) FILTER (WHERE a.status = 'completed'), 0),"
    " count(DISTINCT l.player_id) FILTER (WHERE a.status = 'completed')"
)
_MINUTES = text(
    "INSERT INTO activity AS a (minute, kind_key, created, completed, points, players)"
    " SELECT minute, kind_key, sum(created), sum(completed), sum(points), sum(players) FROM ("
    " SELECT date_trunc('minute', created_at) AS minute, kind_key, count(*) AS created, 0 AS completed, 0 AS points,"
    " 0 AS players FROM actions WHERE created_at >= :since GROUP BY 1, 2"
    f" UNION ALL SELECT date_trunc('minute', l.at), l.kind_key, 0, {_COUNTED} FROM {_FIRST} AND l.at >= :since"
    " GROUP BY 1, 2) AS counted GROUP BY 1, 2"
    " ON CONFLICT (minute, kind_key) DO UPDATE SET created = excluded.created, completed = excluded.completed,"
    " points = excluded.points, players = excluded.players"
    " WHERE (a.created, a.completed, a.points) IS DISTINCT FROM (excluded.created, excluded.completed, excluded.points)"
)
_DAYS = text(
    "INSERT INTO daily_activity AS d (day, created, completed, points, players)"
    " SELECT m.day, m.created, m.completed, m.points, coalesce(p.players, 0) FROM"
    " (SELECT (minute AT TIME ZONE 'UTC')::date AS day, sum(created) AS created, sum(completed) AS completed,"
    " sum(points) AS points FROM activity WHERE minute >= date_trunc('day', CAST(:since AS timestamptz), 'UTC')"
    " AND minute < :until GROUP BY 1) m LEFT JOIN"
    " (SELECT (l.at AT TIME ZONE 'UTC')::date AS day, count(DISTINCT l.player_id) AS players"
    f" FROM {_FIRST} AND a.status = 'completed' AND l.at >= date_trunc('day', CAST(:since AS timestamptz), 'UTC')"
    " AND l.at < :until GROUP BY 1) p"
    " USING (day) ON CONFLICT (day) DO UPDATE SET created = excluded.created, completed = excluded.completed,"
    " points = excluded.points, players = excluded.players"
)


async def roll_up(tx: Transaction, since: datetime) -> None:
    """Count again every minute from ``since`` (a whole minute) and the day it lies in. Safe to repeat."""
    await tx.execute(_MINUTES, {"since": since})


async def roll_up_days(tx: Transaction, since: datetime, until: datetime) -> None:
    """Count again the days from the one that holds ``since``. Counting distinct players is dear: run it rarely."""
    await tx.execute(_DAYS, {"since": since, "until": until})


_LAST_BEFORE = "SELECT coalesce(min(seq) - 1, (SELECT seq FROM ledger_head WHERE shard = 0)) FROM ledger WHERE at >= $1"
_AMENDED = (
    "SELECT DISTINCT date_trunc('hour', a.completed_at) FROM ledger l JOIN actions a ON a.id = l.action_id"
    " WHERE l.seq > $1 AND l.seq <= $2 AND l.entry_type NOT IN ('applied', 'held') ORDER BY 1"
)
# Attempts that were begun are left as they were counted: those that led to nothing are deleted after a while.
_RECOUNT = (
    "INSERT INTO activity AS a (minute, kind_key, created, completed, points, players)"
    f" SELECT date_trunc('minute', l.at), l.kind_key, 0, {_COUNTED} FROM {_FIRST} AND l.at >= $1"
    " AND l.at < $1 + interval '1 hour' GROUP BY 1, 2 ON CONFLICT (minute, kind_key) DO UPDATE SET"
    " completed = excluded.completed, points = excluded.points, players = excluded.players"
)


async def last_before(tx: Transaction, since: datetime) -> int:
    """The number of the ledger's last entry before a moment."""
    number: int = (await tx.fetch(_LAST_BEFORE, since))[0][0]
    return number


async def amended_hours(tx: Transaction, after: int, up_to: int) -> list[datetime]:
    """The hours in which actions were completed that these entries of the ledger release, reject, void or restore."""
    return [row[0] for row in await tx.fetch(_AMENDED, after, up_to)]


async def recount_hour(tx: Transaction, hour: datetime) -> None:
    """Count again what was completed in an hour, minute by minute. Safe to repeat."""
    await tx.fetch(_RECOUNT, hour)


async def minutes(tx: Transaction, since: datetime, limit: int) -> list[MinuteActivity]:
    """Minutes since a moment, newest first."""
    rows = await tx.execute(
        text(
            "SELECT minute, kind_key, created, completed, points, players FROM activity WHERE minute >= :since"
            " ORDER BY minute DESC, kind_key LIMIT :limit"
        ),
        {"since": since, "limit": limit},
    )
    return [MinuteActivity(r.minute, r.kind_key, r.created, r.completed, int(r.points), r.players) for r in rows]


async def days(tx: Transaction, limit: int) -> list[DayActivity]:
    """Days, newest first."""
    rows = await tx.execute(
        text("SELECT day, created, completed, points, players FROM daily_activity ORDER BY day DESC LIMIT :limit"),
        {"limit": limit},
    )
    return [DayActivity(row.day, row.created, row.completed, int(row.points), row.players) for row in rows]
