"""The audit log: who changed what. Written in the same transaction as the change, never edited."""

from typing import Any
from uuid import UUID

from sqlalchemy import insert

from scoreboard.storage.database import Transaction
from scoreboard.storage.tables import audit_log


async def record(
    tx: Transaction,
    event: str,
    subject: str,
    *,
    actor_id: UUID | None = None,
    actor_role: str = "platform",
    detail: dict[str, Any] | None = None,
    request_id: str | None = None,
) -> None:
    """Note a change. ``event`` is a past-tense name such as ``player.registered``; ``detail`` holds no secrets."""
    await tx.execute(
        insert(audit_log).values(
            event=event,
            subject=subject,
            actor_id=actor_id,
            actor_role=actor_role,
            detail=detail or {},
            request_id=request_id,
        )
    )
