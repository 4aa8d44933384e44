"""How many connections a player, an address and this process may have, and what is said of that to other pods.

Redis counts over all pods that live; while it is away this process's own connections are counted.
"""

import asyncio
import contextvars
from collections import Counter
from typing import TypeVar
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.live import registry
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.live.registry import Admitted, Entrant
from scoreboard.security.identifiers import new_id
from scoreboard.usecases.platform import Platform

Lease = tuple[UUID | None, str, str]
"""Player or None, address, connection id."""

T = TypeVar("T")

_CHUNK = 500
_BUSY = 5.0
_RENEW = registry.KEPT / 3


class Leases:
    """The connections of this process, as the registry knows them."""

    def __init__(self, platform: Platform) -> None:
        self._live = platform.live
        self._settings = platform.settings
        self._held: dict[str, Lease] = {}
        self._players: Counter[UUID] = Counter()
        self._addresses: Counter[str] = Counter()
        self._process = new_id().hex
        self._server = ""
        self._gone: set[Lease] = set()
        self._telling = asyncio.Lock()
        self._told_all_at = float("-inf")
        self._all_due = True
        self._untold = 0
        self._waiting: list[tuple[Entrant, int, asyncio.Future[Admitted]]] = []
        self._asking: asyncio.Task[None] | None = None
        self._nobodys = contextvars.copy_context()

    async def take(self, entrant: Entrant) -> Admitted | None:
        """Register a connection, or give a registered one its player.

        Returns:
            What Redis knows of it; None while Redis is away.

        Raises:
            Refusal: OVERLOADED when this process is full; TOO_MANY_REQUESTS or USER_RATE_LIMIT when the address or
                the player has too many connections.
        """
        self.require_room(entrant)
        before = self._release(entrant.connection)
        if before is not None and before[0] not in (None, entrant.player_id):
            self._gone.add(before)
        lease = (entrant.player_id, entrant.address, entrant.connection)
        self._hold(lease)  # before asking Redis, so that parallel connects here see each other
        try:
            admitted = await self._admitted(entrant)
        except BaseException:  # a socket that ended meanwhile keeps no place either
            self._release(entrant.connection)
            self._gone.add(lease)
            raise
        if entrant.connection not in self._held:  # it ended, and that was told before Redis heard that it came
            self._gone.add(lease)
        return admitted

    def require_room(self, entrant: Entrant) -> None:
        """What this process alone knows, before anything is paid for. Raises Refusal as :meth:`take`."""
        known = self._held.get(entrant.connection)
        if known is None and len(self._held) >= self._settings.sockets_per_pod:
            raise Refusal(ErrorCode.OVERLOADED, "This server has as many live connections as it can hold.", _BUSY)
        of_player = 0
        if entrant.player_id is not None:
            of_player = self._players[entrant.player_id] + (known is None or known[0] != entrant.player_id)
        self._check(of_player, self._addresses[entrant.address] + (known is None))

    async def _admitted(self, entrant: Entrant) -> Admitted | None:
        try:
            admitted = await self._ask(entrant)
        except LiveUnavailable:
            self._untold += 1
            self._all_due = True
            return None
        self._check(admitted.of_player, admitted.of_address)
        return admitted

    async def _ask(self, entrant: Entrant) -> Admitted:
        """Natural batching: who comes while Redis is being asked shares the next call with all others who do."""
        answer: asyncio.Future[Admitted] = asyncio.get_running_loop().create_future()
        self._waiting.append((entrant, self._addresses[entrant.address], answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_for_all(), context=self._nobodys.copy())
        return await answer

    async def _ask_for_all(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_CHUNK], self._waiting[_CHUNK:]
            try:
                async with self._telling:
                    await self._give_back()
                    some = [each for each in some if not each[2].done()]
                    # As many as there were when each came, so that one of two goes; fewer if others have gone since.
                    entrants = [(one, min(here, self._addresses[one.address])) for one, here, _ in some]
                    found = await registry.admit(self._live, self._process, entrants)
            except BaseException as error:
                for _, _, answer in some:
                    if not answer.done():
                        answer.set_exception(error if isinstance(error, LiveUnavailable) else LiveUnavailable("ended"))
                if not isinstance(error, LiveUnavailable):
                    raise
            else:
                for (_, _, answer), admitted in zip(some, found, strict=True):
                    if not answer.done():  # who has gone meanwhile gives the place back
                        answer.set_result(admitted)

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
        """The connection ended; that is told a moment later, with those of others."""
        lease = self._release(connection)
        if lease is not None:
            self._gone.add(lease)

    async def give_back(self) -> None:
        """Tell which connections ended. Raises LiveUnavailable; they are told again."""
        async with self._telling:  # what is written must not be older than what another task has written
            await self._give_back()

    async def _give_back(self) -> None:
        gone, self._gone = self._gone, set()
        addresses = {address: self._addresses[address] for _, address, _ in gone}
        ended = [(player, name) for player, _, name in gone if player is not None and self._player_of(name) != player]
        try:
            await registry.tell(self._live, self._process, addresses, gone=ended)
        except BaseException:
            self._gone |= gone
            raise

    def _player_of(self, connection: str) -> UUID | None:
        lease = self._held.get(connection)
        return None if lease is None else lease[0]

    async def renew(self) -> None:
        """Say that this process lives; and all that it has, where Redis does not know it. Raises LiveUnavailable; the
        next round does it.
        """
        now = asyncio.get_running_loop().time()
        if not self._live.run_id:
            await self._live.ping()
        if self._live.run_id != self._server:
            if self._server:  # another one, perhaps with an older copy of the data: what it says of us is not ours
                await registry.leave(self._live, self._process)
                self._process = new_id().hex
            self._server = self._live.run_id
        # Until it is done: an answer that gets lost may have been the one that said we were forgotten.
        due, self._all_due = self._all_due, True
        untold = self._untold
        known = await registry.beat(self._live, self._process, self._settings.registry_ttl)
        if due or not known or now - self._told_all_at >= _RENEW:
            await self._tell_all()
            self._told_all_at = now
        self._all_due = self._untold != untold

    async def _tell_all(self) -> None:
        async with self._telling:
            await self._give_back()
            held = list(self._held.values())
            for start in range(0, len(held), _CHUNK):
                some = held[start : start + _CHUNK]
                addresses = {address: self._addresses[address] for _, address, _ in some}
                here = [(player, name) for player, _, name in some if player is not None and name in self._held]
                await registry.tell(self._live, self._process, addresses, here=here)

    async def end(self) -> None:
        """The process stops: nothing of it counts any more. Raises LiveUnavailable; it lapses by itself."""
        await self.give_back()
        await registry.leave(self._live, self._process)


def _less(counter: Counter[T], key: T) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
