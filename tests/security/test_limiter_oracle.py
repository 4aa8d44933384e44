"""The limiters against others: an exact model in fractions, and the ``limits`` library.

The library has no GCRA. Its closest strategy is the moving window: no more than ``burst`` requests in any window of
``burst / rate`` seconds. A bucket is as generous at least and twice as generous at most: it is empty once the burst is
used up, and within one window it gets one burst back. So two things must hold for every schedule of requests:
what a moving window of ``burst`` grants, the bucket grants; what the bucket grants, a moving window of ``2 × burst``
grants. Both run on Redis's script with its clock read from a key, so that time is what the schedule says.
"""

import random
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.live import guard as guard_module
from scoreboard.live.gcra import Limit, LocalLimits
from scoreboard.live.guard import Guard, GuardRequest, LimitedBucket
from scoreboard.live.scripts import Script
from scoreboard.usecases.platform import Platform
from tests.security.conftest import Count

BEGIN = 1_800_000_000  # what Redis's clock shows in these years: large numbers cost digits behind the point
CLOCK = "test:clock"
TINY = Fraction(2, 1_000_000)  # the script counts microseconds: closer than this either answer is right
SIZES = [40, pytest.param(400, marks=[pytest.mark.full, pytest.mark.timeout(600)])]


class Subject:
    """A limiter under test: one call, at a moment of our choosing."""

    async def take(self, now: Fraction, buckets: list[tuple[str, Limit]]) -> tuple[float, int] | None:
        raise NotImplementedError


class Local(Subject):
    def __init__(self) -> None:
        self._limits = LocalLimits()

    async def take(self, now: Fraction, buckets: list[tuple[str, Limit]]) -> tuple[float, int] | None:
        return self._limits.take(buckets, float(now))


class InRedis(Subject):
    """The guard with its own script, whose clock is the key."""

    def __init__(self, platform: Platform) -> None:
        self._redis: Any = platform.live.redis
        self._guard = Guard(platform.live, 1, 60)

    async def take(self, now: Fraction, buckets: list[tuple[str, Limit]]) -> tuple[float, int] | None:
        [answer] = await self.take_all(now, [buckets])
        return answer

    async def take_all(self, now: Fraction, requests: list[list[tuple[str, Limit]]]) -> list[tuple[float, int] | None]:
        micros = int(now * 1_000_000)
        async with self._redis.pipeline() as pipe:
            await pipe.delete(CLOCK).rpush(CLOCK, micros // 1_000_000, micros % 1_000_000).execute()
        asked = [
            GuardRequest(tuple(LimitedBucket(name, "x", limit, ErrorCode.ACTION_LIMIT) for name, limit in buckets))
            for buckets in requests
        ]
        return [
            self._told(buckets, answer)
            for buckets, answer in zip(requests, await self._guard.check(asked), strict=True)
        ]

    @staticmethod
    def _told(buckets: list[tuple[str, Limit]], answer: Refusal | bool) -> tuple[float, int] | None:
        if not isinstance(answer, Refusal):
            return None
        assert answer.retry_after is not None
        assert answer.extra is not None
        return answer.retry_after, [name for name, _ in buckets].index(answer.extra["limit"]["limit"])


@pytest_asyncio.fixture
async def in_redis(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[InRedis]:
    original = guard_module._GUARD
    source = original.source.replace("redis.call('TIME')", f"redis.call('LRANGE', '{CLOCK}', 0, -1)")
    source, expiries = source.replace("* 1000) + 1000\n", "* 1000) + 3600000\n"), source.count("* 1000) + 1000\n")
    assert source.count(CLOCK) == expiries == 1, "the script has changed: here its clock and expiry are replaced"
    monkeypatch.setattr(guard_module, "_GUARD", Script("clocked_guard", source))
    yield InRedis(platform)


# --- An exact model -------------------------------------------------------------------------------------------------


@dataclass
class Tokens:
    """One bucket in exact numbers: tokens that come back with time."""

    rate: Fraction
    burst: int
    tokens: Fraction
    at: Fraction

    def fill(self, now: Fraction) -> None:
        self.tokens = min(Fraction(self.burst), self.tokens + (now - self.at) * self.rate)
        self.at = now

    @property
    def wait(self) -> Fraction:
        return (1 - self.tokens) / self.rate


class Model:
    """Requests take one token from each of their buckets, or none from any."""

    def __init__(self) -> None:
        self._buckets: dict[str, Tokens] = {}

    def waits(self, now: Fraction, buckets: list[tuple[str, Limit]]) -> list[Fraction]:
        """For each bucket the seconds until it has a token; not more than zero where it has one."""
        for name, limit in buckets:
            rate = Fraction(limit.rate)
            self._buckets.setdefault(name, Tokens(rate, limit.burst, Fraction(limit.burst), now)).fill(now)
        return [self._buckets[name].wait for name, _ in buckets]

    def take(self, buckets: list[tuple[str, Limit]]) -> None:
        for name, _ in buckets:
            self._buckets[name].tokens -= 1


# Rates whose interval is a whole number of microseconds, so that nothing but the comparison is rounded.
LIMITS = {
    f"l{n}": Limit(rate, burst) for n, (rate, burst) in enumerate([(1, 1), (2, 5), (5, 3), (10, 20), (0.5, 2), (50, 8)])
}


def agree(model: Model, now: Fraction, buckets: list[tuple[str, Limit]], answer: tuple[float, int] | None) -> None:
    """Hold an answer against the model, which then follows it where both answers would have been right."""
    waits = model.waits(now, buckets)
    if answer is None:
        assert max(waits) <= TINY, f"granted although {float(max(waits))} s were left to wait"
        model.take(buckets)
        return
    wait, index = answer
    assert waits[index] > -TINY, "refused although there was room"
    assert all(before <= TINY for before in waits[:index]), "another bucket refuses first"
    assert abs(wait - float(waits[index])) < 0.002


def wanted(rng: random.Random) -> list[tuple[str, Limit]]:
    return [(name, LIMITS[name]) for name in rng.sample(sorted(LIMITS), rng.randint(1, 3))]


@pytest.mark.parametrize("schedules", SIZES)
async def test_this_processs_limits_are_exact(schedules: int, count: Count) -> None:
    for number in range(schedules):
        rng, now, model, subject = random.Random(number), Fraction(BEGIN), Model(), Local()
        for _ in range(60):
            now += Fraction(rng.choice([0, 0, 0, 1, 10, 100, 500, 2000]), 1024)
            buckets = wanted(rng)
            agree(model, now, buckets, await subject.take(now, buckets))
    count("limiter: schedules against the exact model", schedules)


@pytest.mark.parametrize("schedules", SIZES)
async def test_the_script_is_exact_for_whole_batches(schedules: int, in_redis: InRedis, count: Count) -> None:
    """Requests of one call see what those before them took."""
    for number in range(schedules):
        rng, model = random.Random(number), Model()
        now = Fraction(BEGIN + 10_000 * number)  # later than anything the schedule before has left behind
        for _ in range(12):
            now += Fraction(rng.choice([0, 1, 50, 500, 1_000, 100_000, 700_001, 2_000_000]), 1_000_000)
            requests = [wanted(rng) for _ in range(rng.randint(1, 10))]
            for buckets, answer in zip(requests, await in_redis.take_all(now, requests), strict=True):
                agree(model, now, buckets, answer)
    count("limiter: schedules against the exact model", schedules)


# --- The library ----------------------------------------------------------------------------------------------------


class Window:
    """The library's moving window, on a clock of our own."""

    now = 0.0

    def __init__(self, amount: int, seconds: int) -> None:
        self._storage = MemoryStorage()
        self._storage.timer.cancel()
        self._storage.timer = SimpleNamespace(is_alive=lambda: True)  # type: ignore[assignment] # it would tidy up meanwhile
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._item = RateLimitItemPerSecond(amount, seconds)

    def take(self, now: Fraction) -> bool:
        Window.now = float(now)
        return self._limiter.hit(self._item, "x")


@pytest.fixture
def library_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(time=lambda: Window.now, monotonic=time.monotonic)
    monkeypatch.setattr("limits.storage.memory.time", clock)


def schedule(rng: random.Random, begin: int, burst: int, seconds: int) -> Iterator[Fraction]:
    """Moments of requests: floods, pauses, and pauses of about one window."""
    now = Fraction(begin)
    for _ in range(100):
        pauses = [0, 0, 0, seconds * 1024 // (burst + 1), seconds * 1024 // (2 * burst + 1), 1, seconds * 1024]
        now += Fraction(rng.choice(pauses), 1024)
        yield now


@pytest.mark.parametrize("schedules", SIZES)
@pytest.mark.parametrize("where", ["process", "redis"])
@pytest.mark.usefixtures("library_clock")
async def test_the_library_agrees(schedules: int, where: str, in_redis: InRedis, count: Count) -> None:
    granted_by_all = 0
    for number in range(schedules):
        rng = random.Random(number)
        burst, seconds = rng.choice([(1, 1), (4, 2), (10, 1), (20, 2), (8, 4)])
        limit, begin = Limit(burst / seconds, burst), BEGIN + 10_000 * number
        narrow, wide = Window(burst, seconds), Window(2 * burst, seconds)
        subject: Subject = Local() if where == "process" else in_redis
        after, alone = [(f"after{number}", limit)], [(f"alone{number}", limit)]
        for now in schedule(rng, begin, burst, seconds):
            if narrow.take(now):
                assert await subject.take(now, after) is None, "refused what a moving window grants"
                granted_by_all += 1
            if await subject.take(now, alone) is None:
                assert wide.take(now), "granted what not even a window of two bursts grants"
    assert granted_by_all > schedules
    count("limiter: schedules against the oracle", schedules)
