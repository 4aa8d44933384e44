"""Let requests in: limits, revocation and nonces in one call to Redis, what Redis cannot tell in one to Postgres.

Called by the API's admission queue with all requests of a moment.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.session_end import session_ended
from scoreboard.live.guard import Guard, GuardRequest, replayed
from scoreboard.storage import nonces, sessions
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.platform import Platform


class Admission:
    """One for each process."""

    def __init__(self, platform: Platform, guard: Guard) -> None:
        self._platform = platform
        self._guard = guard
        self._doubt_until = 0.0

    async def admit(self, requests: Sequence[GuardRequest]) -> list[Refusal | None]:
        """A refusal or None for each request, in order.

        Without Redis this process grants its share, and Postgres knows sessions and keeps nonces; so it does for a
        while after Redis came back, which does not know the nonces of the time between. With both stores away
        whoever signed is refused, and others go on until their token expires: what they want to write fails anyway.
        """
        answers = await self._guard.check(requests)
        now = asyncio.get_running_loop().time()
        if any(answer is False for answer in answers):
            self._doubt_until = now + self._platform.settings.nonce_ttl
        doubtful = now < self._doubt_until
        unsure = {
            index: requests[index]
            for index, answer in enumerate(answers)
            if answer is False or (doubtful and answer is True and requests[index].nonce is not None)
        }
        decided: list[Refusal | None] = [answer if isinstance(answer, Refusal) else None for answer in answers]
        if unsure:
            for index, refusal in zip(unsure, await self._by_postgres(list(unsure.values())), strict=True):
                decided[index] = refusal
        return decided

    async def _by_postgres(self, requests: Sequence[GuardRequest]) -> list[Refusal | None]:
        asked = list({request.session_id for request in requests if request.session_id is not None})
        used = [(each.session_id, each.nonce) for each in requests if each.session_id and each.nonce is not None]

        async def work(tx: Transaction) -> tuple[dict[UUID, str], set[tuple[UUID, bytes]]]:
            ended = await sessions.ended(tx, asked)
            return ended, await nonces.add(tx, used, self._platform.settings.nonce_ttl) if used else set()

        try:
            ended, fresh = await self._platform.database.transact(work)
        except StoreUnavailable:
            words = "Whether this signed request is new cannot be told at the moment; please try again."
            away = Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, words, 1)
            return [away if request.nonce is not None else None for request in requests]
        return [_decide(request, ended, fresh) for request in requests]


def _decide(request: GuardRequest, ended: dict[UUID, str], fresh: set[tuple[UUID, bytes]]) -> Refusal | None:
    if request.session_id is None:
        return None
    if request.session_id in ended:
        return session_ended(ended[request.session_id])
    if request.nonce is None:
        return None
    if (request.session_id, request.nonce) not in fresh:
        return replayed()
    fresh.remove((request.session_id, request.nonce))  # the same request twice in one batch is a replay too
    return None
