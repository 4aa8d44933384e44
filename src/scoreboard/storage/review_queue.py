"""The queue of review cases as people and the worker read it. Nothing here locks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from scoreboard.domain.review import ReviewCase
from scoreboard.storage.database import Transaction
from scoreboard.storage.review_cases import COLUMNS, case_of

Place = tuple[int, datetime, UUID]
"""Where a page ends: priority, moment, id. The priority of decided cases is 0 here."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue in figures; ages in seconds."""

    open: int
    mine: int
    overdue: int
    oldest_age_s: float
    held_actions: int


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What a list tells of a case beside its own row: signals in the order of their first appearance, each with what
    was noted with it last, the model's latest probability, and for a decided case what was held when it was decided.
    """

    signals: tuple[tuple[str, str | None], ...]
    probability: float | None
    frozen_held: tuple[int, int] | None


_OPEN = (
    f"SELECT {COLUMNS} FROM review_cases c WHERE c.status = 'open' AND c.player_id <> $5"
    " AND ($1::int IS NULL OR (-c.priority, c.opened_at, c.id) > (-$1::int, $2::timestamptz, $3::uuid))"
    " ORDER BY c.priority DESC, c.opened_at, c.id LIMIT $4"
)
_MINE = (
    f"SELECT {COLUMNS} FROM review_cases c WHERE c.status = 'open' AND c.claimed_by = $5 AND c.claimed_until > $6"
    " AND ($1::int IS NULL OR (-c.priority, c.opened_at, c.id) > (-$1::int, $2::timestamptz, $3::uuid))"
    " ORDER BY c.priority DESC, c.opened_at, c.id LIMIT $4"
)
_DECIDED = (
    f"SELECT {COLUMNS} FROM review_cases c WHERE c.status = 'decided' AND c.player_id <> $5"
    " AND ($1::int IS NULL OR (c.decided_at, c.id) < ($2::timestamptz, $3::uuid))"
    " ORDER BY c.decided_at DESC, c.id DESC LIMIT $4"
)


async def open_page(tx: Transaction, who: UUID, after: Place | None, limit: int) -> list[ReviewCase]:
    """Open cases, the most urgent first, without the one about the reader."""
    return [case_of(row) for row in await tx.fetch(_OPEN, *(after or (None, None, None)), limit, who)]


async def page_of(tx: Transaction, who: UUID, now: datetime, after: Place | None, limit: int) -> list[ReviewCase]:
    """Open cases that somebody has claimed, the most urgent first."""
    return [case_of(row) for row in await tx.fetch(_MINE, *(after or (None, None, None)), limit, who, now)]


async def decided_page(tx: Transaction, who: UUID, after: Place | None, limit: int) -> list[ReviewCase]:
    """Decided cases, newest first, without those about the reader."""
    return [case_of(row) for row in await tx.fetch(_DECIDED, *(after or (None, None, None)), limit, who)]


_STATE = (
    "SELECT count(*), count(*) FILTER (WHERE claimed_by = $1 AND claimed_until > $2),"
    " count(*) FILTER (WHERE due_at <= $2), coalesce(extract(epoch FROM $2 - min(opened_at)), 0),"
    " (SELECT count(*) FROM actions WHERE status = 'held') FROM review_cases WHERE status = 'open'"
    " AND player_id IS DISTINCT FROM $1"
)


async def state(tx: Transaction, who: UUID | None, now: datetime) -> QueueState:
    """The queue as it is now; ``mine`` counts what ``who`` has claimed. A case about ``who`` is left out."""
    [row] = await tx.fetch(_STATE, who, now)
    return QueueState(row[0], row[1], row[2], max(0.0, float(row[3])), row[4])


_SIGNALS = (
    "SELECT case_id, signal, (array_agg(reference ORDER BY id DESC))[1] FROM suspicion_events"
    " WHERE case_id = ANY($1) GROUP BY case_id, signal ORDER BY case_id, min(id)"
)
_FACTS = (
    "SELECT c.id, (SELECT CAST(e.detail->>'probability' AS float8) FROM suspicion_events e"
    " WHERE e.case_id = c.id AND e.source = 'model' AND e.detail ? 'probability' ORDER BY e.id DESC LIMIT 1),"
    " CAST(c.evidence#>>'{held_total,actions}' AS bigint), CAST(c.evidence#>>'{held_total,points}' AS bigint)"
    " FROM review_cases c WHERE c.id = ANY($1)"
)


async def facts(tx: Transaction, case_ids: Iterable[UUID]) -> dict[UUID, CaseFacts]:
    """What a list tells of these cases."""
    wanted = list(case_ids)
    signals: dict[UUID, list[tuple[str, str | None]]] = {case_id: [] for case_id in wanted}
    for case_id, signal, reference in await tx.fetch(_SIGNALS, wanted):
        signals[case_id].append((signal, reference))
    return {
        case_id: CaseFacts(tuple(signals[case_id]), probability, None if actions is None else (actions, points))
        for case_id, probability, actions, points in await tx.fetch(_FACTS, wanted)
    }


_EARLIER = f"SELECT {COLUMNS} FROM review_cases c WHERE c.player_id = $1 ORDER BY c.opened_at DESC, c.id DESC LIMIT $2"


async def of_player(tx: Transaction, player_id: UUID, limit: int) -> list[ReviewCase]:
    """A player's cases, newest first."""
    return [case_of(row) for row in await tx.fetch(_EARLIER, player_id, limit)]


async def open_of(tx: Transaction, player_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The ids of these players' open cases."""
    statement = "SELECT player_id, id FROM review_cases WHERE player_id = ANY($1) AND status = 'open'"
    return {row[0]: row[1] for row in await tx.fetch(statement, list(player_ids))}


_DUE = (
    "SELECT c.id FROM review_cases c JOIN player_suspicion s USING (player_id) WHERE c.status = 'open'"
    " AND c.due_at <= $1 AND c.auto_release AND c.id <> ALL($3) AND (s.holding OR EXISTS (SELECT 1 FROM actions a"
    " WHERE a.player_id = c.player_id AND a.status = 'held')) ORDER BY c.due_at LIMIT $2"
)


async def overdue_holds(tx: Transaction, now: datetime, limit: int, passed_over: Iterable[UUID] = ()) -> list[UUID]:
    """Open cases past their time that hold points, oldest first, where policy wants those released."""
    return [row[0] for row in await tx.fetch(_DUE, now, limit, list(passed_over))]


async def latest(tx: Transaction, limit: int) -> list[ReviewCase]:
    """Open cases, those first that were brought up last."""
    statement = f"SELECT {COLUMNS} FROM review_cases c WHERE c.status = 'open' ORDER BY c.updated_at DESC LIMIT $1"
    return [case_of(row) for row in await tx.fetch(statement, limit)]


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Cases brought up in a day by their verdict, and decided by how they ended."""

    date: date
    flag: int = 0
    hold: int = 0
    suspend: int = 0
    released: int = 0
    rejected: int = 0
    banned: int = 0
    dismissed: int = 0


_DAYS = (
    "SELECT day, sum(flag)::int, sum(hold)::int, sum(suspend)::int, sum(released)::int, sum(rejected)::int,"
    " sum(banned)::int, sum(dismissed)::int FROM ("
    " SELECT CAST(opened_at AT TIME ZONE 'UTC' AS date) AS day, (verdict = 'flag')::int AS flag,"
    " (verdict = 'hold')::int AS hold, (verdict = 'suspend')::int AS suspend, 0 AS released, 0 AS rejected,"
    " 0 AS banned, 0 AS dismissed FROM review_cases WHERE opened_at >= $1"
    " UNION ALL SELECT CAST(decided_at AT TIME ZONE 'UTC' AS date), 0, 0, 0, (decision = 'release')::int,"
    " (decision = 'reject')::int, (decision = 'ban')::int, (decision = 'dismiss')::int"
    " FROM review_cases WHERE decided_at >= $1 AND status = 'decided') AS both_ends GROUP BY day ORDER BY day"
)


async def days(tx: Transaction, since: datetime) -> list[DayCounts]:
    """Counts for each day (UTC) since a moment; days on which nothing happened are left out."""
    return [DayCounts(*row) for row in await tx.fetch(_DAYS, since)]


OPENED_SINCE = "SELECT source, verdict, count(*) FROM review_cases WHERE opened_at >= $1 GROUP BY 1, 2"
SUSPENSIONS_SINCE = (
    "SELECT count(*) FROM audit_log WHERE event = 'player.status_changed' AND at >= $1"
    " AND detail->>'to' = 'suspended' AND detail->>'by' LIKE 'anti-cheat%'"
)


async def opened_since(tx: Transaction, since: datetime) -> Sequence[tuple[str, str, int]]:
    """How many cases were opened since a moment: source, verdict, number."""
    return [(row[0], row[1], row[2]) for row in await tx.fetch(OPENED_SINCE, since)]


async def suspensions_since(tx: Transaction, since: datetime) -> int:
    """How many players the anti-cheat suspended since a moment."""
    count: int = (await tx.fetch(SUSPENSIONS_SINCE, since))[0][0]
    return count


_OPEN_CASES = (
    "SELECT count(DISTINCT c.id) FROM review_cases c LEFT JOIN suspicion_events e ON e.case_id = c.id"
    " LEFT JOIN actions a ON a.id = e.action_id WHERE c.status = 'open'"
    " AND (a.kind_key = ANY($1::text[]) OR ($2 AND a.kind_key IS NULL))"
)


async def open_cases(tx: Transaction, kinds: Iterable[str], *, general: bool) -> int:
    """Cases that wait for a person with a signal of these kinds; ``general``: also those that no kind brought up."""
    rows = await tx.fetch(_OPEN_CASES, sorted(kinds), general)
    return int(rows[0][0])
