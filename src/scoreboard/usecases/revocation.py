"""Is a session revoked, and telling everybody that it is. Redis answers at once; Postgres knows when Redis is away."""

from uuid import UUID

from scoreboard.live import sessions as live_sessions
from scoreboard.live.bus import SessionsRevoked
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.identifiers import new_id
from scoreboard.storage import outbox, sessions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.platform import Platform


async def end_of_session(platform: Platform, session_id: UUID) -> str | None:
    """Why the session has ended; None while it is alive.

    Raises:
        StoreUnavailable: neither store can tell.
    """
    try:
        return await live_sessions.end_of(platform.live, session_id)
    except LiveUnavailable:
        ended = await platform.database.transact(lambda tx: sessions.ended(tx, [session_id]))
        return ended.get(session_id)


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


async def forget_reason(tx: Transaction, player_id: UUID, within: int) -> SessionsRevoked:
    """Who was suspended or banned and is not any more is told to log in again, and nothing else.

    Args:
        tx: the transaction of the change that lifts it.
        player_id: whose sessions.
        within: seconds; tokens of sessions that ended before have expired.
    """
    message = SessionsRevoked(player_id, tuple(await sessions.forget_reason(tx, player_id, within)), "lifted")
    if message.session_ids:
        await outbox.add_control(tx, message)
    return message


async def spread_revocation(platform: Platform, message: SessionsRevoked) -> bool:
    """Make an ended session dead everywhere: a mark for every request, a message for every socket.

    Returns:
        False when Redis is away; the sweep repeats it from the outbox, requests ask Postgres meanwhile.
    """
    if not message.session_ids:
        return True
    try:
        await live_sessions.mark_revoked(
            platform.live, list(message.session_ids), message.reason, longest_life(platform)
        )
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
    token, ttl = new_id().hex, longest_life(platform)
    # Announced before Postgres is read: who is revoked later is marked by whoever does it.
    run_id = await live_sessions.begin_restore(platform.live, token)
    ended = await platform.database.transact(lambda tx: sessions.revoked_since(tx, ttl))
    return await live_sessions.finish_restore(platform.live, token, run_id, ended, ttl)


def longest_life(platform: Platform) -> int:
    """Seconds that an access token issued just before a revocation is still accepted elsewhere."""
    return platform.settings.access_token_ttl + platform.settings.clock_leeway
