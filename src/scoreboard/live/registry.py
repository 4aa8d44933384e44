"""Who is connected where, so that any process can count and find live connections.

Each process says every few seconds that it lives; what a dead one left behind counts no more. So nobody who comes back
after a crash is refused for the connections that died with it, and nothing has to be renewed for each connection.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from scoreboard.live import keys
from scoreboard.live.leaderboard import run_here
from scoreboard.live.redis_link import Live
from scoreboard.live.scripts import Script

KEPT = 3600
"""Seconds that a player's or an address's entry is kept after it was last written: what a process that died as the
last one there has left. Those that live write theirs again long before.
"""

# living: whether a process, of those in KEYS[1], has said so lately by the server's clock.
_LIVING = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local lives = {}
local function living(process)
  if lives[process] == nil then lives[process] = tonumber(redis.call('ZSCORE', KEYS[1], process) or 0) > now end
  return lives[process]
end
local function of_player(key)
  local count, all = 0, redis.call('HGETALL', key)
  for k = 1, #all, 2 do
    if living(all[k + 1]) then count = count + 1 else redis.call('HDEL', key, all[k]) end
  end
  return count
end
local function of_address(key)
  local count, all = 0, redis.call('HGETALL', key)
  for k = 1, #all, 2 do
    if living(all[k]) then count = count + all[k + 1] else redis.call('HDEL', key, all[k]) end
  end
  return count
end
"""

# KEYS: the processes. ARGV: process, seconds that it counts as living from now on. Returns whether it did until now.
_BEAT = Script(
    "beat",
    _LIVING
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local known = living(ARGV[1]) and 1 or 0
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return known
""",
)

# KEYS: the processes, the mark that all revocations are known, then addresses, players and revocation keys.
# ARGV: run id, process, seconds that an entry is kept, and the entrants as MessagePack: {connection, address, how many
# this process has of it, player, revocation key}; keys by their index, 0 for none.
# Returns whether revocations are known, and for each entrant {connections of the player, of the address, why its
# session ended or ''}.
_ADMIT = Script(
    "admit",
    _LIVING
    + """
local known = redis.call('GET', KEYS[2]) == ARGV[1] and 1 or 0
local process = ARGV[2]
lives[process] = true
local out = {}
for i, one in ipairs(cmsgpack.unpack(ARGV[4])) do
  local player = 0
  if one[4] > 0 then
    redis.call('HSET', KEYS[one[4]], one[1], process)
    redis.call('EXPIRE', KEYS[one[4]], ARGV[3])
    player = of_player(KEYS[one[4]])
  end
  redis.call('HSET', KEYS[one[2]], process, one[3])
  redis.call('EXPIRE', KEYS[one[2]], ARGV[3])
  local ended = one[5] > 0 and redis.call('GET', KEYS[one[5]]) or ''
  out[i] = {player, of_address(KEYS[one[2]]), ended}
end
return {known, out}
""",
)

# KEYS: the processes, an address, and a player if wanted. Returns {connections of the player, of the address}.
_COUNT = Script("count_connections", _LIVING + "return {KEYS[3] and of_player(KEYS[3]) or 0, of_address(KEYS[2])}")
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
    """Live connections of the entrant's player (0 without one) and address over all processes, its own among them;
    whether Redis knows all ended sessions, and why the entrant's has ended, if it has.
    """

    of_player: int
    of_address: int
    knows_sessions: bool
    ended: str | None


async def beat(live: Live, process: str, seconds: float) -> bool:
    """Say that a process lives, for so many seconds. False: it was not known until now, or Redis has forgotten it;
    then it has to :func:`register` its connections.

    Raises:
        LiveUnavailable: it is tried again by the next beat.
    """
    return bool(await live.run(_BEAT, [keys.LIVE_PROCESSES], [process, seconds]))


async def leave(live: Live, process: str) -> None:
    """A process has no connections any more. Raises LiveUnavailable; it lapses by itself."""
    await live.ask("registry", live.redis.zrem(keys.LIVE_PROCESSES, process))


async def admit(live: Live, process: str, entrants: Sequence[tuple[Entrant, int]]) -> list[Admitted]:
    """Note connections, and say how many their players and addresses have: one trip for all.

    Args:
        live: Redis.
        process: whose connections these are.
        entrants: each with how many connections this process has of its address, itself among them.

    Raises:
        LiveUnavailable: the caller counts what it knows itself.
    """
    names: dict[str, int] = {keys.LIVE_PROCESSES: 1, keys.REVOCATIONS: 2}
    asked = [_asked(entrant, here, names) for entrant, here in entrants]
    known, answers = await run_here(live, _ADMIT, list(names), [process, KEPT, _encode(asked)])
    return [Admitted(player, address, bool(known), ended.decode() or None) for player, address, ended in answers]


def _asked(entrant: Entrant, here: int, names: dict[str, int]) -> tuple[str, int, int, int, int]:
    def index(name: str | None) -> int:
        return 0 if name is None else names.setdefault(name, len(names) + 1)

    player = None if entrant.player_id is None else keys.connections(entrant.player_id)
    session = None if entrant.session_id is None else keys.revoked_session(entrant.session_id)
    address = index(keys.address_connections(entrant.address))
    return entrant.connection, address, here, index(player), index(session)


async def tell(
    live: Live,
    process: str,
    addresses: Mapping[str, int],
    *,
    here: Collection[tuple[UUID, str]] = (),
    gone: Collection[tuple[UUID, str]] = (),
) -> None:
    """Write what a process has now, in one trip.

    Args:
        live: Redis.
        process: which one.
        addresses: how many connections it has of each of these; 0 for one that has none any more.
        here: players' connections (player, connection) that it has.
        gone: those that it had.

    Raises:
        LiveUnavailable: nothing or all of it was written; the caller tells it again.
    """
    if not addresses and not here and not gone:
        return
    async with live.redis.pipeline(transaction=True) as pipe:
        for address, count in addresses.items():
            name = keys.address_connections(address)
            if count:
                pipe.hset(name, process, count)
                pipe.expire(name, KEPT)
            else:
                pipe.hdel(name, process)
        for player_id, connection in here:
            name = keys.connections(player_id)
            pipe.hset(name, connection, process)
            pipe.expire(name, KEPT)
        for player_id, connection in gone:
            pipe.hdel(keys.connections(player_id), connection)
        await live.ask("registry", pipe.execute())


async def count(live: Live, player_id: UUID | None, address: str) -> tuple[int, int]:
    """Live connections of this player (0 without one) and of this address, over all processes that live."""
    names = [keys.LIVE_PROCESSES, keys.address_connections(address)]
    if player_id is not None:
        names.append(keys.connections(player_id))
    of_player, of_address = await live.run(_COUNT, names, [])
    return of_player, of_address
