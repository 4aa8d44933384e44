"""What the table of fail-open and fail-closed says, asked of an API that cannot reach a store."""

import asyncio
import json
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from scoreboard.domain.player import Role
from scoreboard.security.access_token import AccessTokens
from tests.chaos.load import UPDATE
from tests.chaos.network import Network
from tests.security.callers import open_caller
from tests.security.signing_client import SigningClient
from tests.stage import PASSWORD, Person, register, settings_from, until

RATE, BURST = 10, 30
LIMITS = {"SCOREBOARD_PLAYER_READ_RATE": str(RATE), "SCOREBOARD_PLAYER_READ_BURST": str(BURST)}
"""Reads are limited for each player, writes are not: the crowd may play as it likes, and somebody can flood."""
ANSWERED_WITHIN = 10.0
"""The request's deadline and some: nobody waits longer, whatever is away."""
READ_WITHIN = 4.0
_CLOSED = ((503, "DEPENDENCY_UNAVAILABLE"), (503, "OVERLOADED"), (504, "DEADLINE_EXCEEDED"))
_COUNTED_FOR_ADA = 3


@dataclass
class Watch:
    """Somebody who asks for everything. ``owed`` are writes that were not answered for good; ``made`` counts others."""

    network: Network
    client: httpx.AsyncClient
    ada: Person
    dismissed: Person
    moderator: Person
    slowest_s: float = 0.0
    made: int = 0
    owed: list[tuple[dict[str, Any], str]] = field(default_factory=list)

    @classmethod
    async def over(cls, network: Network, client: httpx.AsyncClient) -> "Watch":
        """With players and a moderator of its own."""
        ground = network.ground
        moderator = await open_caller(ground.platform, AccessTokens(settings_from(ground.environment)), Role.MODERATOR)
        ada, dismissed = await register(client), await register(client)
        return cls(network, client, ada, dismissed, moderator.person(client))

    async def timed(self, asked: Awaitable[httpx.Response], within: float = READ_WITHIN) -> httpx.Response:
        """The answer; none may take longer, and none may be a fault of ours."""
        began = time.monotonic()
        reply = await asked
        took = time.monotonic() - began
        self.slowest_s = max(self.slowest_s, took)
        assert took < within, f"{reply.request.url} took {took:.1f} s, and at most {within} s are allowed"
        assert reply.status_code != 500, reply.text
        return reply

    async def ready(self) -> str:
        """What the probe is told; alive it is in any case."""
        live = await self.timed(self.client.get("/health/live"))
        assert live.status_code == 200
        reply = await self.timed(self.client.get("/health/ready"))
        assert reply.status_code == 200, reply.text
        status: str = reply.json()["status"]
        return status

    async def board(self) -> dict[str, Any]:
        """The board: readable whatever is away, and ranked."""
        reply = await self.timed(self.client.get("/api/v1/boards/main/entries?limit=500"))
        assert reply.status_code == 200, reply.text
        top = await self.timed(self.client.get("/api/v1/boards/main/top"))
        assert top.status_code == 200, top.text
        page: dict[str, Any] = reply.json()
        ranks = [(entry["rank"], -entry["score"]) for entry in page["entries"]]
        assert ranks == sorted(ranks)
        return page

    async def without_redis(self, name: str) -> None:
        """Limits by this process's share, sessions and nonces by Postgres, moderation closed, everything else open."""
        update = await self.timed(self.ada.post(UPDATE, {"action_id": name, "kind": "tap"}))
        assert update.status_code == 200, update.text
        begun = await self.timed(self.ada.post("/api/v1/actions", {"kind": "quiz"}))
        assert begun.status_code == 201, begun.text
        done = await self.timed(self.ada.complete(begun.json()))
        assert (done.status_code, done.json()["verdict"]) == (200, "allow"), done.text
        await self._nonce(name)
        self.made += _COUNTED_FOR_ADA
        await self._closed_to_moderators()
        assert (await self.board())["epoch"] == "", "the board is read from Redis, which cannot be reached"

    async def _nonce(self, name: str) -> None:
        """It is taken once: Postgres keeps it."""
        signer = SigningClient(self.client, self.ada.session)
        body = json.dumps({"action_id": f"signed-{name}", "kind": "tap"}).encode()
        headers = signer.headers("POST", UPDATE, body)
        replies = [await self.timed(self.client.post(UPDATE, content=body, headers=headers)) for _ in range(2)]
        assert [reply.status_code for reply in replies] == [200, 401], [reply.text for reply in replies]
        assert replies[1].json()["code"] == "REPLAY_ATTACK"

    async def _closed_to_moderators(self) -> None:
        cases = await self.timed(self.moderator.get("/api/v1/moderation/cases"), ANSWERED_WITHIN)
        if cases.status_code != 429:  # a moderator reads no faster than others
            assert (cases.status_code, cases.json()["code"]) in _CLOSED, cases.text

    async def once_without_redis(self) -> None:
        """Who logs out is out, and a flood gets its share and no more."""
        out = await self.timed(self.dismissed.post("/api/v1/auth/logout"))
        assert out.status_code == 204, out.text
        reply = await self.timed(self.dismissed.get("/api/v1/players/me"))
        assert (reply.status_code, reply.json()["code"]) == (401, "TOKEN_REVOKED"), reply.text
        began = time.monotonic()
        replies = await asyncio.gather(*(self.ada.get("/api/v1/players/me") for _ in range(3 * BURST)))
        granted = sum(reply.status_code == 200 for reply in replies)
        assert {reply.status_code for reply in replies} == {200, 429}
        assert BURST // 2 <= granted <= BURST + RATE * (time.monotonic() - began) + 1, granted

    async def without_postgres(self, name: str) -> None:
        """Nothing is taken, everybody is told so in time, and boards are shown."""
        login = {"username": self.ada.username, "password": PASSWORD}
        body = {"action_id": name, "kind": "tap"}
        self.owed.append((body, name))
        await asyncio.gather(
            self._refused(self.ada.post(UPDATE, body, Idempotency_Key=name)),
            self._refused(self.ada.post("/api/v1/actions", {"kind": "quiz"})),
            self._refused(self.client.post("/api/v1/auth/login", json=login)),
            self._closed_to_moderators(),
            self._shown(),
        )

    async def _refused(self, asked: Awaitable[httpx.Response]) -> None:
        reply = await self.timed(asked, ANSWERED_WITHIN)
        assert (reply.status_code, reply.json()["code"]) in _CLOSED, reply.text
        assert reply.status_code == 504 or int(reply.headers["Retry-After"]) >= 1

    async def _shown(self) -> None:
        for _ in range(5):
            assert (await self.board())["epoch"], "the board does not come from Redis"
            await asyncio.sleep(0.1)
        own = await self.timed(self.ada.get("/api/v1/boards/main/me"))
        assert own.status_code in (200, 404, 429), own.text

    async def says_stale(self) -> None:
        """The board says how old it is, and the probe that one store is away."""

        async def stale() -> bool:
            return bool((await self.board())["stale_since"])

        await until(stale, within=10, every=0.1, what="the board saying that it is stale")

    async def degraded(self) -> None:
        """One store away takes no server out of rotation, unless the operator wants it so."""

        async def told() -> bool:
            return await self.ready() == "degraded"

        await until(told, within=10, every=0.05, what="the probe being told of it")
        strict = await self.client.get("/health/ready?strict=1")
        assert strict.status_code == 503

    async def healed(self, name: str, within: float) -> None:
        """All is as before: the board comes from Redis and is fresh, the probe says ok, and a score is taken."""

        async def well() -> bool:
            page = await self.board()
            return bool(page["epoch"]) and page["stale_since"] is None and await self.ready() == "ok"

        begun = time.monotonic()
        await until(well, within=within, every=0.05, what="the API being whole again")
        left = max(1.0, within - (time.monotonic() - begun))
        done = await self.ada.insist(UPDATE, {"action_id": name, "kind": "tap"}, name, within=left)
        assert done.status_code == 200, done.text
        self.made += 1

    async def collect(self) -> None:
        """Insist on what is owed: it counts once, whether it was saved in the partition or is only now."""
        for body, key in self.owed:
            reply = await self.ada.insist(UPDATE, body, key)
            assert reply.status_code == 200, reply.text
        self.made += len(self.owed)
        self.owed.clear()
