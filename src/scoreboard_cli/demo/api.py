"""A polite client of the API: stays below the server's limits, waits when told to, repeats what may be repeated."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

from scoreboard_cli.demo.measures import Measures
from scoreboard_cli.demo.signer import Signer

_TRIES_AFTER_A_FAULT = 5
_FIRST_BACKOFF_S = 0.2
_LONGEST_BACKOFF_S = 4.0
_SERVER_ERROR = 500
_UNAVAILABLE = (502, 503, 504)
_UNSURE = "IDEMPOTENCY_KEY_IN_FLIGHT"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Attributes:
        status: HTTP status.
        body: The JSON object, empty when there was none.
        retry_after: Seconds to wait, when it said so.
    """

    status: int
    body: Mapping[str, Any]
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The stable code of a refusal; ``HTTP <status>`` from somebody who does not speak our language."""
        return str(self.body.get("code") or f"HTTP {self.status}")


class Turns:
    """Spaces the requests of all players, who share this machine's address.

    Args:
        per_second: Lasting rate.
        burst: How many may come at once after a quiet time.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._gap = 1 / per_second
        self._credit = (burst - 1) / per_second
        self._next = 0.0
        self._held_until = 0.0

    async def take(self) -> None:
        """Wait for a turn."""
        wait = self._held_until - time.monotonic()
        while wait > 0:  # it may have been prolonged meanwhile
            await asyncio.sleep(wait)
            wait = self._held_until - time.monotonic()
        now = time.monotonic()
        self._next = max(self._next, now - self._credit) + self._gap
        if self._next - self._gap > now:
            await asyncio.sleep(self._next - self._gap - now)

    def hold(self, seconds: float) -> None:
        """Let nobody send anything for so long."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)


class Api:
    """Sends requests and is patient.

    Args:
        http: Its base URL is the API's.
        turns: Shared by everybody at this address.
        measures: Told of every answer.
        rng: Spreads the repetitions.
    """

    def __init__(self, http: httpx.AsyncClient, turns: Turns, measures: Measures, rng: Random) -> None:
        self._http = http
        self._turns = turns
        self._measures = measures
        self._rng = rng

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        key: str | None = None,
        signer: Signer | None = None,
        refused: Callable[[str], None] | None = None,
    ) -> Answer:
        """Send a request and repeat it, with the same key, until the server decided about it.

        A server that is away, busy or restarting is waited for, however long it takes. The limits of this address and
        of the player are waited for too, except where they count log-ins: those the caller handles. ``signer`` signs
        every try anew; ``refused`` is told the code of every refusal on the way.
        """
        tries = 0
        while True:
            answer = await self.ask(method, path, body, token=token, key=key, signer=signer)
            if answer is not None and not answer.ok and refused is not None:
                refused(answer.code)
            wait = None if answer is None else self._wait(answer, path, tries)
            if answer is not None and wait is None:
                return answer
            self._measures.repeated += 1
            await asyncio.sleep(self._backoff(tries) if wait is None else wait)
            tries += 1

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        key: str | None = None,
        signer: Signer | None = None,
    ) -> Answer | None:
        """Send a request once. None when nobody answered."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if content:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        await self._turns.take()
        if signer is not None and method != "GET":
            headers |= signer.headers(method, path, content, key)
        began = time.monotonic()
        try:
            reply = await self._http.request(method, path, content=content or None, headers=headers)
        except httpx.TransportError:
            self._measures.unanswered()
            return None
        self._measures.answered(time.monotonic() - began)
        return _read(reply)

    def _wait(self, answer: Answer, path: str, tries: int) -> float | None:
        """How long to wait before the same request again; None when the answer is final."""
        if answer.status in _UNAVAILABLE or answer.code == _UNSURE:
            return max(answer.retry_after or 0.0, self._backoff(tries))
        if answer.status >= _SERVER_ERROR:
            return self._backoff(tries) if tries < _TRIES_AFTER_A_FAULT else None
        if path.startswith("/api/v1/auth/"):
            return None
        if answer.code == "TOO_MANY_REQUESTS":
            wait = answer.retry_after or 1.0
            self._turns.hold(wait)
            return wait
        return (answer.retry_after or 1.0) if answer.code == "USER_RATE_LIMIT" else None

    def _backoff(self, tries: int) -> float:
        """Twice as long each time, spread so that not everybody comes back at once."""
        longest = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** min(tries, 10))
        return longest * self._rng.uniform(0.5, 1.0)


def _read(reply: httpx.Response) -> Answer:
    try:
        body = reply.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    return Answer(reply.status_code, body, _seconds(body.get("retry_after"), reply.headers.get("retry-after")))


def _seconds(exact: object, header: str | None) -> float | None:
    """The wait asked for: the body's is exact, the header's in whole seconds."""
    if isinstance(exact, int | float):
        return float(exact)
    return float(header) if header is not None and header.isdecimal() else None
