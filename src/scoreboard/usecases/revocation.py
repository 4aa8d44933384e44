"""Is a session revoked, and telling everybody that it is. Redis answers at once; Postgres knows when Redis is away."""

from collections.abc import Sequence
from uuid import UUID

from scoreboard.live import sessions as live_sessions
from scoreboard.live.bus import SessionsRevoked
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.identifiers import new_id
from scoreboard.storage import outbox, sessions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.platform import Platform


async def session_is_revoked(platform: Platform, session_id: UUID) -> bool:
    """Whether the session has ended.

    Raises:
        StoreUnavailable: neither store can tell.
    """
    try:
        return await live_sessions.is_revoked(platform.live, session_id)
    except LiveUnavailable:
        return bool(await ended_sessions(platform, [session_id]))


async def ended_sessions(platform: Platform, session_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these sessions that have ended, by Postgres. Raises StoreUnavailable."""
    alive = await platform.database.transact(lambda tx: sessions.alive(tx, list(session_ids)))
    return set(session_ids) - alive


async def revoked_within(platform: Platform, seconds: float) -> dict[UUID, str]:
    """Sessions that were revoked within so many seconds, each with the reason, by Postgres. Raises StoreUnavailable."""
    return await platform.database.transact(lambda tx: sessions.revoked_since(tx, seconds))


async def end_sessions(tx: Transaction, player_id: UUID, session_id: UUID | None, reason: str) -> SessionsRevoked:
    """End one session, or all of a player's (``session_id`` None), in the transaction of the change that ends them.

    The caller notes it in the audit log, and hands the message to :func:`spread_revocation` after the commit.
    """
    message = SessionsRevoked(player_id, tuple(await sessions.revoke(tx, player_id, session_id, reason)), reason)
    if message.session_ids:
        await outbox.add_control(tx, message)
    return message


async def spread_revocation(platform: Platform, message: SessionsRevoked) -> bool:
    """Make an ended session dead everywhere: a mark for every request, a message for every socket.

    Returns:
        False when Redis is away; the sweep repeats it from the outbox, requests ask Postgres meanwhile.
    """
    try:
        await live_sessions.mark_revoked(platform.live, list(message.session_ids), _longest_life(platform))
    except LiveUnavailable:
        return False
    return await announce_control(platform, message)


async def restore_revocations(platform: Platform) -> bool:
    """Tell a Redis that has lost its memory which sessions are revoked; until then every request asks Postgres.

    Returns:
        Whether it had to be told.

    Raises:
        LiveUnavailable, StoreUnavailable: try again later.
    """
    if await live_sessions.knows_all(platform.live):
        return False
    token, ttl = new_id().hex, _longest_life(platform)
    # Announced before Postgres is read: who is revoked later is marked by whoever does it.
    run_id = await live_sessions.begin_restore(platform.live, token)
    ended = await platform.database.transact(lambda tx: sessions.revoked_since(tx, ttl))
    return await live_sessions.finish_restore(platform.live, token, run_id, list(ended), ttl)


def _longest_life(platform: Platform) -> int:
    """Seconds that an access token issued just before a revocation is still accepted elsewhere."""
    return platform.settings.access_token_ttl + platform.settings.clock_leeway
