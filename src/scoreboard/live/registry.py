"""Who is connected where: a lease for each live connection, so that any pod can count and find them."""

import time
from uuid import UUID

from scoreboard.live import keys
from scoreboard.live.redis_link import Live


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
