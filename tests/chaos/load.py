"""Players who score without a pause and insist on an answer, as clients with retries do: always with the same key.

They try the next address when one fails, and wait as long as `Retry-After` says. What they were answered is kept.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import httpx2 as httpx

from tests.stage import Person

UPDATE = "/api/v1/scores/update"
BATCH = "/api/v1/actions/complete-batch"
_RETRY = (503, 504, 429)
_PAUSE = 0.05


@dataclass(frozen=True)
class Kept:
    """An acknowledged completion, and how to ask for it again."""

    player: Person
    path: str
    body: dict[str, Any]
    key: str
    answer: dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """What a client was told that it had to try again."""

    status: int
    code: str
    retry_after: int | None
    request_id: str | None


class Load:
    """Use it as a context: it plays until its end, and raises there what went wrong.

    Args:
        people: the players.
        addresses: of API processes; a client that gets no answer goes on to the next. The list may change meanwhile.
        rng: chooses what each plays.
        name: goes into every Idempotency-Key.
        server: a trusted server; with it some completions come in batches.
        pause: seconds between two actions of a player.
        patience: seconds that one try may take.
        once: a try that fails is noted in ``failed``: no client should have to try again.
        insists: seconds after which a player gives up, and the test with them.
    """

    def __init__(
        self,
        people: Sequence[Person],
        addresses: list[str],
        rng: random.Random,
        name: str,
        *,
        server: Person | None = None,
        pause: float = 0.01,
        patience: float = 10.0,
        once: bool = False,
        insists: float = 60.0,
    ) -> None:
        self._people, self.addresses, self._name, self._server = people, addresses, name, server
        self._pause, self._patience, self._once, self._insists = pause, patience, once, insists
        self.failed: list[str] = []
        self._mark = f"{name}-{rng.getrandbits(32):08x}"
        self._rngs = [random.Random(rng.random()) for _ in people]
        self.acknowledged: list[dict[str, Any]] = []
        self.kept: list[Kept] = []
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.refusals: list[Refusal] = []
        self.lost: list[str] = []
        """What broke a try without an answer."""
        self.begun: Counter[str] = Counter()
        """Points that each player has asked for in this load: no view may ever show more."""
        self.floor: list[tuple[float, str, int]] = []
        """(moment, player, score) of each answer: no view that was begun later may show less."""
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def insist(self, player: Person, path: str, body: dict[str, Any], key: str) -> httpx.Response:
        """Send it until it is answered for good. Raises AssertionError when ``insists`` is over."""
        began, address = time.monotonic(), crc32(key.encode()) % len(self.addresses)
        while time.monotonic() - began < self._insists:
            url = self.addresses[address % len(self.addresses)]
            try:
                reply = await player.client.post(
                    url + path,
                    json=body,
                    headers={**player.headers, "Idempotency-Key": key},
                    timeout=self._patience,
                )
            except httpx.TransportError as error:
                self.lost.append(repr(error))
                if self._once:
                    self.failed.append(repr(error))
                address += 1
                await asyncio.sleep(_PAUSE)
                continue
            self.statuses[reply.status_code] += 1
            if reply.status_code not in _RETRY and not _in_flight(reply):
                self.seconds.append(time.monotonic() - began)
                return reply
            if self._once:
                self.failed.append(f"{reply.status_code} {reply.text}")
            await self._told_to_wait(reply)
            address += 1
        raise AssertionError(f"no answer to {path} within {self._insists:g} s: {self.statuses}, {self.lost[-3:]}")

    async def _told_to_wait(self, reply: httpx.Response) -> None:
        after = reply.headers.get("Retry-After")
        body = reply.json()
        self.refusals.append(
            Refusal(reply.status_code, body["code"], int(after) if after else None, body.get("request_id"))
        )
        await asyncio.sleep(float(after) if after else _PAUSE)

    def _keep(self, player: Person, path: str, body: dict[str, Any], key: str, answer: dict[str, Any]) -> None:
        self.acknowledged.append(answer)
        self.kept.append(Kept(player, path, body, key, answer))
        if answer["score"]["current"] is not None:
            self.floor.append((time.monotonic(), player.id, answer["score"]["current"]))

    async def _tap(self, player: Person, key: str, kind: str) -> None:
        body = {"action_id": key, "kind": kind}
        self.begun[player.id] += 1 if kind == "tap" else 2
        reply = await self.insist(player, UPDATE, body, key)
        assert reply.status_code == 200, reply.text
        self._keep(player, UPDATE, body, key, reply.json())

    async def _begin(self, player: Person, key: str) -> dict[str, Any]:
        reply = await self.insist(player, "/api/v1/actions", {"kind": "quiz"}, f"begin-{key}")
        assert reply.status_code == 201, reply.text
        self.begun[player.id] += 10
        begun: dict[str, Any] = reply.json()
        return begun

    async def _quiz(self, player: Person, key: str, *, twice: bool) -> None:
        """Begin and complete; ``twice``: the token is sent by two at once, under different keys (I8)."""
        begun = await self._begin(player, key)
        path, body = f"/api/v1/actions/{begun['action_id']}/complete", {"action_token": begun["action_token"]}
        if not twice:
            reply = await self.insist(player, path, body, key)
            assert reply.status_code == 200, reply.text
            self._keep(player, path, body, key, reply.json())
            return
        keys = (f"{key}-a", f"{key}-b")
        replies = await asyncio.gather(*(self.insist(player, path, body, each) for each in keys))
        counted = [(each, reply.json()) for each, reply in zip(keys, replies, strict=True) if reply.status_code == 200]
        assert len(counted) == 1, [reply.text for reply in replies]
        other = next(reply for reply in replies if reply.status_code != 200)
        assert other.json()["code"] in ("ALREADY_COMPLETED", "TOKEN_ALREADY_USED"), other.text
        self._keep(player, path, body, *counted[0])

    async def _batch(self, player: Person, key: str) -> None:
        assert self._server is not None
        tokens = [(await self._begin(player, f"{key}-{n}"))["action_token"] for n in range(3)]
        body = {"items": [{"player_id": player.id, "action_token": token} for token in tokens]}
        while True:
            reply = await self.insist(self._server, BATCH, body, key)
            assert reply.status_code == 200, reply.text
            items = reply.json()["items"]
            if all(item["status"] == 200 for item in items):
                break
            assert {item["status"] for item in items} <= {200, *_RETRY, 409}, items
            await asyncio.sleep(_PAUSE)
        for item in items:
            self.acknowledged.append(item["result"])
            self.floor.append((time.monotonic(), player.id, item["result"]["score"]["current"]))

    async def _play(self, player: Person, rng: random.Random, place: int) -> None:
        n = 0
        while not self._stop.is_set():
            n += 1
            key, choice = f"{self._mark}-{place}-{n}", rng.random()
            if choice < 0.55:
                await self._tap(player, key, "tap")
            elif choice < 0.7:
                await self._tap(player, key, "tap2")
            elif choice < 0.9 or self._server is None:
                await self._quiz(player, key, twice=choice > 0.85)
            else:
                await self._batch(player, key)
            await asyncio.sleep(self._pause * (0.5 + rng.random()))

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for place, (player, rng) in enumerate(zip(self._people, self._rngs, strict=True)):
                group.create_task(self._play(player, rng, place))

    async def __aenter__(self) -> "Load":
        self._task = asyncio.create_task(self._all())
        return self

    async def more(self, count: int, within: float = 60.0) -> None:
        """Wait until so many more completions were acknowledged. Raises what the players met."""
        await self._until(self.acknowledged, len(self.acknowledged) + count, within, "no more answers")

    async def refused(self, count: int, within: float = 60.0) -> None:
        """Wait until so many tries in all were refused. Raises what the players met."""
        await self._until(self.refusals, count, within, "nobody is refused")

    async def _until(self, grown: Sized, goal: int, within: float, otherwise: str) -> None:
        deadline = time.monotonic() + within
        while len(grown) < goal:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            assert time.monotonic() < deadline, f"{otherwise}: {self.statuses}, {self.lost[-3:]}"
            await asyncio.sleep(0.005)

    async def __aexit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        assert self._task is not None
        if kind is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            return
        await self._task


def _in_flight(reply: httpx.Response) -> bool:
    return reply.status_code == 409 and reply.json()["code"] == "IDEMPOTENCY_KEY_IN_FLIGHT"
