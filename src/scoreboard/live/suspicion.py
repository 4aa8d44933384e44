"""How many accounts the anti-cheat has suspended by itself in this hour, over all processes."""

from uuid import UUID

from scoreboard.live import keys
from scoreboard.live.redis_link import Live
from scoreboard.live.scripts import Script

_HOUR = 3600

# KEYS: players suspended in this hour. ARGV: player, how many there may be, seconds. Returns 1, or 0 when there were
# that many others. The same player again takes nothing: one who floods must not use up the hour for all.
_RESERVE = Script(
    "reserve_suspension",
    """
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 and redis.call('SCARD', KEYS[1]) == 1 then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
""",
)


async def reserve_suspension(live: Live, player_id: UUID, most: int) -> bool:
    """Whether this player may still be suspended automatically in this hour; takes a place. Raises LiveUnavailable."""
    return bool(await live.run(_RESERVE, [keys.AUTOMATIC_SUSPENSIONS], [str(player_id), most, _HOUR]))
