"""The suspicion of each player over all pods, on Redis's clock. It fades by itself: losing it costs evidence only.

The formula is that of ``domain.suspicion.grown``; a test holds both against each other.
"""

from uuid import UUID

from scoreboard.live import keys
from scoreboard.live.redis_link import Live
from scoreboard.live.scripts import Script

_HOUR = 3600

# KEYS: the player's suspicion. ARGV: weight, half-life in seconds. Returns the suspicion now, as text.
_GROW = Script(
    "grow_suspicion",
    """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local weight, half = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 's', 'at')
local left = 0
if known[1] then left = tonumber(known[1]) * 0.5 ^ (math.max(now - tonumber(known[2]), 0) / half) end
local grown = string.format('%.9f', 1 - (1 - left) * (1 - weight))
redis.call('HSET', KEYS[1], 's', grown, 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(half * 10000))
return grown
""",
)

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


async def grow(live: Live, player_id: UUID, weight: float, half_life: float) -> float:
    """Add a signal to the player's suspicion. Returns it as it is now. Raises LiveUnavailable."""
    return float(await live.run(_GROW, [keys.suspicion(player_id)], [weight, half_life]))


async def reserve_suspension(live: Live, player_id: UUID, most: int) -> bool:
    """Whether this player may still be suspended automatically in this hour; takes a place. Raises LiveUnavailable."""
    return bool(await live.run(_RESERVE, [keys.AUTOMATIC_SUSPENSIONS], [str(player_id), most, _HOUR]))


async def clear(live: Live, player_id: UUID) -> None:
    """A person has decided about this player: begin anew. Raises LiveUnavailable; it fades by itself too."""
    await live.ask("clear_suspicion", live.redis.delete(keys.suspicion(player_id)))
