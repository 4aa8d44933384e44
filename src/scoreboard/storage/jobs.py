"""Asynchronous actions: queued → running → succeeded | failed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from scoreboard.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Job:
    """A queued piece of work and, once it is done, its result or problem."""

    id: UUID
    player_id: UUID
    payload: dict[str, Any]
    status: str
    tries: int
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


_COLUMNS = "id, player_id, payload, status, tries, result, problem, created_at, finished_at"


def _job(row: Row[*tuple[Any, ...]]) -> Job:
    return Job(*row)


_ADD = text(
    f"INSERT INTO jobs (id, player_id, payload) VALUES (:id, :player, :payload) RETURNING {_COLUMNS}"
).bindparams(bindparam("payload", type_=JSONB))


async def add(tx: Transaction, job_id: UUID, player_id: UUID, payload: dict[str, Any]) -> Job:
    """Queue a job."""
    return _job((await tx.execute(_ADD, {"id": job_id, "player": player_id, "payload": payload})).one())


async def find(tx: Transaction, job_id: UUID) -> Job | None:
    """The job with this id."""
    row = (await tx.execute(text(f"SELECT {_COLUMNS} FROM jobs WHERE id = :id"), {"id": job_id})).first()
    return None if row is None else _job(row)


async def claim(tx: Transaction, limit: int, lease: float) -> list[Job]:
    """Take due jobs for ``lease`` seconds, oldest first. A worker that dies lets its lease lapse."""
    rows = await tx.execute(
        text(
            "UPDATE jobs SET status = 'running', tries = tries + 1,"
            " run_after = clock_timestamp() + make_interval(secs => :lease)"
            " WHERE id IN (SELECT id FROM jobs WHERE status IN ('queued', 'running') AND run_after <= clock_timestamp()"
            f" ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}"
        ),
        {"limit": limit, "lease": lease},
    )
    return sorted((_job(row) for row in rows), key=lambda job: (job.created_at, job.id))


_FINISH = text(
    "UPDATE jobs SET status = :status, result = :result, problem = :problem, finished_at = clock_timestamp()"
    " WHERE id = :id AND finished_at IS NULL"
).bindparams(bindparam("result", type_=JSONB(none_as_null=True)), bindparam("problem", type_=JSONB(none_as_null=True)))


async def finish(
    tx: Transaction, job_id: UUID, *, result: dict[str, Any] | None, problem: dict[str, Any] | None
) -> bool:
    """Record how a job ended; False when that is recorded already."""
    status = "succeeded" if problem is None else "failed"
    done = await tx.execute(_FINISH, {"id": job_id, "status": status, "result": result, "problem": problem})
    return done.rowcount == 1


async def retry(tx: Transaction, job_id: UUID, delay: float) -> None:
    """Queue a job again, ``delay`` seconds from now."""
    await tx.execute(
        text(
            "UPDATE jobs SET status = 'queued', run_after = clock_timestamp() + make_interval(secs => :delay)"
            " WHERE id = :id AND finished_at IS NULL"
        ),
        {"id": job_id, "delay": delay},
    )
