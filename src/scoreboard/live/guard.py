"""Limits and revocation for many requests in one call, on Redis's clock; this process's share without Redis."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.live import keys, scripts
from scoreboard.live.gcra import Limit, LocalLimits
from scoreboard.live.redis_link import Live, LiveUnavailable


@dataclass(frozen=True, slots=True)
class LimitedBucket:
    """One bucket that a request takes from, and the code it is refused with."""

    scope: str
    subject: str
    limit: Limit
    code: ErrorCode


@dataclass(frozen=True, slots=True)
class GuardRequest:
    """What a request needs from the guard: its buckets, and the session that must not be revoked."""

    buckets: tuple[LimitedBucket, ...]
    session_id: UUID | None = None


_WORDS = {
    ErrorCode.TOO_MANY_REQUESTS: "Too many requests are coming from this address.",
    ErrorCode.USER_RATE_LIMIT: "You are sending requests faster than allowed.",
    ErrorCode.ACTION_LIMIT: "You are doing this action more often than allowed.",
}


def _limited(bucket: LimitedBucket, wait: float) -> Refusal:
    limit = {"limit": bucket.scope, "burst": bucket.limit.burst, "rate": bucket.limit.rate}
    return Refusal(bucket.code, _WORDS[bucket.code], max(wait, 0.001), {"limit": limit})


REVOKED = Refusal(ErrorCode.TOKEN_REVOKED, "This session was ended. Please log in again.")


class Guard:
    """One for each process. Falls back to its own buckets at ``limit / replicas`` when Redis is away."""

    def __init__(self, live: Live, replicas: int) -> None:
        self._live = live
        self._replicas = replicas
        self._local = LocalLimits()

    async def check(self, requests: Sequence[GuardRequest]) -> list[Refusal | None]:
        """A refusal or None for each request. A refused one takes nothing from any bucket.

        Returns:
            One answer for each request, in order. Whether sessions are revoked is not known without Redis; the
            second value of :meth:`revocation_known` tells callers to ask Postgres then.
        """
        try:
            return await self._in_redis(requests)
        except LiveUnavailable:
            return self._in_process(requests)

    async def _in_redis(self, requests: Sequence[GuardRequest]) -> list[Refusal | None]:
        names: dict[str, int] = {}
        arguments: list[Any] = [len(requests)]
        for request in requests:
            arguments.append(len(request.buckets))
            for bucket in request.buckets:
                index = names.setdefault(keys.limit(bucket.scope, bucket.subject), len(names) + 1)
                arguments += [index, f"{bucket.limit.interval:.9f}", f"{bucket.limit.tolerance:.9f}"]
            session = 0
            if request.session_id is not None:
                session = names.setdefault(keys.revoked_session(request.session_id), len(names) + 1)
            arguments.append(session)
        answers = await self._live.run(scripts.GUARD, list(names), arguments)
        return [self._answer(request, *answer) for request, answer in zip(requests, answers, strict=True)]

    @staticmethod
    def _answer(request: GuardRequest, outcome: int, wait: bytes, index: int) -> Refusal | None:
        if outcome == 0:
            return None
        if outcome == 2:
            return REVOKED
        return _limited(request.buckets[index - 1], float(wait))

    def _in_process(self, requests: Sequence[GuardRequest]) -> list[Refusal | None]:
        return [self.local(request.buckets, self._replicas) for request in requests]

    def local(self, buckets: Sequence[LimitedBucket], replicas: int = 1) -> Refusal | None:
        """The same check in this process only: used before authentication, where nothing may cost I/O."""
        now = asyncio.get_running_loop().time()
        shares = [(f"{bucket.scope}:{bucket.subject}", bucket.limit.share(replicas)) for bucket in buckets]
        refused = self._local.take(shares, now)
        return None if refused is None else _limited(buckets[refused[1]], refused[0])
