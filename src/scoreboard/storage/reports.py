"""What players say of each other, and what they say against a decision about themselves."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Report:
    """A player's report of another."""

    id: UUID
    reporter_id: UUID
    player_id: UUID
    reason: str
    note: str
    created_at: datetime
    case_id: UUID | None


@dataclass(frozen=True, slots=True)
class Appeal:
    """A player's words against the decision of ``case_id``; ``opened_case_id`` is the case in which they are heard."""

    id: UUID
    case_id: UUID
    player_id: UUID
    words: str
    created_at: datetime
    opened_case_id: UUID


_COLUMNS = "id, reporter_id, player_id, reason, note, created_at, case_id"


async def add(tx: Transaction, report: Report) -> None:
    """Store a report."""
    await tx.fetch(
        f"INSERT INTO reports ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(report.id, report.reporter_id, report.player_id, report.reason, report.note, report.created_at),
        report.case_id,
    )


async def since(tx: Transaction, reporter_id: UUID, moment: datetime) -> list[Report]:
    """What a player has reported since a moment, oldest first."""
    statement = f"SELECT {_COLUMNS} FROM reports WHERE reporter_id = $1 AND created_at > $2 ORDER BY created_at"
    return [Report(*row) for row in await tx.fetch(statement, reporter_id, moment)]


async def of_case(tx: Transaction, case_id: UUID, limit: int) -> list[Report]:
    """The latest reports that belong to a case, oldest first."""
    statement = f"SELECT {_COLUMNS} FROM reports WHERE case_id = $1 ORDER BY created_at DESC LIMIT $2"
    return [Report(*row) for row in reversed(await tx.fetch(statement, case_id, limit))]


_APPEAL = "id, case_id, player_id, words, created_at, opened_case_id"


async def add_appeal(tx: Transaction, appeal: Appeal) -> None:
    """Store an appeal. Raises asyncpg.UniqueViolationError when there is one against this decision."""
    await tx.fetch(
        f"INSERT INTO appeals ({_APPEAL}) VALUES ($1, $2, $3, $4, $5, $6)",
        *(appeal.id, appeal.case_id, appeal.player_id, appeal.words, appeal.created_at, appeal.opened_case_id),
    )


async def appeal_against(tx: Transaction, case_id: UUID) -> Appeal | None:
    """The appeal against the decision of a case."""
    rows = await tx.fetch(f"SELECT {_APPEAL} FROM appeals WHERE case_id = $1", case_id)
    return Appeal(*rows[0]) if rows else None


async def appeal_in(tx: Transaction, case_id: UUID) -> Appeal | None:
    """The appeal that is heard in a case."""
    rows = await tx.fetch(f"SELECT {_APPEAL} FROM appeals WHERE opened_case_id = $1", case_id)
    return Appeal(*rows[0]) if rows else None
