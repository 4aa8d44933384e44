"""Lets one simulated player play: carries out their steps through the API, at their moments."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from scoreboard_cli.demo.account import Account, TurnedAway
from scoreboard_cli.demo.api import Answer
from scoreboard_cli.demo.measures import Measures
from scoreboard_cli.demo.roster import Contestant
from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.play import KindRules, Step

_FIRST_MOVE_S = 0.8
_WORTH_WAITING_S = 2.0
_MARGIN_S = 0.01  # the server counts from before its answer reached us; this is for its clock
_FALLEN_BEHIND_S = 3.0
_DONE_BEFORE = 409
_WAITABLE = ("COOLDOWN", "ACTION_LIMIT", "ACTION_TOO_EARLY")


@dataclass(slots=True)
class Player:
    """One contestant at the keyboard.

    Attributes:
        contestant: Who it is.
        account: Their session.
        kinds: What can be done on this platform.
        rate: How much faster than by nature they play.
        measures: Told of everything.
    """

    contestant: Contestant
    account: Account
    kinds: Sequence[KindRules]
    rate: float
    measures: Measures
    _closed_until: dict[str, float] = field(default_factory=dict)

    async def live(self) -> None:
        """Arrive and play until cancelled, or until the platform closes the account."""
        while True:
            inside = False
            try:
                await self.account.enter()
                self.measures.inside += 1
                inside = True
                await self._play()
            except TurnedAway as reason:
                self.measures.inside -= inside
                self.measures.left[reason.code] += 1
                if reason.retry_after is None:
                    return
                await asyncio.sleep(reason.retry_after)
                self.measures.left[reason.code] -= 1

    async def _play(self) -> None:
        due = time.monotonic() + chance(self.contestant.seed, "arrival").uniform(0, _FIRST_MOVE_S)
        first = True
        for step in self.contestant.steps(self.kinds, self.rate):
            due += 0.0 if first else step.pause_s
            first = False
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += step.duration_s
            if self._closed_until.get(step.kind.key, 0.0) <= time.monotonic():
                await self._carry_out(step)
            if time.monotonic() > due + _FALLEN_BEHIND_S:  # the server was away, or told us to wait
                due = time.monotonic()

    async def _carry_out(self, step: Step) -> None:
        key = str(uuid4())  # never from the seed: a second run is not a repetition of the first
        answer = await (self._direct(step, key) if step.kind.direct else self._begin_and_complete(step, key))
        if answer is not None and (answer.ok or answer.status == _DONE_BEFORE):
            self.measures.count_completed()

    async def _direct(self, step: Step, key: str) -> Answer | None:
        body = _with_points(step, {"action_id": key, "kind": step.kind.key})
        return await self._ask(step.kind, "/api/v1/scores/update", body, key)

    async def _begin_and_complete(self, step: Step, key: str) -> Answer | None:
        begun = await self._ask(step.kind, "/api/v1/actions", {"kind": step.kind.key}, f"begin-{key}")
        if begun is None or not begun.ok:
            return None
        await asyncio.sleep(max(step.duration_s, step.kind.min_duration_s + _MARGIN_S))
        body = _with_points(step, {"action_token": begun.body["action_token"]})
        path = f"/api/v1/actions/{begun.body['action_id']}/complete"
        return await self._ask(step.kind, path, body, f"complete-{key}")

    async def _ask(self, kind: KindRules, path: str, body: dict[str, Any], key: str) -> Answer | None:
        """Send a request; a short wait that the rules ask for is waited out once. None: refused."""
        answer = await self.account.call("POST", path, body, key=key)
        if _short_wait(answer):
            await asyncio.sleep(answer.retry_after or _MARGIN_S)
            answer = await self.account.call("POST", path, body, key=key)
        if answer.ok or answer.status == _DONE_BEFORE:
            return answer
        if answer.code in _WAITABLE:
            self._closed_until[kind.key] = time.monotonic() + (answer.retry_after or 1.0)
        return None


def _short_wait(answer: Answer) -> bool:
    return answer.code in _WAITABLE and answer.retry_after is not None and answer.retry_after <= _WORTH_WAITING_S


def _with_points(step: Step, body: dict[str, Any]) -> dict[str, Any]:
    return body if step.points is None else body | {"points": step.points}
