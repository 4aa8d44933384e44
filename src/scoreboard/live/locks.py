"""A lock with a lease, for work that one process at a time should do. It saves effort; nothing relies on it."""

from scoreboard.live.redis_link import Live
from scoreboard.live.scripts import Script

# KEYS: lock. ARGV: token, seconds. Takes the lock, or prolongs it for who has it. Returns 1, or 0 when another has it.
_HOLD = Script(
    "hold_lock",
    """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
""",
)

# KEYS: lock. ARGV: token. Gives the lock back, unless it lapsed and another has it now.
_RELEASE = Script(
    "release_lock",
    """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""",
)


async def hold(live: Live, lock: str, token: str, seconds: int) -> bool:
    """Take or prolong a lock. False: another holder has it. Raises LiveUnavailable."""
    return bool(await live.run(_HOLD, [lock], [token, seconds]))


async def release(live: Live, lock: str, token: str) -> None:
    """Give one's own lock back. Raises LiveUnavailable; it lapses by itself."""
    await live.run(_RELEASE, [lock], [token])
