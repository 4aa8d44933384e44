"""How many players complete actions from one address at the same time, as far as this process sees it.

Kept in memory only, bounded, and for seconds: no address is stored. One operator with many accounts shows here; a class
or a hall behind one address stays below what counts, and a provider's or a proxy's address lies above it.
"""

import asyncio
from collections import OrderedDict
from uuid import UUID

from scoreboard.settings import Settings

_TOO_MANY = 200
"""So many players share an address only behind a provider or a proxy that does not say whom it speaks for."""


class Crowds:
    """The addresses seen last and who was seen there. One for each process."""

    def __init__(self, settings: Settings) -> None:
        self._window = settings.address_window
        self._most = settings.address_memory
        self._crowds: OrderedDict[str, OrderedDict[UUID, float]] = OrderedDict()

    def count(self, address: str | None, player_id: UUID) -> int:
        """Note a completion. Returns how many players completed from its address just now, 0 for no answer."""
        if address is None:
            return 0
        crowd = self._crowds.setdefault(address, OrderedDict())
        self._crowds.move_to_end(address)
        if len(self._crowds) > self._most:
            self._crowds.popitem(last=False)
        now = asyncio.get_running_loop().time()
        crowd[player_id] = now
        crowd.move_to_end(player_id)
        while next(iter(crowd.values())) < now - self._window:
            crowd.popitem(last=False)
        if len(crowd) < _TOO_MANY:
            return len(crowd)
        crowd.popitem(last=False)
        return 0
