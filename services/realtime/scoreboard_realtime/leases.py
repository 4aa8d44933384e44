"""How many connections a player, an address and this process may have, and the leases that say so to other pods.

Redis counts over all pods; while it is away this process's own connections are counted.
"""

import asyncio
from collections import Counter
from typing import TypeVar
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.live import registry
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.usecases.platform import Platform

Lease = tuple[UUID | None, str, str]
"""Player or None, address, connection id."""

T = TypeVar("T")

_CHUNK = 500
_BUSY = 5.0


class Leases:
    """The connections of this process, as the registry knows them."""

    def __init__(self, platform: Platform) -> None:
        self._live = platform.live
        self._settings = platform.settings
        self._held: dict[str, Lease] = {}
        self._players: Counter[UUID] = Counter()
        self._addresses: Counter[str] = Counter()
        self._returned: list[Lease] = []
        self._returning = asyncio.Lock()

    async def take(self, connection: str, address: str, player_id: UUID | None) -> None:
        """Register a connection, or give a registered one its player.

        Raises:
            Refusal: OVERLOADED when this process is full; TOO_MANY_REQUESTS or USER_RATE_LIMIT when the address or
                the player has too many connections.
        """
        known = connection in self._held
        if not known and len(self._held) >= self._settings.sockets_per_pod:
            raise Refusal(ErrorCode.OVERLOADED, "This server has as many live connections as it can hold.", _BUSY)
        self._release(connection)
        lease = (player_id, address, connection)
        self._hold(lease)  # before asking Redis, so that parallel connects here see each other
        try:
            await self._require_room(lease)
        except Refusal:
            self._release(connection)
            self._returned.append(lease)
            raise

    async def _require_room(self, lease: Lease) -> None:
        player_id, address, _ = lease
        local = (self._players[player_id] if player_id is not None else 0, self._addresses[address])
        self._check(*local)
        try:
            await self.give_back()
            await registry.renew(self._live, [lease], self._settings.registry_ttl)
            self._check(*await registry.count(self._live, player_id, address))
        except LiveUnavailable:
            return

    def _check(self, of_player: int, of_address: int) -> None:
        if of_player > self._settings.sockets_per_player:
            raise Refusal(ErrorCode.USER_RATE_LIMIT, "This player has too many live connections.", _BUSY)
        if of_address > self._settings.sockets_per_address:
            raise Refusal(ErrorCode.TOO_MANY_REQUESTS, "Too many live connections come from this address.", _BUSY)

    def _hold(self, lease: Lease) -> None:
        player_id, address, connection = lease
        self._held[connection] = lease
        self._addresses[address] += 1
        if player_id is not None:
            self._players[player_id] += 1

    def _release(self, connection: str) -> Lease | None:
        lease = self._held.pop(connection, None)
        if lease is None:
            return None
        player_id, address, _ = lease
        _less(self._addresses, address)
        if player_id is not None:
            _less(self._players, player_id)
        return lease

    def drop(self, connection: str) -> None:
        """The connection ended; its lease is given back a moment later, with those of others."""
        lease = self._release(connection)
        if lease is not None:
            self._returned.append(lease)

    async def give_back(self) -> None:
        """Return the leases of connections that ended. Raises LiveUnavailable; they lapse by themselves."""
        async with self._returning:  # who counts afterwards must not find what another task is about to return
            returned, self._returned = self._returned, []
            await registry.remove(self._live, returned)

    async def renew(self) -> None:
        """Prolong all leases. Raises LiveUnavailable; the next renewal registers them again."""
        await self.give_back()
        held = list(self._held.values())
        for start in range(0, len(held), _CHUNK):
            await registry.renew(self._live, held[start : start + _CHUNK], self._settings.registry_ttl)


def _less(counter: Counter[T], key: T) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
