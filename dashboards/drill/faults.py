"""What is broken in a drill, how it is repaired, and what should be told of it.

Every cause is one that happens: a process or store that ends, a network that is slow or cut, memory that is full, rows
that a hand changed, somebody who attacks. The product has no switch for any of them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
from redis.asyncio import Redis

from dashboards.drill.ground import Ground, Unit
from dashboards.drill.judge import Expectation
from dashboards.drill.play import Crowd
from scoreboard.live import keys

_SLOW_S = 0.05
"""A piece of the way to Postgres and back; a completion makes several such trips."""
_NOBODYS_SCORE = 1_000_000.0
_LEAST_MEMORY = "1mb"
_STOLEN = 40
_FORGED = 60


@dataclass(frozen=True)
class Stage:
    """What a fault can reach."""

    ground: Ground
    crowd: Crowd


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: as ``make drill ARGS="NAME ..."`` names it.
        words: what happens, for people.
        expected: what should be told.
        breaks: does it.
        mends: undoes it, and returns when it is undone.
        unscaled: the seconds until the platform itself tells a number beyond the threshold, in its own time.
        arithmetic: why that long.
    """

    name: str
    words: str
    expected: Expectation
    breaks: Callable[[Stage], Awaitable[None]]
    mends: Callable[[Stage], Awaitable[None]]
    unscaled: float = 0.0
    arithmetic: str = ""


def _budgets(*names: str) -> frozenset[str]:
    return frozenset(f"Scoreboard{name}Slowly" for name in names)


def _expect(alert: str, *may: str, budgets: tuple[str, ...] = (), heals: bool = False) -> Expectation:
    slow = _budgets(*budgets)
    return Expectation(f"Scoreboard{alert}", frozenset(f"Scoreboard{each}" for each in may) | slow, slow, heals)


def _kill(unit: Callable[[Ground], Unit]) -> Callable[[Stage], Awaitable[None]]:
    async def breaks(stage: Stage) -> None:
        unit(stage.ground).kill()

    return breaks


def _back(unit: Callable[[Ground], Unit]) -> Callable[[Stage], Awaitable[None]]:
    async def mends(stage: Stage) -> None:
        await stage.ground.bring_back(unit(stage.ground))

    return mends


async def _nothing(_: Stage) -> None:
    """It is over by itself."""


async def _cut(stage: Stage) -> None:
    await stage.ground.api_to_postgres.cut()


async def _join(stage: Stage) -> None:
    await stage.ground.api_to_postgres.open()


def _delay(seconds: float) -> Callable[[Stage], Awaitable[None]]:
    async def change(stage: Stage) -> None:
        stage.ground.api_to_postgres.delay = seconds

    return change


async def _write_by_hand(stage: Stage) -> None:
    """ZADD: somebody who no longer plays becomes the first of every board, in Redis only."""
    async with Redis.from_url(stage.ground.redis.url) as redis:
        async for order in redis.scan_iter(keys.LEADERBOARD_PREFIX + "*:z", count=1000):
            async for member, _ in redis.zscan_iter(order, f"*{stage.crowd.guest.id}"):
                await redis.zadd(order, {member: _NOBODYS_SCORE})


def _tell_redis(*words: str) -> Callable[[Stage], Awaitable[None]]:
    async def tell(stage: Stage) -> None:
        async with Redis.from_url(stage.ground.redis.url) as redis:
            await redis.execute_command(*words)  # type: ignore[no-untyped-call]

    return tell


async def _reuse_refresh_tokens(stage: Stage) -> None:
    """Forty sessions' tokens are exchanged, and come a second time from somebody who recorded them."""
    # From an address of its own: honest players at the same one would be blocked with the thief.
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(base_url=stage.ground.api_url, transport=transport, timeout=20) as thief:
        stolen = []
        for victim in stage.crowd.strangers(_STOLEN):
            await victim.enter()
            stolen.append(victim.session["refresh_token"])
            await victim.refresh()
        await asyncio.gather(*(thief.post("/api/v1/auth/refresh", json={"refresh_token": token}) for token in stolen))


async def _forge_tokens(stage: Stage) -> None:
    """Sixty access tokens with a changed signature."""
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.3")
    async with httpx.AsyncClient(base_url=stage.ground.api_url, transport=transport, timeout=20) as forger:
        head, _, signature = stage.crowd.people[0].session["access_token"].rpartition(".")
        forged = f"{head}.{signature[::-1]}"
        for _ in range(_FORGED):
            await forger.get("/api/v1/boards/main/me", headers={"Authorization": f"Bearer {forged}"})


_STORES = 10.0  # the first failed look at the stores comes within five seconds, the second five later
_AT_STORES = "two looks at the stores, ≤ 10 s"
_SCRAPE = "its scrape fails at once"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "redis",
        "Redis is killed, and comes back empty",
        # Completions wait for ranks until each process knows that Redis is away.
        _expect("RedisDown", budgets=("CompletionsSlow", "BroadcastsLate", "EventsLate")),
        _kill(lambda ground: ground.redis),
        _back(lambda ground: ground.redis),
        _STORES,
        _AT_STORES,
    ),
    Fault(
        "worker",
        "The worker is killed",
        _expect("WorkerDown"),
        _kill(lambda ground: ground.services["worker"]),
        _back(lambda ground: ground.services["worker"]),
        arithmetic=_SCRAPE,
    ),
    Fault(
        "api-errors",
        "The API's way to Postgres is cut: every write is answered 503",
        _expect("ApiErrorsFast", "StoreUnreachable", "LoopFailing", budgets=("ApiErrors", "CompletionsSlow")),
        _cut,
        _join,
    ),
    Fault(
        "slow-database",
        f"Every answer of Postgres comes {_SLOW_S * 2000:.0f} ms later",
        _expect("CompletionsSlowFast", budgets=("CompletionsSlow",)),
        _delay(_SLOW_S),
        _delay(0.0),
    ),
    Fault(
        "drift",
        "A score is changed in Redis by hand (ZADD)",
        _expect("LeaderboardDrift", heals=True),
        _write_by_hand,
        _nothing,
        5.0,
        "the self-audit's round, ≤ 5 s",
    ),
    Fault(
        "realtime",
        "The live service is killed",
        _expect("RealtimeDown", budgets=("BroadcastsLate", "EventsLate")),
        _kill(lambda ground: ground.services["realtime"]),
        _back(lambda ground: ground.services["realtime"]),
        arithmetic=_SCRAPE,
    ),
    Fault(
        "api",
        "The API is killed",
        _expect("ApiDown", budgets=("CompletionsSlow", "EventsLate")),
        _kill(lambda ground: ground.services["api"]),
        _back(lambda ground: ground.services["api"]),
        arithmetic=_SCRAPE,
    ),
    Fault(
        "postgres",
        "Postgres is stopped",
        _expect("DatabaseDown", budgets=("ApiErrors", "CompletionsSlow", "EventsLate", "VerdictsLate")),
        lambda stage: stage.ground.stop_in_order(stage.ground.postgres),
        _back(lambda ground: ground.postgres),
        _STORES,
        _AT_STORES,
    ),
    Fault(
        "redis-full",
        "Redis takes no writes: its memory is full",
        _expect("RedisRefuses", "CacheMisses"),
        _tell_redis("CONFIG", "SET", "maxmemory", _LEAST_MEMORY),
        _tell_redis("CONFIG", "SET", "maxmemory", "0"),
        arithmetic="more than one call a second fails at once",
    ),
    Fault(
        "outbox",
        "Redis forbids to append to the stream (ACL)",
        _expect("OutboxStalled", "RedisRefuses", budgets=("BroadcastsLate", "EventsLate")),
        _tell_redis("ACL", "SETUSER", "default", "-xadd"),
        _tell_redis("ACL", "SETUSER", "default", "+xadd"),
        30.0,
        "the oldest fact is 30 s old",
    ),
    Fault(
        "stolen-tokens",
        f"{_STOLEN} refresh tokens are used a second time",
        _expect("RefreshReuse", heals=True),
        _reuse_refresh_tokens,
        _nothing,
        arithmetic="more than 20 are counted at once",
    ),
    Fault(
        "forged-tokens",
        f"{_FORGED} forged access tokens from one address",
        _expect("SecurityIncidents", heals=True),
        _forge_tokens,
        _nothing,
        arithmetic="the 50th failure is the incident",
    ),
    # Last: what it saw of the players is gone then, and its dashboard would be empty.
    Fault(
        "model",
        "The model's process is killed",
        _expect("AnticheatDown", budgets=("VerdictsLate",)),
        _kill(lambda ground: ground.services["anticheat-ml"]),
        _back(lambda ground: ground.services["anticheat-ml"]),
        arithmetic=_SCRAPE,
    ),
)
