"""How fast one client may talk: a bucket of its own, without a name and without I/O (GCRA, as in ``live/gcra``)."""

from dataclasses import dataclass

from scoreboard.live.gcra import Limit


@dataclass(slots=True)
class Rate:
    """How fast the client may talk (GCRA, one bucket)."""

    limit: Limit
    arrival: float = 0.0

    def take(self, now: float) -> float:
        """Seconds to wait; 0 when granted."""
        arrival = max(self.arrival, now)
        wait = arrival + self.limit.interval - self.limit.tolerance - now
        if wait > 1e-9:
            return wait
        self.arrival = arrival + self.limit.interval
        return 0.0
