"""What a demo counts about itself."""

import math
import time
from collections import Counter, deque
from dataclasses import dataclass, field

_WINDOW_S = 10.0
_LATENCIES = 2000
_DONE = "ALREADY_COMPLETED"


@dataclass(slots=True)
class Measures:
    """Counters of one run.

    Attributes:
        total: Accounts that want to play.
        inside: Accounts that are signed in and play.
        left: Accounts that were turned away for good, by the code of the refusal.
        completed: Actions that counted.
        refused: Refusals of honest players' requests by code.
        refused_cheats: Refusals of cheats' requests by code.
        repeated: Requests that had to be sent again because the server was away, busy or starting.
        away_since: When the server stopped answering; None while it answers.
    """

    total: int = 0
    inside: int = 0
    left: Counter[str] = field(default_factory=Counter)
    completed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_cheats: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    away_since: float | None = None
    _started: float = field(default_factory=time.monotonic)
    _moments: deque[float] = field(default_factory=deque)
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES))

    @property
    def seconds(self) -> float:
        """How long the run has lasted."""
        return time.monotonic() - self._started

    @property
    def arriving(self) -> bool:
        """Whether somebody is still to come in."""
        return self.inside + self.left.total() < self.total

    def count_completed(self) -> None:
        """An action counted just now."""
        self.completed += 1
        self._moments.append(time.monotonic())

    def count_refused(self, code: str, *, cheat: bool) -> None:
        """A request was refused; one that had been done before was not."""
        if code != _DONE:
            (self.refused_cheats if cheat else self.refused)[code] += 1

    def answered(self, seconds: float) -> None:
        """The server answered after so long."""
        self.away_since = None
        self._latencies.append(seconds)

    def unanswered(self) -> None:
        """The server could not be reached."""
        if self.away_since is None:
            self.away_since = time.monotonic()

    @property
    def away_for(self) -> float | None:
        """For how many seconds the server has not answered; None while it does."""
        return None if self.away_since is None else time.monotonic() - self.away_since

    def rate(self) -> float:
        """Actions a second over the last ten seconds."""
        now = time.monotonic()
        while self._moments and self._moments[0] < now - _WINDOW_S:
            self._moments.popleft()
        return len(self._moments) / max(1.0, min(_WINDOW_S, self.seconds))

    def latency(self, share: float) -> float | None:
        """The time in seconds within which ``share`` of the last two thousand answers came; None before the first."""
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
