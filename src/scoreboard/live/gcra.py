"""The generic cell rate algorithm in this process: the first barrier, and what is left when Redis is gone.

GCRA keeps one number for each bucket, the theoretical arrival time of the next request (ATM Forum,
Traffic Management 4.0).
"""

from collections import OrderedDict
from dataclasses import dataclass, field

_BUCKETS = 100_000


@dataclass(frozen=True, slots=True)
class Limit:
    """``rate`` requests a second with room for ``burst`` at once."""

    rate: float
    burst: int
    interval: float = field(init=False, compare=False)
    """Seconds that one request uses up."""
    tolerance: float = field(init=False, compare=False)
    """Seconds by which requests may run ahead: the size of the bucket."""

    def __post_init__(self) -> None:
        """Computed once: every request asks for them."""
        object.__setattr__(self, "interval", 1 / self.rate)
        object.__setattr__(self, "tolerance", self.burst / self.rate)

    def share(self, replicas: int) -> "Limit":
        """What one of several processes grants when they cannot talk to each other."""
        return Limit(self.rate / replicas, max(1, self.burst // replicas))


class LocalLimits:
    """Buckets of this process; the least recently used are forgotten beyond a hundred thousand."""

    def __init__(self) -> None:
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    def take(self, requests: list[tuple[str, Limit]], now: float) -> tuple[float, int] | None:
        """Take one request from every bucket, or from none.

        Args:
            requests: bucket names, all different, and their limits.
            now: seconds of a monotonic clock.

        Returns:
            None when granted, else seconds to wait and the index of the limit that refused.
        """
        arrivals = self._arrivals
        taken = []
        for index, (name, limit) in enumerate(requests):
            arrival = max(arrivals.get(name, now), now) + limit.interval
            wait = arrival - limit.tolerance - now
            if wait > 1e-9:
                return wait, index
            taken.append((name, arrival))
        for name, arrival in taken:
            arrivals[name] = arrival
            arrivals.move_to_end(name)
        while len(arrivals) > _BUCKETS:
            arrivals.popitem(last=False)
        return None
