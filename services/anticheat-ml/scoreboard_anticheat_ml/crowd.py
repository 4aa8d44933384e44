"""What everybody did in the last minutes, to find accounts that act together."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from scoreboard_anticheat_ml.detectors import synchrony


@dataclass(frozen=True, slots=True)
class Together:
    """Whom a player acts together with.

    Attributes:
        z: How far the common moments with the second likeliest partner exceed chance, see ``synchrony``.
        ring: The accounts, the likeliest first, and how many moments are common with each.
    """

    z: float
    ring: tuple[tuple[UUID, int], ...] = ()


class Crowd:
    """A bounded memory of moments and whose they are, searched now and then.

    Args:
        window: Seconds that are remembered.
        most: Completions that are remembered at most.
        every: Seconds of play between two searches.
    """

    def __init__(self, window: float, most: int, every: float) -> None:
        self._events: deque[tuple[float, UUID]] = deque(maxlen=most)
        self._window = window
        self._every = every
        self._next = 0.0
        self._together: dict[UUID, Together] = {}

    def add(self, events: Iterable[tuple[float, UUID]]) -> None:
        """Remember moments, in the order of the ledger."""
        self._events.extend(events)
        newest = self._events[-1][0] if self._events else 0.0
        while self._events and self._events[0][0] < newest - self._window:
            self._events.popleft()

    def clear(self) -> None:
        """Forget everything."""
        self._events.clear()
        self._together.clear()
        self._next = 0.0

    def search(self) -> Mapping[UUID, Together]:
        """Whom each player acts together with; who is not named acts alone.

        Searches anew when enough time has gone by in the play itself, so that a backlog gives what live play would.
        """
        newest = self._events[-1][0] if self._events else 0.0
        if newest >= self._next:
            self._next = newest + self._every
            self._together = self._searched()
        return self._together

    def _searched(self) -> dict[UUID, Together]:
        numbers: dict[UUID, int] = {}
        player = np.array([numbers.setdefault(who, len(numbers)) for _, who in self._events], np.int64)
        if len(numbers) < 2:
            return {}
        found = synchrony.find(np.array([t for t, _ in self._events]), player, len(numbers))
        names = list(numbers)
        return {
            who: Together(float(found.z[number]), tuple((names[other], common) for other, common in found.ring[number]))
            for who, number in numbers.items()
            if found.z[number] > 0
        }
