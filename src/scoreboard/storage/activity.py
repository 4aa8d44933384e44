"""Analytics: how the counts follow the ledger and the attempts, and how they are read.

Each statement adds what lies between two places of a consumer, in the transaction that moves it: counted once, whatever
stops in between. Nothing here touches what a completion writes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scoreboard.domain.activity import Counts, Step
from scoreboard.storage.database import Transaction

# What is found by minute is added to the minute, its hour and its day, for its kind and for all kinds (the empty key).
# Rows are taken in the order of their key everywhere: no deadlocks.
_COLUMNS = ("created", "completed", "held", "rejected", "voided", "abandoned", "points")
_SUMS = ", ".join(f"sum(f.{name})" for name in _COLUMNS)
_INTO = ", ".join(_COLUMNS)
_ADDED = ", ".join(f"{name} = c.{name} + excluded.{name}" for name in _COLUMNS)
_ADD = (
    f" INSERT INTO activity_counts AS c (step, starts, kind_key, {_INTO})"
    f" SELECT s.step, date_trunc(s.step, f.minute, 'UTC'), k.kind_key, {_SUMS}"
    " FROM found f, unnest(ARRAY['minute', 'hour', 'day']) AS s(step),"
    " LATERAL (VALUES (f.kind_key), ('')) AS k(kind_key)"
    # A minute that was forgotten is not begun again by what is amended in it.
    " WHERE s.step <> 'minute' OR f.minute >= clock_timestamp() - CAST($3 AS interval)"
    f" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 ON CONFLICT (step, starts, kind_key) DO UPDATE SET {_ADDED}"
)


def _is(entry: str, *types: str) -> str:
    """1 where the action stood so after that entry, else 0; before its first entry it stood nowhere."""
    listed = ", ".join(f"'{each}'" for each in types)
    return f"coalesce(({entry} IN ({listed}))::int, 0)"


def _change(*types: str) -> str:
    return f"({_is('e.after', *types)} - {_is('e.before', *types)})"


_COUNTS_NOW = _change("applied", "released", "restored")
# An amendment is counted where its action was first recorded, with the points that were recorded there.
_RESULTS = (
    "WITH moved AS (SELECT l.at, l.kind_key, l.points, l.entry_type AS after, NULL AS before FROM ledger l"
    " WHERE l.seq > $1 AND l.seq <= $2 AND l.entry_type IN ('applied', 'held')"
    " UNION ALL SELECT f.at, f.kind_key, f.points, l.entry_type, b.entry_type FROM ledger l"
    " JOIN ledger_keys k ON k.action_id = l.action_id AND k.entry_type IN ('applied', 'held')"
    " JOIN ledger f ON f.seq = k.seq, LATERAL (SELECT p.entry_type FROM ledger_keys p WHERE p.action_id = l.action_id"
    " AND p.seq < l.seq ORDER BY p.seq DESC LIMIT 1) b"
    " WHERE l.seq > $1 AND l.seq <= $2 AND l.entry_type NOT IN ('applied', 'held')),"
    " found AS (SELECT date_trunc('minute', e.at) AS minute, e.kind_key, 0 AS created,"
    f" sum({_COUNTS_NOW}) AS completed, sum({_change('held')}) AS held, sum({_change('rejected')}) AS rejected,"
    f" sum({_change('voided')}) AS voided, 0 AS abandoned, sum({_COUNTS_NOW} * e.points) AS points"
    " FROM moved e GROUP BY 1, 2)" + _ADD
)
_PLAYERS = (
    "WITH seen AS (SELECT DISTINCT s.step, date_trunc(s.step, l.at, 'UTC') AS starts, k.kind_key, l.player_id"
    " FROM ledger l, unnest(ARRAY['hour', 'day']) AS s(step), LATERAL (VALUES (l.kind_key), ('')) AS k(kind_key)"
    " WHERE l.seq > $1 AND l.seq <= $2 AND l.entry_type IN ('applied', 'held')),"
    " fresh AS (INSERT INTO activity_players (step, starts, kind_key, player_id) SELECT * FROM seen ORDER BY 1, 2, 3, 4"
    " ON CONFLICT DO NOTHING RETURNING step, starts, kind_key)"
    " INSERT INTO activity_counts AS c (step, starts, kind_key, players) SELECT step, starts, kind_key, count(*)"
    " FROM fresh GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    " ON CONFLICT (step, starts, kind_key) DO UPDATE SET players = c.players + excluded.players"
)
# Who was there is needed while entries of the day are still to be counted. It is about persons: then it goes.
_FORGET_PLAYERS = (
    "WITH gone AS (DELETE FROM activity_players WHERE ctid = ANY (ARRAY(SELECT ctid FROM activity_players"
    " WHERE step IN ('hour', 'day') AND starts < least(clock_timestamp(), coalesce((SELECT at FROM ledger"
    " WHERE seq > $1 ORDER BY seq LIMIT 1), 'infinity')) - interval '2 days' LIMIT $2)) RETURNING 1)"
    " SELECT count(*)::int FROM gone"
)
_FORGET_ALL_PLAYERS = (
    "WITH gone AS (DELETE FROM activity_players WHERE ctid = ANY (ARRAY(SELECT ctid FROM activity_players LIMIT $1))"
    " RETURNING 1) SELECT count(*)::int FROM gone"
)
_AT_A_TIME = 20_000  # rows of one DELETE: a fraction of a second, far below statement_timeout


async def add_results(tx: Transaction, after: int, up_to: int, minutes_kept: timedelta) -> None:
    """Count the ledger's entries after one number and up to another, which has to be there."""
    await tx.fetch(_RESULTS, after, up_to, minutes_kept)
    await tx.fetch(_PLAYERS, after, up_to)


def _attempts(column: str, more: str = "") -> str:
    counts = ", ".join(f"{'count(*)' if name == column else 0} AS {name}" for name in _COLUMNS)
    return (
        f"WITH found AS (SELECT date_trunc('minute', a.created_at) AS minute, a.kind_key, {counts} FROM actions a"
        f" WHERE a.created_at >= $1 AND a.created_at < $2{more} GROUP BY 1, 2)" + _ADD
    )


_CREATED = _attempts("created")
_ABANDONED = _attempts("abandoned", " AND a.status = 'created' AND a.expires_at <= a.created_at + CAST($4 AS interval)")


async def add_created(tx: Transaction, since: datetime, until: datetime, minutes_kept: timedelta) -> None:
    """Count the attempts that were begun in this time."""
    await tx.fetch(_CREATED, since, until, minutes_kept)


async def add_abandoned(
    tx: Transaction, since: datetime, until: datetime, minutes_kept: timedelta, longest: timedelta
) -> None:
    """Count the attempts begun in this time that nobody finished, of those that may last ``longest`` at most."""
    await tx.fetch(_ABANDONED, since, until, minutes_kept, longest)


_FORGOTTEN = (
    "WITH found AS (SELECT n.minute, n.kind_key, 0 AS created, 0 AS completed, 0 AS held, 0 AS rejected, 0 AS voided,"
    " n.number AS abandoned, 0 AS points FROM unnest($1::timestamptz[], $2::text[], $4::int[])"
    " AS n(minute, kind_key, number))" + _ADD
)


@dataclass(frozen=True, slots=True)
class Abandoned:
    """How many attempts of a kind, begun in a minute, nobody finished."""

    minute: datetime
    kind: str
    number: int


async def add_forgotten(tx: Transaction, found: list[Abandoned], minutes_kept: timedelta) -> None:
    """Count attempts that are deleted in this transaction and were not counted as abandoned before."""
    minutes, kinds = [each.minute for each in found], [each.kind for each in found]
    await tx.fetch(_FORGOTTEN, minutes, kinds, minutes_kept, [each.number for each in found])


async def forget_minutes(tx: Transaction, minutes_kept: timedelta) -> None:
    """Delete minutes that are older. Hours and days stay."""
    statement = (
        "DELETE FROM activity_counts WHERE step = 'minute' AND starts < clock_timestamp() - CAST($1 AS interval)"
    )
    await tx.fetch(statement, minutes_kept)


_RESET = (
    "UPDATE activity_counts SET completed = 0, held = 0, rejected = 0, voided = 0, points = 0, players = 0"
    " WHERE step = $1 AND starts >= $2 AND starts < $3"
)


async def reset_results(tx: Transaction, step: Step, since: datetime, until: datetime) -> None:
    """Set to 0 what is counted from the ledger. Attempts stay: those that led to nothing are deleted after a while."""
    await tx.fetch(_RESET, str(step), since, until)


async def forget_players(tx: Transaction, counted: int) -> bool:
    """Forget some of those who were there in hours and days that are over for two days.

    What follows ``counted``, the number of the last ledger entry that was counted, still needs its days. Returns
    whether there may be more of them.
    """
    gone: int = (await tx.fetch(_FORGET_PLAYERS, counted, _AT_A_TIME))[0][0]
    return gone == _AT_A_TIME


async def forget_all_players(tx: Transaction) -> None:
    """Forget who was there in every span that is still counted."""
    while (await tx.fetch(_FORGET_ALL_PLAYERS, _AT_A_TIME))[0][0] == _AT_A_TIME:
        pass


async def extent(tx: Transaction) -> tuple[datetime, datetime] | None:
    """The first and the last span in which anything was counted; None where nothing was."""
    [(first, last)] = await tx.fetch("SELECT min(starts), max(starts) FROM activity_counts")
    return None if first is None else (first, last)


# Who writes has a transaction id; a commit can wait for a synchronous standby much longer than anybody settles.
_SETTLED = (
    "SELECT least(clock_timestamp() - make_interval(secs => $1), (SELECT min(xact_start) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid())),"
    " (SELECT min(created_at) FROM jobs WHERE status IN ('queued', 'running'))"
)


async def settled(tx: Transaction, seconds: float) -> tuple[datetime, datetime]:
    """Two moments in whose past nothing is to come, ``seconds`` ago at the latest.

    Before the first no attempt is still to be committed. Before the second no job waits that could finish one.
    """
    [(committed, waiting)] = await tx.fetch(_SETTLED, seconds)
    return committed, committed if waiting is None else min(committed, waiting)


_FIRST = (
    "SELECT least(clock_timestamp(), (SELECT at FROM ledger ORDER BY seq LIMIT 1)) - make_interval(secs => $1) AS at"
)


async def first_attempt(tx: Transaction, kept: float) -> datetime:
    """A moment before which no attempt was begun that is still there, given for how many seconds they are kept."""
    moment: datetime = (await tx.fetch(_FIRST, kept))[0][0]
    return moment


_READ = ", ".join((*_COLUMNS, "players"))
_OF_KIND = (
    f"SELECT starts, {_READ} FROM activity_counts WHERE step = $1 AND starts >= $2 AND starts < $3 AND kind_key = $4"
)
_BY_KIND = (
    f"SELECT kind_key, {', '.join(f'sum({name}) AS {name}' for name in _COLUMNS)}, 0 AS players FROM activity_counts"
    " WHERE step = $1 AND starts >= $2 AND starts < $3 AND kind_key <> '' GROUP BY 1"
    " ORDER BY sum(points) DESC, sum(completed) DESC, 1 LIMIT $4"
)
_ROWS = (
    f"SELECT starts, kind_key, {_READ} FROM activity_counts WHERE step = $1 AND starts >= $2 AND starts < $3"
    " AND kind_key <> '' AND ($4 = '' OR kind_key = $4) ORDER BY 1, 2 LIMIT $5"
)


async def of_kind(tx: Transaction, step: Step, since: datetime, until: datetime, kind: str) -> dict[datetime, Counts]:
    """The spans of a time in which anything was counted, of one kind, or of all where it is empty."""
    rows = await tx.fetch(_OF_KIND, str(step), since, until, kind)
    return {row[0]: _counts(step, *row[1:]) for row in rows}


async def by_kind(tx: Transaction, step: Step, since: datetime, until: datetime, most: int) -> dict[str, Counts]:
    """What was counted in a time for each kind, most points first. Of players nothing is said."""
    rows = await tx.fetch(_BY_KIND, str(step), since, until, most)
    return {row[0]: _counts(Step.MINUTE, *row[1:]) for row in rows}


async def rows(
    tx: Transaction, step: Step, since: datetime, until: datetime, kind: str, most: int
) -> list[tuple[datetime, str, Counts]]:
    """Every span and kind of a time in which anything was counted, in that order; an empty ``kind`` asks for all."""
    found = await tx.fetch(_ROWS, str(step), since, until, kind, most)
    return [(row[0], row[1], _counts(step, *row[2:])) for row in found]


def _counts(step: Step, *values: int) -> Counts:
    created, completed, held, rejected, voided, abandoned, points, players = map(int, values)
    active = None if step is Step.MINUTE else players
    return Counts(created, completed, held, rejected, voided, abandoned, points, active)
