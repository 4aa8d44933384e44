"""Review cases: written by the completions, the model, players and moderators; at most one is open for each player.

Whoever opens, extends or decides a case has locked the player's row of ``player_suspicion`` first.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from scoreboard.domain.events import Verdict
from scoreboard.domain.review import CaseSource, CaseStatus, Clearance, ReviewCase, ReviewDecision
from scoreboard.storage.database import Transaction

COLUMNS = (
    "c.id, c.number, c.player_id, c.source, c.verdict, c.status, c.priority, c.stakes, c.opened_at, c.updated_at,"
    " c.due_at, c.auto_release, c.claimed_by, c.claimed_until, c.proposed_decision, c.proposed_by, c.proposed_at,"
    " c.decision, c.decided_by, c.decided_at, c.note, c.appeal_of"
)


def case_of(row: Record) -> ReviewCase:
    """A row that begins with ``COLUMNS`` as the case that it is."""
    id_, number, player_id, source, verdict, status, priority, stakes, *rest = row[:22]
    opened_at, updated_at, due_at, auto_release, claimed_by, claimed_until, proposed, *later = rest
    proposed_by, proposed_at, decision, decided_by, decided_at, note, appeal_of = later
    return ReviewCase(
        id_,
        number,
        player_id,
        CaseSource(source),
        Verdict(verdict),
        CaseStatus(status),
        priority,
        tuple(stakes),
        *(opened_at, updated_at, due_at, auto_release, claimed_by, claimed_until),
        proposed and ReviewDecision(proposed),
        *(proposed_by, proposed_at),
        decision and ReviewDecision(decision),
        *(decided_by, decided_at, note, appeal_of),
    )


_SUSPICION = (
    "SELECT s.player_id, s.cleared_signals, s.cleared_until, (SELECT c.verdict FROM review_cases c"
    " WHERE c.player_id = s.player_id AND c.status = 'decided' ORDER BY c.opened_at DESC LIMIT 1)"
    " FROM player_suspicion s WHERE s.player_id = ANY($1) ORDER BY s.player_id FOR NO KEY UPDATE OF s"
)
_SEED = "INSERT INTO player_suspicion (player_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING"


async def lock_clearances(tx: Transaction, player_ids: Iterable[UUID]) -> dict[UUID, Clearance | None]:
    """Lock these players' rows of suspicion, making those that are missing; what each was cleared of, if anything."""
    wanted = sorted(set(player_ids))
    rows = await tx.fetch(_SUSPICION, wanted)
    if len(rows) < len(wanted):
        await tx.fetch(_SEED, wanted)
        rows = await tx.fetch(_SUSPICION, wanted)
    return {
        player_id: None if until is None else Clearance(frozenset(signals), until, Verdict(verdict or Verdict.ALLOW))
        for player_id, signals, until, verdict in rows
    }


_LOCK_OPEN = (
    f"SELECT {COLUMNS} FROM review_cases c WHERE c.player_id = ANY($1) AND c.status = 'open'"
    " ORDER BY c.player_id FOR NO KEY UPDATE"
)


async def lock_open(tx: Transaction, player_ids: Iterable[UUID]) -> dict[UUID, ReviewCase]:
    """The open cases of these players, locked."""
    rows = await tx.fetch(_LOCK_OPEN, sorted(set(player_ids)))
    return {row["player_id"]: case_of(row) for row in rows}


# The moments of the holding row are the reader's business: only the one flag is changed here.
_SAVE = (
    "WITH held AS (UPDATE player_suspicion SET holding = true WHERE player_id = ANY($12) AND NOT holding)"
    " INSERT INTO review_cases (id, player_id, source, verdict, priority, opened_at, updated_at, due_at, auto_release,"
    " appeal_of, stakes) SELECT n.id, n.player_id, n.source, n.verdict, n.priority, n.opened_at, n.updated_at,"
    " n.due_at, n.auto_release, n.appeal_of, CAST(n.stakes AS text[]) FROM unnest($1::uuid[], $2::uuid[], $3::text[],"
    " $4::text[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::boolean[], $10::uuid[],"
    " $11::text[])"
    " AS n(id, player_id, source, verdict, priority, opened_at, updated_at, due_at, auto_release, appeal_of, stakes)"
    " ON CONFLICT (id) DO UPDATE SET source = excluded.source, verdict = excluded.verdict,"
    " priority = excluded.priority, updated_at = excluded.updated_at, due_at = excluded.due_at,"
    " auto_release = excluded.auto_release, stakes = excluded.stakes,"
    " appeal_of = coalesce(review_cases.appeal_of, excluded.appeal_of)"
)


def _literal(words: Iterable[str]) -> str:
    """A list as Postgres writes it: lists of several lengths cannot travel in one array. Ours hold plain words."""
    return "{" + ",".join(f'"{word}"' for word in words) + "}"


async def save(tx: Transaction, cases: Sequence[ReviewCase], holding: Sequence[UUID]) -> None:
    """Insert new cases and write extended ones; hold from now on all that the players ``holding`` complete.

    Raises:
        asyncpg.UniqueViolationError: another transaction opened a case for one of the players.
    """
    await tx.fetch(
        _SAVE,
        [case.id for case in cases],
        [case.player_id for case in cases],
        [str(case.source) for case in cases],
        [str(case.verdict) for case in cases],
        [case.priority for case in cases],
        [case.opened_at for case in cases],
        [case.updated_at for case in cases],
        [case.due_at for case in cases],
        [case.auto_release for case in cases],
        [case.appeal_of for case in cases],
        [_literal(case.stakes) for case in cases],
        list(holding),
    )


_FIND = f"SELECT {COLUMNS} FROM review_cases c WHERE c.id = $1"
_FIND_NUMBER = f"SELECT {COLUMNS} FROM review_cases c WHERE c.player_id = $1 AND c.number = $2"


async def find(tx: Transaction, case_id: UUID) -> ReviewCase | None:
    """The case with this id."""
    rows = await tx.fetch(_FIND, case_id)
    return case_of(rows[0]) if rows else None


async def find_by_number(tx: Transaction, player_id: UUID, number: int) -> ReviewCase | None:
    """The case with this number, if it is about this player."""
    rows = await tx.fetch(_FIND_NUMBER, player_id, number)
    return case_of(rows[0]) if rows else None


async def lock(tx: Transaction, case_id: UUID) -> ReviewCase | None:
    """The case with this id, locked: of two people who want it at once the second sees what the first did."""
    rows = await tx.fetch(f"{_FIND} FOR NO KEY UPDATE", case_id)
    return case_of(rows[0]) if rows else None


async def evidence_of(tx: Transaction, case_id: UUID) -> str | None:
    """The evidence (JSON) that was frozen when the case was decided; None before that."""
    rows = await tx.fetch("SELECT evidence::text FROM review_cases WHERE id = $1", case_id)
    return rows[0][0] if rows else None


_STEP = (
    "UPDATE review_cases SET status = $2, updated_at = $3, claimed_by = $4, claimed_until = $5, proposed_decision = $6,"
    " proposed_by = $7, proposed_at = $8, decision = $9, decided_by = $10, decided_at = $11, note = $12,"
    " evidence = coalesce(CAST($13::text AS jsonb), evidence) WHERE id = $1"
)


async def save_step(tx: Transaction, case: ReviewCase, evidence: str | None = None) -> None:
    """Write who has a locked case, what is proposed and what is decided; ``evidence`` (JSON) is frozen with it."""
    await tx.fetch(
        _STEP,
        *(case.id, str(case.status), case.updated_at, case.claimed_by, case.claimed_until),
        *(case.proposed_decision and str(case.proposed_decision), case.proposed_by, case.proposed_at),
        *(case.decision and str(case.decision), case.decided_by, case.decided_at, case.note, evidence),
    )


async def set_appeal_of(tx: Transaction, case_id: UUID, appealed: UUID) -> None:
    """Link an open case to the decided one against which the player appeals."""
    await tx.fetch("UPDATE review_cases SET appeal_of = $2 WHERE id = $1", case_id, appealed)


_SET_STAKES = (
    "WITH locked AS (SELECT id FROM review_cases WHERE id = ANY($1) AND status = 'open' ORDER BY player_id"
    " FOR NO KEY UPDATE SKIP LOCKED) UPDATE review_cases c SET stakes = CAST(n.stakes AS text[]), priority = n.priority"
    " FROM locked l JOIN unnest($1::uuid[], $2::text[], $3::int[]) AS n(id, stakes, priority) USING (id)"
    " WHERE c.id = l.id RETURNING 1"
)


async def set_stakes(tx: Transaction, cases: Sequence[ReviewCase]) -> int:
    """Write what is at stake in these cases and how urgent that makes them. Returns how many were written: a decided
    one is left alone, and so is one that somebody works on at this moment.
    """
    rows = await tx.fetch(
        _SET_STAKES,
        [case.id for case in cases],
        [_literal(case.stakes) for case in cases],
        [case.priority for case in cases],
    )
    return len(rows)


async def suspicion_of(tx: Transaction, player_id: UUID) -> tuple[float, bool, datetime | None]:
    """The suspicion at its last change, whether everything is held, and until when signals are cleared."""
    statement = "SELECT suspicion, holding, cleared_until FROM player_suspicion WHERE player_id = $1"
    rows = await tx.fetch(statement, player_id)
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else (0.0, False, None)


_STOP_HOLDING = "UPDATE player_suspicion SET holding = false WHERE player_id = $1"
_CLEAR = (
    "UPDATE player_suspicion SET holding = false, suspicion = 0, suspicion_at = NULL, cleared_until = $3,"
    " cleared_signals = ARRAY(SELECT DISTINCT x FROM unnest($2::text[] || CASE WHEN cleared_until > $4"
    " THEN cleared_signals ELSE '{}' END) AS x ORDER BY x) WHERE player_id = $1"
)


async def stop_holding(tx: Transaction, player_id: UUID) -> None:
    """What a player completes from now on counts at once; the suspicion stays."""
    await tx.fetch(_STOP_HOLDING, player_id)


async def clear(tx: Transaction, player_id: UUID, signals: Iterable[str], until: datetime, now: datetime) -> None:
    """Stop holding, forget the suspicion, and let these signals tell nothing about the player until a moment."""
    await tx.fetch(_CLEAR, player_id, sorted(set(signals)), until, now)
