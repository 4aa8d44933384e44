"""An open load: scores are sent when their time has come, however late the answers are, and nobody tries again.

A closed load, where each player waits for the answer, slows down with the platform and cannot overload it.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from tests.chaos.load import UPDATE
from tests.stage import Person

_UNTOUCHED = ("OVERLOADED", "TOO_MANY_REQUESTS", "USER_RATE_LIMIT", "ACTION_LIMIT", "DRAINING")
"""Who is refused so has changed nothing."""


@dataclass(frozen=True)
class Arrival:
    """One score, and what was answered: status 0 where nothing was."""

    player: Person
    body: dict[str, Any]
    key: str
    sent_at: float
    seconds: float
    status: int
    code: str
    retry_after: float | None
    answer: dict[str, Any] | None


@dataclass
class Arrivals:
    """Scores of these players at one API.

    Attributes:
        done: what became of each, in the order of the answers.
        waiting: sent and not answered yet.
    """

    people: Sequence[Person]
    rng: random.Random
    name: str
    done: list[Arrival] = field(default_factory=list)
    waiting: int = 0
    _count: int = 0

    async def come(self, rate: float, seconds: float) -> list[Arrival]:
        """Let them come at this rate, at random moments, for so long; returns when all of them are answered."""
        first = len(self.done)
        async with asyncio.TaskGroup() as group:
            began = time.monotonic()
            due = 0.0
            while (due := due + self.rng.expovariate(rate)) < seconds:
                wait = began + due - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                group.create_task(self._one())
        return self.done[first:]

    async def peak(self, at_once: int, seconds: float) -> list[Arrival]:
        """As many as are answered when ``at_once`` always wait; one for each at the least."""
        first, ends = len(self.done), time.monotonic() + seconds

        async def insist() -> None:
            await self._one()
            while time.monotonic() < ends:
                await self._one()

        await asyncio.gather(*(insist() for _ in range(at_once)))
        return self.done[first:]

    async def _one(self) -> None:
        self._count += 1
        key = f"{self.name}-{self._count}"
        player, body = self.rng.choice(self.people), {"action_id": key, "kind": "tap"}
        sent_at, self.waiting = time.monotonic(), self.waiting + 1
        try:
            reply = await player.post(UPDATE, body, Idempotency_Key=key)
        except httpx.TransportError as error:
            took = time.monotonic() - sent_at
            self.done.append(Arrival(player, body, key, sent_at, took, 0, repr(error), None, None))
            return
        finally:
            self.waiting -= 1
        told, after = reply.json(), reply.headers.get("Retry-After")
        took, good = time.monotonic() - sent_at, reply.status_code == 200
        code = "" if good else str(told["code"])
        wait = float(after) if after else None
        self.done.append(
            Arrival(player, body, key, sent_at, took, reply.status_code, code, wait, told if good else None)
        )

    def counted(self) -> list[dict[str, Any]]:
        """The answers of those that were taken."""
        return [each.answer for each in self.done if each.answer is not None]

    def outcomes(self) -> Counter[str]:
        """How many were answered how."""
        return Counter(each.code or str(each.status) for each in self.done)

    async def collect(self) -> list[dict[str, Any]]:
        """Ask again for those whose outcome is not known: each counts once. Returns their answers."""
        answers = []
        for each in self.done:
            if each.status != 200 and each.code not in _UNTOUCHED:
                reply = await each.player.insist(UPDATE, each.body, each.key)
                assert reply.status_code == 200, reply.text
                answers.append(reply.json())
        return answers


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
