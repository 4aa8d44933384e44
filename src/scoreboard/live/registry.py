"""Who is connected where: a lease for each live connection, so that any pod can count and find them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from scoreboard.live import keys
from scoreboard.live.leaderboard import run_here
from scoreboard.live.redis_link import Live
from scoreboard.live.scripts import Script

# KEYS: the mark that all revocations are known, then addresses, players and revocation keys.
# ARGV: run id, now, when a lease lapses, seconds that a key is kept, and the entrants as MessagePack: {connection,
# address, player, revocation key}; keys by their index, 0 for none.
# Returns whether revocations are known, and for each entrant {connections of the player, of the address, why its
# session ended or ''}.
_ADMIT = Script(
    "admit",
    """
local known = redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
local out = {}
local function lease(key, connection)
  redis.call('ZADD', key, ARGV[3], connection)
  redis.call('EXPIRE', key, ARGV[4])
  return redis.call('ZCOUNT', key, ARGV[2], '+inf')
end
for i, one in ipairs(cmsgpack.unpack(ARGV[5])) do
  local player = one[3] > 0 and lease(KEYS[one[3]], one[1]) or 0
  local ended = one[4] > 0 and redis.call('GET', KEYS[one[4]]) or ''
  out[i] = {player, lease(KEYS[one[2]], one[1]), ended}
end
return {known, out}
""",
)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Entrant:
    """A connection that wants in, and whose it is, as far as that is known."""

    connection: str
    address: str
    player_id: UUID | None = None
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """Live connections of the entrant's player (0 without one) and address over all pods, its own among them; whether
    Redis knows all ended sessions, and why the entrant's has ended, if it has.
    """

    of_player: int
    of_address: int
    knows_sessions: bool
    ended: str | None


async def admit(live: Live, entrants: Sequence[Entrant], ttl: int) -> list[Admitted]:
    """Lease a place to each for ``ttl`` seconds, and say how many its player and its address have: one trip for all.

    Raises:
        LiveUnavailable: the caller counts what it knows itself.
    """
    names: dict[str, int] = {keys.REVOCATIONS: 1}
    asked = [_asked(entrant, names) for entrant in entrants]
    now = time.time_ns() / 1e9
    known, answers = await run_here(live, _ADMIT, list(names), [now, now + ttl, ttl * 2, _encode(asked)])
    return [Admitted(player, address, bool(known), ended.decode() or None) for player, address, ended in answers]


def _asked(entrant: Entrant, names: dict[str, int]) -> tuple[str, int, int, int]:
    def index(name: str | None) -> int:
        return 0 if name is None else names.setdefault(name, len(names) + 1)

    player = None if entrant.player_id is None else keys.connections(entrant.player_id)
    session = None if entrant.session_id is None else keys.revoked_session(entrant.session_id)
    return entrant.connection, index(keys.address_connections(entrant.address)), index(player), index(session)


async def renew(live: Live, leases: list[tuple[UUID | None, str, str]], ttl: int) -> None:
    """Write or prolong leases (player or None, address, connection id) for ``ttl`` seconds, in one trip.

    Raises:
        LiveUnavailable: sockets live on; they are registered again by the next renewal.
    """
    if not leases:
        return
    lapses = time.time_ns() / 1e9 + ttl
    async with live.redis.pipeline(transaction=False) as pipe:
        for player_id, address, connection in leases:
            for name in _names(player_id, address):
                pipe.zadd(name, {connection: lapses})
                pipe.expire(name, ttl * 2)
        await live.ask("registry", pipe.execute())


async def count(live: Live, player_id: UUID | None, address: str) -> tuple[int, int]:
    """Live connections of this player (0 without one) and of this address, over all pods."""
    now = time.time_ns() / 1e9
    async with live.redis.pipeline(transaction=False) as pipe:
        if player_id is not None:
            pipe.zcount(keys.connections(player_id), now, "+inf")
        pipe.zcount(keys.address_connections(address), now, "+inf")
        counts = await live.ask("registry", pipe.execute())
    return (counts[0] if player_id is not None else 0, counts[-1])


async def remove(live: Live, leases: list[tuple[UUID | None, str, str]]) -> None:
    """Give leases back. Raises LiveUnavailable; they lapse by themselves."""
    if not leases:
        return
    async with live.redis.pipeline(transaction=False) as pipe:
        for player_id, address, connection in leases:
            for name in _names(player_id, address):
                pipe.zrem(name, connection)
        await live.ask("registry", pipe.execute())


def _names(player_id: UUID | None, address: str) -> list[str]:
    own = [] if player_id is None else [keys.connections(player_id)]
    return [*own, keys.address_connections(address)]
