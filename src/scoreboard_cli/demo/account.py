"""Keeps one simulated player signed in: refreshes, logs in, registers."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scoreboard_cli.demo.api import Answer, Api
from scoreboard_cli.demo.door import Door
from scoreboard_cli.demo.memory import Memory, Remembered
from scoreboard_cli.demo.names import other_name
from scoreboard_cli.demo.signer import Signer

_UNAUTHORIZED = 401
_CONFLICT = 409
_TOO_MANY = 429
_BEFORE_EXPIRY_S = 20.0
_RENEWALS = 2


class TurnedAway(Exception):
    """The platform does not let this account play.

    Args:
        code: Why.
        retry_after: Seconds after which it may; None when nobody knows.
    """

    def __init__(self, code: str, retry_after: float | None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after


class Account:
    """One account.

    Args:
        name: The username it asks for. Where somebody else has it, it takes another one and remembers that.
        api: How to reach the platform.
        door: Through which everybody comes who has to register or log in.
        memory: Of former runs.
        refused: Told the code whenever the platform refuses what the player does.
    """

    def __init__(self, name: str, api: Api, door: Door, memory: Memory, refused: Callable[[str], None]) -> None:
        self.name = name
        self.player_id = ""
        self._api = api
        self._door = door
        self._memory = memory
        self._refused = refused
        self._token = ""
        self._signer: Signer | None = None
        self._expires_at = 0.0

    async def enter(self) -> None:
        """Sign in: with the refresh token of a former run, otherwise by the door.

        Raises:
            TurnedAway: The account may not play.
        """
        known = self._memory.accounts.get(self.name)
        if known is not None and known.refresh_token and await self._refresh(known):
            return
        wait = await self._enter_by_door()
        while wait is not None:
            await asyncio.sleep(wait)
            wait = await self._enter_by_door()

    async def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Answer:
        """Send a request as this player; a session that has ended is renewed and the request repeated as it was.

        Raises:
            TurnedAway: The account may not play any more.
        """
        if time.monotonic() > self._expires_at:
            await self.enter()
        for _ in range(_RENEWALS):
            answer = await self._api.call(
                method, path, body, token=self._token, key=key, signer=self._signer, refused=self._refused
            )
            if answer.status != _UNAUTHORIZED:
                break
            await self.enter()
        if answer.code in ("ACCOUNT_SUSPENDED", "ACCOUNT_BANNED"):
            raise TurnedAway(answer.code, answer.retry_after)
        return answer

    async def _refresh(self, known: Remembered) -> bool:
        while True:
            answer = await self._api.call("POST", "/api/v1/auth/refresh", {"refresh_token": known.refresh_token})
            if answer.ok:
                self._signed_in(known.username, answer.body)
                return True
            if answer.status == _TOO_MANY:
                await asyncio.sleep(answer.retry_after or 1.0)
                continue
            self._require_welcome(answer)
            self._memory.put(self.name, Remembered(known.username))
            return False

    async def _enter_by_door(self) -> float | None:
        """One turn at the door. None when inside, otherwise how long this account has to stay away."""
        async with self._door.turn():
            for way, username in self._ways():
                answer = await self._knock(way, username)
                if answer.ok:
                    self._signed_in(username, answer.body)
                    break
                if answer.code == "USER_RATE_LIMIT":
                    return answer.retry_after or 1.0
                self._require_welcome(answer)
        return None

    def _ways(self) -> Iterator[tuple[str, str]]:
        """What to try in turn: a platform may have forgotten the account, or somebody else may have its name."""
        known = self._memory.accounts.get(self.name)
        if known is not None:
            yield "login", known.username
            yield "register", known.username
        for attempt in itertools.count():
            username = other_name(self.name, attempt) if attempt else self.name
            yield "register", username
            yield "login", username

    async def _knock(self, way: str, username: str) -> Answer:
        """Register or log in, once this address may."""
        while True:
            await self._door.knock()
            credentials = {"username": username, "password": self._memory.password}
            answer = await self._api.call("POST", f"/api/v1/auth/{way}", credentials)
            if answer.code != "TOO_MANY_REQUESTS":
                return answer
            await asyncio.sleep(answer.retry_after or 1.0)

    def _signed_in(self, username: str, session: Mapping[str, Any]) -> None:
        self._token = session["access_token"]
        self._signer = Signer(session["signing"])
        self.player_id = session["player"]["id"]
        self._expires_at = time.monotonic() + max(session["expires_in"] - _BEFORE_EXPIRY_S, 1.0)
        self._memory.put(self.name, Remembered(username, session["refresh_token"]))

    @staticmethod
    def _require_welcome(answer: Answer) -> None:
        if answer.status not in (_UNAUTHORIZED, _CONFLICT):
            raise TurnedAway(answer.code, answer.retry_after)
