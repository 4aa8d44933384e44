"""Sessions and their refresh tokens. A session is the family: reuse of a spent token ends all of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text, update

from scoreboard.storage.database import Transaction
from scoreboard.storage.tables import sessions


@dataclass(frozen=True, slots=True)
class RefreshState:
    """A refresh token and its session as they stand, by the database's clock."""

    session_id: UUID
    player_id: UUID
    issued_at: datetime
    used_at: datetime | None
    used_by: bytes | None
    expires_at: datetime
    revoked_at: datetime | None
    now: datetime


async def open_session(tx: Transaction, session_id: UUID, player_id: UUID, absolute_ttl: int) -> None:
    """Begin a session that ends ``absolute_ttl`` seconds from now at the latest; repeating it changes nothing."""
    await tx.execute(
        text(
            "INSERT INTO sessions (id, player_id, expires_at)"
            " VALUES (:id, :player, clock_timestamp() + make_interval(secs => :ttl)) ON CONFLICT DO NOTHING"
        ),
        {"id": session_id, "player": player_id, "ttl": absolute_ttl},
    )


async def add_refresh_token(tx: Transaction, session_id: UUID, token_hash: bytes) -> None:
    """Remember a token of the session; repeating it changes nothing."""
    await tx.execute(
        text("INSERT INTO refresh_tokens (hash, session_id) VALUES (:hash, :session) ON CONFLICT DO NOTHING"),
        {"hash": token_hash, "session": session_id},
    )


async def lock_refresh_token(tx: Transaction, token_hash: bytes) -> RefreshState | None:
    """The token and its session, locked against a refresh at the same time; None for an unknown token."""
    row = (
        await tx.execute(
            text(
                "SELECT r.session_id, s.player_id, r.issued_at, r.used_at, r.used_by, s.expires_at, s.revoked_at,"
                " clock_timestamp() AS now FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id"
                " WHERE r.hash = :hash FOR UPDATE OF r, s"
            ),
            {"hash": token_hash},
        )
    ).first()
    return None if row is None else RefreshState(*row)


async def spend_refresh_token(tx: Transaction, token_hash: bytes, session_id: UUID, used_by: bytes) -> None:
    """Mark a token as used, by which client, and the session as alive."""
    await tx.execute(
        text("UPDATE refresh_tokens SET used_at = clock_timestamp(), used_by = :used_by WHERE hash = :hash"),
        {"hash": token_hash, "used_by": used_by},
    )
    await tx.execute(text("UPDATE sessions SET last_used_at = clock_timestamp() WHERE id = :id"), {"id": session_id})


async def revoke(tx: Transaction, player_id: UUID, session_id: UUID | None, reason: str) -> list[UUID]:
    """End one session, or all of a player's (``session_id`` None). Returns those that were still alive."""
    condition = sessions.c.player_id == player_id
    if session_id is not None:
        condition &= sessions.c.id == session_id
    rows = await tx.execute(
        update(sessions)
        .where(condition, sessions.c.revoked_at.is_(None))
        .values(revoked_at=text("clock_timestamp()"), revoked_reason=reason)
        .returning(sessions.c.id)
    )
    return [row.id for row in rows]


_ENDED = (
    "SELECT asked.id, coalesce(s.revoked_reason, '') FROM unnest($1::uuid[]) AS asked(id)"
    " LEFT JOIN sessions s ON s.id = asked.id"
    " WHERE s.id IS NULL OR s.revoked_at IS NOT NULL OR s.expires_at <= clock_timestamp()"
)


async def ended(tx: Transaction, session_ids: list[UUID]) -> dict[UUID, str]:
    """Those of these sessions that are revoked, past their end or unknown, each with the reason if there is one."""
    return {row[0]: row[1] for row in await tx.fetch(_ENDED, session_ids)}


async def forget_reason(tx: Transaction, player_id: UUID, within: int) -> list[UUID]:
    """Sessions that a suspension or a ban ended within so many seconds have just ended from now on. Returns them."""
    rows = await tx.fetch(
        "UPDATE sessions SET revoked_reason = 'lifted' WHERE player_id = $1"
        " AND revoked_reason IN ('suspended', 'banned')"
        " AND revoked_at > clock_timestamp() - make_interval(secs => $2) RETURNING id",
        player_id,
        within,
    )
    return [row[0] for row in rows]


async def revoked_since(tx: Transaction, seconds: float) -> dict[UUID, str]:
    """Sessions that were revoked within so many seconds, each with the reason."""
    rows = await tx.execute(
        text(
            "SELECT id, revoked_reason FROM sessions"
            " WHERE revoked_at > clock_timestamp() - make_interval(secs => :seconds)"
        ),
        {"seconds": seconds},
    )
    return {row.id: row.revoked_reason or "" for row in rows}


async def forget_spent(tx: Transaction, older_than_days: int) -> int:
    """Delete sessions that ended long ago, with their tokens. Returns how many."""
    result = await tx.execute(
        text("DELETE FROM sessions WHERE expires_at < now() - make_interval(days => :days)"), {"days": older_than_days}
    )
    return result.rowcount
