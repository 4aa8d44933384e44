"""Limits, revocation and nonces of many requests in one call, on Redis's clock; this process's share without Redis."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.session_end import session_ended
from scoreboard.live import keys
from scoreboard.live.gcra import Limit, LocalLimits
from scoreboard.live.leaderboard import run_here
from scoreboard.live.redis_link import Live, LiveUnavailable
from scoreboard.live.scripts import Script

# For each request: all limits or none, and the nonce only with them.
# KEYS: the mark that all revocations are known, then limits, revocation keys and nonces.
# ARGV: run id, milliseconds that a nonce is kept, and the requests as MessagePack: measured, that costs this process
# 15 µs a request where an argument for each number cost 20. A request is {limits, revocation key, nonce}; a limit {key,
# emission interval (seconds between two requests), tolerance (interval × burst)}; keys by their index, 0 for none.
# Returns for each request {outcome, text, detail}: outcome 0 granted (detail 1: revocations are known), 1 limited
# (text: seconds to wait, detail: index of the limit), 2 revoked (text: why), 3 nonce used before.
_GUARD = Script(
    "guard",
    """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local known = redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
local out = {}
for i, request in ipairs(cmsgpack.unpack(ARGV[3])) do
  local limits, revoked, nonce = request[1], request[2], request[3]
  local answer
  local arrivals = {}
  local ended = revoked > 0 and redis.call('GET', KEYS[revoked])
  if ended then answer = {2, ended, 0} end
  if not answer then
    for l, limit in ipairs(limits) do
      local arrival = tonumber(redis.call('GET', KEYS[limit[1]]) or '0')
      if arrival < now then arrival = now end
      local wait = arrival + limit[2] - limit[3] - now
      if wait > 0 then
        answer = {1, string.format('%.6f', wait), l}
        break
      end
      arrivals[l] = arrival + limit[2]
    end
  end
  if not answer and nonce > 0 and not redis.call('SET', KEYS[nonce], '1', 'NX', 'PX', ARGV[2]) then
    answer = {3, '0', 0}
  end
  if not answer then
    for l, limit in ipairs(limits) do
      local left = math.ceil((arrivals[l] - now) * 1000) + 1000
      redis.call('SET', KEYS[limit[1]], string.format('%.6f', arrivals[l]), 'PX', left)
    end
    answer = {0, '0', known}
  end
  out[i] = answer
end
return out
""",
)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class LimitedBucket:
    """One bucket that a request takes from, and the code it is refused with."""

    scope: str
    subject: str
    limit: Limit
    code: ErrorCode


@dataclass(frozen=True, slots=True)
class GuardRequest:
    """What a request needs: its buckets, the session that must not be revoked, the nonce that must be new to it."""

    buckets: tuple[LimitedBucket, ...]
    session_id: UUID | None = None
    nonce: bytes | None = None


_WORDS = {
    ErrorCode.TOO_MANY_REQUESTS: "Too many requests are coming from this address.",
    ErrorCode.USER_RATE_LIMIT: "You are sending requests faster than allowed.",
    ErrorCode.ACTION_LIMIT: "You are doing this action more often than allowed.",
}


def limited(bucket: LimitedBucket, wait: float) -> Refusal:
    """What a request gets that has to wait so many seconds for this bucket."""
    limit = {"limit": bucket.scope, "burst": bucket.limit.burst, "rate": bucket.limit.rate}
    return Refusal(bucket.code, _WORDS[bucket.code], max(wait, 0.001), {"limit": limit})


def replayed() -> Refusal:
    """What a signed request gets whose nonce was used before."""
    return Refusal(ErrorCode.REPLAY_ATTACK, "This signed request was received before; sign each request anew.")


class Guard:
    """One for each process. Falls back to its own buckets at ``limit / replicas`` when Redis is away.

    Args:
        live: the connection to Redis.
        replicas: processes among which a limit is shared out while Redis is away.
        nonce_ttl: seconds that a nonce is remembered.
    """

    def __init__(self, live: Live, replicas: int, nonce_ttl: float) -> None:
        self._live = live
        self._replicas = replicas
        self._nonce_ms = int(nonce_ttl * 1000)
        self._local = LocalLimits()

    async def check(self, requests: Sequence[GuardRequest]) -> list[Refusal | bool]:
        """A refusal or a grant for each request, in order. A refused one takes nothing from any bucket.

        Returns:
            For a grant, whether Redis could tell that the session is alive and the nonce new. False, when Redis is away
            or has lost what it knew: the caller has to ask Postgres.
        """
        try:
            return await self._in_redis(requests)
        except LiveUnavailable:
            return self._in_process(requests)

    async def _in_redis(self, requests: Sequence[GuardRequest]) -> list[Refusal | bool]:
        names: dict[str, int] = {keys.REVOCATIONS: 1}
        asked = [self._arguments(request, names) for request in requests]
        answers = await run_here(self._live, _GUARD, list(names), [self._nonce_ms, _encode(asked)])
        return [self._answer(request, *answer) for request, answer in zip(requests, answers, strict=True)]

    @staticmethod
    def _arguments(request: GuardRequest, names: dict[str, int]) -> tuple[list[tuple[int, float, float]], int, int]:
        limits = [
            (
                names.setdefault(keys.limit(bucket.scope, bucket.subject), len(names) + 1),
                bucket.limit.interval,
                bucket.limit.tolerance,
            )
            for bucket in request.buckets
        ]
        if request.session_id is None:
            return limits, 0, 0
        session = names.setdefault(keys.revoked_session(request.session_id), len(names) + 1)
        if request.nonce is None:
            return limits, session, 0
        return limits, session, names.setdefault(keys.nonce(request.session_id, request.nonce), len(names) + 1)

    @staticmethod
    def _answer(request: GuardRequest, outcome: int, text: bytes, detail: int) -> Refusal | bool:
        if outcome == 0:
            return request.session_id is None or bool(detail)
        if outcome == 2:
            return session_ended(text.decode())
        if outcome == 3:
            return replayed()
        return limited(request.buckets[detail - 1], float(text))

    def _in_process(self, requests: Sequence[GuardRequest]) -> list[Refusal | bool]:
        now = asyncio.get_running_loop().time()
        return [self._share(request, now) or request.session_id is None for request in requests]

    def _share(self, request: GuardRequest, now: float) -> Refusal | None:
        wanted = [
            (f"{bucket.scope}:{bucket.subject}", bucket.limit.share(self._replicas)) for bucket in request.buckets
        ]
        refused = self._local.take(wanted, now)
        return None if refused is None else limited(request.buckets[refused[1]], refused[0])
