"""What models found in each window they scored. A window of a model is stored once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from scoreboard.domain.model import Found, JudgedWindow
from scoreboard.domain.promotion import Labels
from scoreboard.storage.database import Transaction

_ADD = (
    "INSERT INTO model_windows (player_id, model_id, end_seq, events, size, score, probability, verdict, detectors,"
    " applied, at, level) SELECT n.player_id, n.model_id, n.end_seq, n.events, n.size, n.score, n.probability,"
    " n.verdict, CASE n.detectors WHEN '' THEN '{}' ELSE string_to_array(n.detectors, ',') END, n.applied,"
    " clock_timestamp(), n.level FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::int[], $5::int[], $6::float8[],"
    " $7::float8[], $8::text[], $9::text[], $10::bool[], $11::int[]) AS n(player_id, model_id, end_seq, events, size,"
    " score, probability, verdict, detectors, applied, level) JOIN players p ON p.id = n.player_id"
    " ON CONFLICT (player_id, model_id, end_seq) DO NOTHING"
)
_COLUMNS = "p.id, w.model_id, w.end_seq, w.events, w.level, w.verdict, w.detectors, w.applied, w.at"
_LAST = (
    f"SELECT {_COLUMNS} FROM unnest($1::uuid[]) AS p(id) CROSS JOIN LATERAL (SELECT * FROM model_windows m"
    " WHERE m.player_id = p.id AND m.model_id = $2 AND m.end_seq <= $3 ORDER BY m.end_seq DESC LIMIT $4) w"
    " ORDER BY w.end_seq"
)
_TOLD = (
    f"SELECT {_COLUMNS} FROM unnest($1::uuid[]) AS p(id) CROSS JOIN LATERAL"
    " (SELECT * FROM model_windows m WHERE m.player_id = p.id AND m.model_id = $2 AND m.end_seq <= $3 AND m.applied"
    " ORDER BY m.end_seq DESC LIMIT $4) w ORDER BY w.end_seq"
)
_RATES = (
    "SELECT count(DISTINCT player_id) AS players, count(DISTINCT player_id) FILTER (WHERE verdict = ANY($3))"
    " AS flagged, count(*) AS windows, count(DISTINCT (at AT TIME ZONE 'UTC')::date) AS days"
    " FROM model_windows WHERE model_id = $1 AND at >= $2"
)
# A deadline decides nothing about a player; of several decisions the last one counts.
_LAST_DECISION = (
    "SELECT DISTINCT ON (c.player_id) c.player_id, c.decision IN ('reject', 'ban') AS cheat, c.decided_at"
    " FROM review_cases c WHERE c.status = 'decided' AND c.decided_by IS NOT NULL AND c.decided_at >= $2"
    " ORDER BY c.player_id, c.decided_at DESC"
)
_DISAGREEMENT = (
    "SELECT count(*) AS both, count(*) FILTER (WHERE (a.verdict = ANY($4)) <> (b.verdict = ANY($4))) AS differ"
    " FROM model_windows a JOIN model_windows b ON b.player_id = a.player_id AND b.end_seq = a.end_seq"
    " AND b.model_id = $2 WHERE a.model_id = $1 AND a.at >= $3"
)
_FORGET = (
    "WITH old AS (SELECT id FROM model_windows WHERE at < clock_timestamp() - make_interval(secs => $1)"
    " AND NOT applied LIMIT $2), gone AS (DELETE FROM model_windows w USING old WHERE w.id = old.id RETURNING 1)"
    " SELECT count(*) FROM gone"
)
_LABELS = (
    "SELECT count(*) FILTER (WHERE cheat) AS cheats, count(*) FILTER (WHERE cheat AND flagged) AS cheats_flagged,"
    " count(*) FILTER (WHERE NOT cheat) AS honest, count(*) FILTER (WHERE NOT cheat AND flagged) AS honest_flagged"
    f" FROM (SELECT d.cheat, bool_or(m.verdict = ANY($3)) AS flagged FROM ({_LAST_DECISION}) d"
    " JOIN model_windows m ON m.player_id = d.player_id AND m.model_id = $1 GROUP BY d.player_id, d.cheat) l"
)
# A window that led to something while the case was open is what this model had to say in it.
_CONFIRMED = (
    "SELECT count(*) FILTER (WHERE decision IN ('reject', 'ban')) AS confirmed, count(*) AS decided FROM review_cases c"
    " WHERE c.status = 'decided' AND c.decided_by IS NOT NULL AND c.source = 'model' AND c.decided_at >= $2"
    " AND EXISTS (SELECT 1 FROM model_windows m WHERE m.player_id = c.player_id AND m.model_id = $1 AND m.applied"
    " AND m.at BETWEEN c.opened_at AND c.decided_at)"
)
_CHEATS_FLAGGED = (
    f"SELECT count(*) FROM ({_LAST_DECISION}) d WHERE d.cheat AND EXISTS (SELECT 1 FROM model_windows m"
    " WHERE m.player_id = d.player_id AND m.model_id = $1 AND m.at >= $2 AND m.verdict = ANY($3))"
)
_FLAGGED = [str(found) for found in (Found.FLAG, Found.HOLD, Found.SUSPEND)]


class PastWindow(NamedTuple):
    """A stored window, as far as later ones of the player depend on it."""

    player_id: UUID
    model_id: str
    end_seq: int
    events: int
    level: int
    found: Found
    detectors: tuple[str, ...]
    applied: bool
    at: datetime


class Rates(NamedTuple):
    """Players whose windows a model scored, how many of them it flagged, the windows, and the days (UTC) with any."""

    players: int
    flagged: int
    windows: int
    days: int


async def add(tx: Transaction, windows: Sequence[JudgedWindow], applied: Iterable[bool]) -> None:
    """Store windows; those of erased players, and those that are stored already, are passed over.

    Args:
        tx: the transaction that moves the consumer's position.
        windows: what was found.
        applied: for each of them whether it led to something.
    """
    if not windows:
        return
    await tx.fetch(
        _ADD,
        [window.player_id for window in windows],
        [window.model_id for window in windows],
        [window.end_seq for window in windows],
        [window.events for window in windows],
        [window.size for window in windows],
        [window.score for window in windows],
        [window.probability for window in windows],
        [str(window.found) for window in windows],
        [",".join(detection.name for detection in window.detections) for window in windows],
        list(applied),
        [window.level for window in windows],
    )


async def last_of(
    tx: Transaction, player_ids: Iterable[UUID], model_id: str, until: int, limit: int
) -> dict[UUID, list[PastWindow]]:
    """The last windows of each of these players that a model scored up to a ledger number, oldest first."""
    found: dict[UUID, list[PastWindow]] = {}
    for row in await tx.fetch(_LAST, list(player_ids), model_id, until, limit):
        found.setdefault(row[0], []).append(_past(row))
    return found


async def told(
    tx: Transaction, player_ids: Iterable[UUID], model_id: str, until: int, limit: int
) -> dict[UUID, list[PastWindow]]:
    """The last windows of each of these players that led to something, up to a ledger number, oldest first."""
    found: dict[UUID, list[PastWindow]] = {}
    for row in await tx.fetch(_TOLD, list(player_ids), model_id, until, limit):
        found.setdefault(row[0], []).append(_past(row))
    return found


def _past(row: Record) -> PastWindow:
    player_id, model, end_seq, events, level, verdict, detectors, applied, at = row
    return PastWindow(player_id, model, end_seq, events, level, Found(verdict), tuple(detectors), applied, at)


async def forget(tx: Transaction, older_than_s: float, limit: int) -> int:
    """Delete windows that led to nothing and are older than this, so many at once at most. Returns how many."""
    [row] = await tx.fetch(_FORGET, older_than_s, limit)
    return int(row[0])


async def rates(tx: Transaction, model_id: str, since: datetime) -> Rates:
    """How many players a model has flagged since a moment, among those it looked at."""
    [row] = await tx.fetch(_RATES, model_id, since, _FLAGGED)
    return Rates(*row)


async def disagreement(tx: Transaction, model_id: str, other_id: str, since: datetime) -> tuple[int, int]:
    """Windows that both models have scored since a moment, and those that only one of them would flag."""
    [row] = await tx.fetch(_DISAGREEMENT, model_id, other_id, since, _FLAGGED)
    return row["both"], row["differ"]


async def labels(tx: Transaction, model_id: str, since: datetime) -> Labels:
    """Players about whom reviewers decided since a moment and whom a model had scored, and whom of them it flagged.

    What a deadline decided says nothing about the player.
    """
    [row] = await tx.fetch(_LABELS, model_id, since, _FLAGGED)
    return Labels(*row)


async def confirmed(tx: Transaction, model_id: str, since: datetime) -> tuple[int, int]:
    """Of the cases that a model brought up or added to and people decided since a moment: those confirmed, and all."""
    [row] = await tx.fetch(_CONFIRMED, model_id, since)
    return row["confirmed"], row["decided"]


async def cheats_flagged(tx: Transaction, model_id: str, since: datetime) -> int:
    """Players whom a model flagged and people confirmed as cheats, both since a moment."""
    [row] = await tx.fetch(_CHEATS_FLAGGED, model_id, since, _FLAGGED)
    return int(row[0])
