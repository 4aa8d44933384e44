"""Which sessions are revoked, as far as Redis knows: the quick answer beside the truth in Postgres.

Redis says no more than it was told, and it may forget: only while ``keys.REVOCATIONS`` names this very server does a
missing mark mean that a session is alive.
"""

from collections.abc import Mapping
from uuid import UUID

from scoreboard.live import keys
from scoreboard.live.redis_link import Live, LiveUnavailable
from scoreboard.live.scripts import Script

_RESTORING_SECONDS = 30

# KEYS: the mark that all are known, who restores, then one key for each session. ARGV: token, run id, seconds, then for
# each session why it ended.
# Returns 1, or 0 when the server lost its memory again meanwhile.
_RESTORE = Script(
    "restore_revocations",
    """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
for k = 3, #KEYS do redis.call('SET', KEYS[k], ARGV[k + 1], 'EX', ARGV[3]) end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""",
)


async def mark_revoked(live: Live, session_ids: list[UUID], reason: str, ttl: int) -> None:
    """Refuse these sessions' access tokens for ``ttl`` seconds: as long as the last of them may live.

    Raises:
        LiveUnavailable: the sweep repeats it from the outbox.
    """
    if not session_ids:
        return
    async with live.redis.pipeline(transaction=False) as pipe:
        for session_id in session_ids:
            pipe.set(keys.revoked_session(session_id), reason, ex=ttl)
        await live.ask("mark_revoked", pipe.execute())


async def end_of(live: Live, session_id: UUID) -> str | None:
    """Why the session ended; None while it is alive. Raises LiveUnavailable when Redis cannot tell."""
    names = [keys.revoked_session(session_id), keys.REVOCATIONS]
    mark, known = await live.ask("end_of_session", live.redis.mget(names))
    if mark is None and (known is None or known.decode() != live.run_id):
        raise LiveUnavailable("Redis has lost what it knew about sessions")
    return None if mark is None else mark.decode()


async def knows_all(live: Live) -> bool:
    """Whether this server was told about every revoked session. Raises LiveUnavailable."""
    known = await live.ask("knows_revocations", live.redis.get(keys.REVOCATIONS))
    return known is not None and known.decode() == live.run_id


async def begin_restore(live: Live, token: str) -> str:
    """Announce that sessions are about to be read. Returns the server's run id. Raises LiveUnavailable."""
    await live.ask("restore_revocations", live.redis.set(keys.REVOCATIONS_RESTORING, token, ex=_RESTORING_SECONDS))
    return live.run_id


async def finish_restore(live: Live, token: str, run_id: str, ended: Mapping[UUID, str], ttl: int) -> bool:
    """Mark these sessions, each with its reason, and say that all are known.

    False: begin again, the server has forgotten meanwhile.
    """
    names = [keys.REVOCATIONS, keys.REVOCATIONS_RESTORING, *(keys.revoked_session(each) for each in ended)]
    return bool(await live.run(_RESTORE, names, [token, run_id, ttl, *ended.values()]))
