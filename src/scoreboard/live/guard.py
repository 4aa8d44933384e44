"""Limits and revocation for many requests in one call, on Redis's clock; this process's share without Redis."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.live import keys
from scoreboard.live.gcra import Limit, LocalLimits
from scoreboard.live.leaderboard import run_here
from scoreboard.live.redis_link import Live, LiveUnavailable
from scoreboard.live.scripts import Script

# For each request: all limits or none.
# KEYS: the mark that all revocations are known, then limits and revocation keys.
# ARGV: run id, number of requests, then for each: number of limits, then for each limit: index of its key, emission
# interval (seconds between two requests), tolerance (interval × burst); then index of the revocation key (0: none).
# Returns for each request {outcome, seconds to wait, detail}: outcome 0 granted (detail 1: revocations are known),
# 1 limited (detail: index of the limit), 2 revoked.
_GUARD = Script(
    "guard",
    """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local known = redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
local a, out = 3, {}
for i = 1, tonumber(ARGV[2]) do
  local limits = tonumber(ARGV[a])
  a = a + 1
  local first = a
  a = a + 3 * limits
  local revoked = tonumber(ARGV[a])
  a = a + 1
  local answer
  if revoked > 0 and redis.call('EXISTS', KEYS[revoked]) == 1 then answer = {2, '0', 0} end
  if not answer then
    for l = 1, limits do
      local key = KEYS[tonumber(ARGV[first + 3 * l - 3])]
      local interval, tolerance = tonumber(ARGV[first + 3 * l - 2]), tonumber(ARGV[first + 3 * l - 1])
      local arrival = tonumber(redis.call('GET', key) or '0')
      if arrival < now then arrival = now end
      local wait = arrival + interval - tolerance - now
      if wait > 0 then
        answer = {1, string.format('%.6f', wait), l}
        break
      end
    end
  end
  if not answer then
    for l = 1, limits do
      local key = KEYS[tonumber(ARGV[first + 3 * l - 3])]
      local interval = tonumber(ARGV[first + 3 * l - 2])
      local arrival = tonumber(redis.call('GET', key) or '0')
      if arrival < now then arrival = now end
      arrival = arrival + interval
      redis.call('SET', key, string.format('%.6f', arrival), 'PX', math.ceil((arrival - now) * 1000) + 1000)
    end
    answer = {0, '0', known}
  end
  out[i] = answer
end
return out
""",
)


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


def limited(bucket: LimitedBucket, wait: float) -> Refusal:
    """What a request gets that has to wait so many seconds for this bucket."""
    limit = {"limit": bucket.scope, "burst": bucket.limit.burst, "rate": bucket.limit.rate}
    return Refusal(bucket.code, _WORDS[bucket.code], max(wait, 0.001), {"limit": limit})


def revoked() -> Refusal:
    """What a request of an ended session gets. A new one each time: a raised exception keeps its frames alive."""
    return Refusal(ErrorCode.TOKEN_REVOKED, "This session was ended. Please log in again.")


class Guard:
    """One for each process. Falls back to its own buckets at ``limit / replicas`` when Redis is away."""

    def __init__(self, live: Live, replicas: int) -> None:
        self._live = live
        self._replicas = replicas
        self._local = LocalLimits()

    async def check(self, requests: Sequence[GuardRequest]) -> list[Refusal | bool]:
        """A refusal or a grant for each request, in order. A refused one takes nothing from any bucket.

        Returns:
            For a grant, whether Redis could tell that the session is alive. False, when Redis is away or has lost what
            it knew: the caller has to ask Postgres.
        """
        try:
            return await self._in_redis(requests)
        except LiveUnavailable:
            return self._in_process(requests)

    async def _in_redis(self, requests: Sequence[GuardRequest]) -> list[Refusal | bool]:
        names: dict[str, int] = {keys.REVOCATIONS: 1}
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
        answers = await run_here(self._live, _GUARD, list(names), arguments)
        return [self._answer(request, *answer) for request, answer in zip(requests, answers, strict=True)]

    @staticmethod
    def _answer(request: GuardRequest, outcome: int, wait: bytes, detail: int) -> Refusal | bool:
        if outcome == 0:
            return request.session_id is None or bool(detail)
        if outcome == 2:
            return revoked()
        return limited(request.buckets[detail - 1], float(wait))

    def _in_process(self, requests: Sequence[GuardRequest]) -> list[Refusal | bool]:
        now = asyncio.get_running_loop().time()
        return [self._share(request, now) or request.session_id is None for request in requests]

    def _share(self, request: GuardRequest, now: float) -> Refusal | None:
        wanted = [
            (f"{bucket.scope}:{bucket.subject}", bucket.limit.share(self._replicas)) for bucket in request.buckets
        ]
        refused = self._local.take(wanted, now)
        return None if refused is None else limited(request.buckets[refused[1]], refused[0])
