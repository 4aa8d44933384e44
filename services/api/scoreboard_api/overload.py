"""Who is turned away first when more comes in than can be done, judged by how long work waits.

What counts is the *least* delay of the last half second: a burst that is worked off leaves a short one behind it, a
queue that stands does not (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012). Whoever looks
without a name goes first, then what begins something; completions and what staff does go last: they are paid work.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.settings import Settings

INTERVAL = 0.5
"""Seconds in which a delay has to stand before anybody is refused: a longer pause of the process is no load."""
_TICK = 0.05
_LAST = frozenset({"/api/v1/scores/update", "/api/scores/update", "/api/v1/actions/execute"})
_LAST_ENDINGS = ("/complete", "/complete-batch")
_STAFF = ("/api/v1/moderation/", "/api/v1/admin/")


class Rank(IntEnum):
    """How late a request is refused; also how many times the allowed delay it bears."""

    LOOKS = 1
    BEGINS = 2
    COMPLETES = 3


_WAITS = {"around": Rank.LOOKS, "own_place": Rank.BEGINS, "create": Rank.BEGINS, "complete": Rank.COMPLETES}
"""Whose requests wait in which queue; in that of the guard all wait who have a name."""


def rank_of(method: str, path: str, *, signed_in: bool) -> Rank:
    """How much depends on a request, from what its head says."""
    if path in _LAST or path.endswith(_LAST_ENDINGS) or path.startswith(_STAFF):
        return Rank.COMPLETES
    return Rank.LOOKS if method in ("GET", "HEAD") and not signed_in else Rank.BEGINS


class StandingDelay:
    """The least delay of an interval, in seconds; 0 before there is one.

    Where nothing was measured in it, it is what the oldest that waits had waited when the interval began: a batch that
    takes long, or a store that hangs, takes nobody out of the queue, and the queue stands all the same.
    """

    def __init__(self) -> None:
        self._measured: deque[tuple[float, float]] = deque()

    def add(self, now: float, delay: float) -> None:
        """Note one delay."""
        self._measured.append((now, delay))

    def at(self, now: float, oldest: float = 0.0) -> float:
        """The delay that stands now, with somebody waiting for ``oldest`` seconds."""
        begin = now - INTERVAL
        while len(self._measured) > 1 and self._measured[1][0] <= begin:
            self._measured.popleft()  # the newest of those before the interval stays: it stood when this began
        if not self._measured or self._measured[-1][0] <= begin:
            return max(0.0, oldest - INTERVAL)
        if self._measured[0][0] > begin:
            return 0.0
        return min(delay for _, delay in self._measured)


class Queue(Protocol):
    """What waits for a stage."""

    def oldest(self) -> float:
        """Seconds that the oldest item has waited; 0 when none waits."""

    def ahead(self) -> float:
        """Seconds that an item would wait which came now."""


class Overload:
    """One for each process. Run :meth:`watch` beside the requests."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = settings.overload_delay
        self._lag = StandingDelay()
        self._queues = {stage: StandingDelay() for stage in ("guard", *_WAITS)}
        self._attended: dict[str, Queue] = {}
        self._shares: Mapping[Rank, float] = dict.fromkeys(Rank, 0.0)
        self._owed = dict.fromkeys(Rank, 0.0)

    def waited(self, stage: str, seconds: float) -> None:
        """Note how long the oldest item of a batch waited for it."""
        self._queues[stage].add(time.perf_counter(), seconds)

    def attend(self, stage: str, queue: Queue) -> None:
        """Look at this queue too: at those whom nobody takes out of it, and at how long it is now."""
        self._attended[stage] = queue

    def _stands(self, stage: str, now: float) -> float:
        """The delay that stands in a stage's queue, or what somebody who came now would wait, if that is less.

        Who is served last when a long queue ends has waited long. Whoever comes then would not, and refusing them
        would leave the process with nothing to do until the delay is forgotten.
        """
        queue = self._attended.get(stage)
        if queue is None:
            return self._queues[stage].at(now)
        return min(self._queues[stage].at(now, queue.oldest()), queue.ahead())

    def admit(self, rank: Rank) -> None:
        """Let a request in, or not: of those of one rank the share that is too much, evenly spread.

        Raises:
            Refusal: OVERLOADED.
        """
        share = self._shares[rank]
        if not share:
            return
        self._owed[rank] += share
        if self._owed[rank] >= 1:
            self._owed[rank] -= 1
            telemetry.SHED.labels(rank.name.lower()).inc()
            raise Refusal(ErrorCode.OVERLOADED, "The platform is very busy; try again in a moment.", 1)

    def weigh(self, now: float) -> None:
        """Look at what stands, and decide what share of each rank is refused until the next look.

        None up to the rank's delay, all from twice that on, in between in proportion.
        """
        lag, guard = self._lag.at(now), self._stands("guard", now)
        delays = {rank: lag if rank is Rank.LOOKS else lag + guard for rank in Rank}
        for rank in Rank:
            delays[rank] += max(self._stands(stage, now) for stage, waits in _WAITS.items() if waits is rank)
        telemetry.STANDING_DELAY.set(max(delays.values()))
        self._shares = {rank: min(1.0, max(0.0, delay / (self._allowed * rank) - 1)) for rank, delay in delays.items()}

    def noted(self, now: float, late: float) -> None:
        """The event loop came back so many seconds later than asked."""
        self._lag.add(now, late)
        self.weigh(now)

    async def watch(self) -> None:
        """Measure the event loop's delay once. Run it supervised, without a pause."""
        due = time.perf_counter() + _TICK
        await asyncio.sleep(_TICK)
        now = time.perf_counter()
        self.noted(now, max(0.0, now - due))
