"""Which sessions are revoked, as far as Redis knows: the quick answer beside the truth in Postgres."""

from uuid import UUID

from scoreboard.live import keys
from scoreboard.live.redis_link import Live


async def mark_revoked(live: Live, session_ids: list[UUID], ttl: int) -> None:
    """Refuse these sessions' access tokens for ``ttl`` seconds: as long as the last of them may live.

    Raises:
        LiveUnavailable: the sweep repeats it from the outbox.
    """
    if not session_ids:
        return
    async with live.redis.pipeline(transaction=False) as pipe:
        for session_id in session_ids:
            pipe.set(keys.revoked_session(session_id), b"1", ex=ttl)
        await live.ask("mark_revoked", pipe.execute())


async def is_revoked(live: Live, session_id: UUID) -> bool:
    """Whether Redis knows the session as revoked. Raises LiveUnavailable."""
    return bool(await live.ask("is_revoked", live.redis.exists(keys.revoked_session(session_id))))
