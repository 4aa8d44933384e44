"""A trickle of real play through the API, so that every share has something beneath it while the drill goes on.

People play quizzes at their own pace, read the board, ask for jobs, refresh sessions; one plays like a machine, one is
reported. Whatever fails is left and tried anew a little later, as people do; nobody here counts or judges anything.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx

PASSWORD = secrets.token_urlsafe(12)
"""Of every account of this run."""
_UNAUTHORIZED = 401
_LATER_S = 1.0
_SHORTEST_QUIZ_S = 1.0
_SHORTEST_MATCH_S = 2.1
_FINISHED = 0.9  # of the matches; the others are begun and left
_TIMEOUT_S = 12.0  # longer than the server's own deadline


class Person:
    """An account with a session, which is renewed when it has ended."""

    def __init__(self, client: httpx.AsyncClient, name: str) -> None:
        self.client = client
        self.name = name
        self.id = ""
        self.session: dict[str, Any] = {}

    async def enter(self, way: str = "register") -> None:
        """Register or log in. Raises HTTPStatusError, TransportError."""
        reply = await self.client.post(f"/api/v1/auth/{way}", json={"username": self.name, "password": PASSWORD})
        self._signed_in(reply)

    async def refresh(self) -> None:
        """Exchange the refresh token. Raises HTTPStatusError, TransportError."""
        token = {"refresh_token": self.session["refresh_token"]}
        self._signed_in(await self.client.post("/api/v1/auth/refresh", json=token))

    def _signed_in(self, reply: httpx.Response) -> None:
        self.session = reply.raise_for_status().json()
        self.id = self.session["player"]["id"]

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request with a new Idempotency-Key; what was answered. Raises HTTPStatusError, TransportError."""
        headers = {"Authorization": f"Bearer {self.session['access_token']}", "Idempotency-Key": secrets.token_hex(8)}
        reply = await self.client.request(method, f"/api/v1{path}", json=body, headers=headers)
        if reply.status_code == _UNAUTHORIZED:
            await self.enter("login")
        return reply.raise_for_status().json()


class Crowd:
    """Everybody who plays.

    Args:
        api_url: of the platform.
        people: how many play honestly.
        seed: of all chance.
    """

    def __init__(self, api_url: str, people: int = 14, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 # paces of play
        limits = httpx.Limits(max_connections=60, max_keepalive_connections=60)
        self.client = httpx.AsyncClient(base_url=api_url, timeout=_TIMEOUT_S, limits=limits, trust_env=False)
        run = secrets.token_hex(3)
        self.people = [Person(self.client, f"player-{run}-{number}") for number in range(people)]
        self.machine = Person(self.client, f"machine-{run}")
        self.guest = Person(self.client, f"guest-{run}")
        self.moderator = Person(self.client, f"moderator-{run}")
        self._tasks: list[asyncio.Task[None]] = []

    async def enter(self) -> None:
        """Register everybody; the guest scores once and leaves. Raises HTTPStatusError, TransportError."""
        for person in (*self.people, self.machine, self.guest, self.moderator):
            await person.enter()
        await self.guest.ask("POST", "/scores/update", {"action_id": secrets.token_hex(8), "kind": "tap"})

    def begin(self) -> None:
        """Let them play until ``end``."""
        rounds: list[Callable[[], Awaitable[None]]] = [*self._players(), self._look_around, self._moderate]
        self._tasks = [asyncio.create_task(_again(round_)) for round_ in rounds]

    def strangers(self, number: int) -> list[Person]:
        """So many who are not registered yet."""
        return [Person(self.client, f"stranger-{secrets.token_hex(5)}") for _ in range(number)]

    async def end(self) -> None:
        """Stop playing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.aclose()

    def _players(self) -> Iterator[Callable[[], Awaitable[None]]]:
        for person in self.people:
            yield lambda person=person: self._quiz(person, self._pace(1.4), self._pace(0.6))  # type: ignore[misc]
        yield self._cheat

    def _pace(self, usual: float) -> float:
        return usual * self._random.lognormvariate(0, 0.45)

    @staticmethod
    async def _quiz(person: Person, taken: float, pause: float) -> None:
        begun = await person.ask("POST", "/actions", {"kind": "quiz"})
        await asyncio.sleep(max(taken, _SHORTEST_QUIZ_S))
        await person.ask("POST", f"/actions/{begun['action_id']}/complete", {"action_token": begun["action_token"]})
        await asyncio.sleep(pause)

    async def _cheat(self) -> None:
        """Tries to be done before anybody could be, and then as early as the rules allow, without a pause."""
        begun = await self.machine.ask("POST", "/actions", {"kind": "quiz"})
        done = ("POST", f"/actions/{begun['action_id']}/complete", {"action_token": begun["action_token"]})
        with contextlib.suppress(httpx.HTTPStatusError):
            await self.machine.ask(*done)
        await asyncio.sleep(_SHORTEST_QUIZ_S + 0.01)
        await self.machine.ask(*done)

    async def _look_around(self) -> None:
        """What people do beside playing."""
        person = self._random.choice(self.people)
        await person.ask("GET", "/boards/main/top")
        await person.ask("GET", "/boards/main/me")
        begun = await person.ask("POST", "/actions", {"kind": "match"})
        await asyncio.sleep(_SHORTEST_MATCH_S)
        if self._random.random() < _FINISHED:
            job = {"action_token": begun["action_token"], "points": self._random.randint(1, 100)}
            await person.ask("POST", "/actions/execute", job)
        await person.ask("POST", "/scores/update", {"action_id": secrets.token_hex(8), "kind": "tap"})
        await person.refresh()

    async def _moderate(self) -> None:
        """Somebody reports the machine, and a moderator decides the cases there are."""
        reporter = self._random.choice(self.people)
        with contextlib.suppress(httpx.HTTPError):  # once a day
            await reporter.ask("POST", "/reports", {"player_id": self.machine.id, "reason": "cheating"})
        for case in (await self.moderator.ask("GET", "/moderation/cases?limit=5"))["items"]:
            path = f"/moderation/cases/{case['id']}"
            await self.moderator.ask("POST", f"{path}/claim", {})
            await self.moderator.ask("POST", f"{path}/decide", {"decision": "reject", "note": "A drill."})
        await asyncio.sleep(self._pace(30.0))


async def _again(round_: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await round_()
        except (httpx.HTTPError, KeyError):
            await asyncio.sleep(_LATER_S)
