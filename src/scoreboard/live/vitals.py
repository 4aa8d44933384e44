"""Vital signs in Redis: who is there, and what each process counted, in slots of some seconds.

A process writes its own field of the present slot again and again, so a lost answer and a second try change nothing.
It is there while its key lives: nobody's clock is compared.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import msgspec

from scoreboard.domain.vitals import Levels, Tally
from scoreboard.live import keys
from scoreboard.live.redis_link import Live

_NUMBERS = 5
_READ_AT_ONCE = 60
"""Slots of one trip: what a dozen processes told in a quarter of an hour, some 100 kB."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Presence(msgspec.Struct, frozen=True):
    """A process: which service, its name among its like, version, when it began, and how its stores are for it."""

    service: str
    instance: str
    version: str
    began: float
    told: float
    draining: bool
    database: bool
    redis: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that told something lately. ``present`` is None when it stopped telling without a word."""

    service: str
    instance: str
    last: float
    present: Presence | None


_presences = msgspec.msgpack.Decoder(Presence)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long slots, presences and what is gone are kept, in seconds."""

    present: int
    kept: int


async def tell(live: Live, presence: Presence, slot: int, told: tuple[Tally, Levels], pace: Pace) -> None:
    """Say that a process is there, and what it counted in the present slot so far.

    Raises:
        LiveUnavailable: nobody hears; the next slot begins anew.
    """
    name = _name(presence)
    place = keys.vitals_slot(slot)
    async with live.redis.pipeline(transaction=False) as pipe:
        pipe.set(keys.vitals_process(name), msgspec.msgpack.encode(presence), ex=pace.present)
        pipe.zadd(keys.VITALS_SEEN, {name: presence.told})
        pipe.zremrangebyscore(keys.VITALS_SEEN, "-inf", presence.told - pace.kept)
        pipe.expire(keys.VITALS_SEEN, pace.kept)
        pipe.hset(place, name, _encode((astuple(told[0]), astuple(told[1]))))
        pipe.expire(place, pace.kept + 60)
        await live.ask("vitals", pipe.execute())


async def leave(live: Live, presence: Presence) -> None:
    """Say that a process ends on purpose. Raises LiveUnavailable; it is then missed for a while."""
    name = _name(presence)
    async with live.redis.pipeline(transaction=False) as pipe:
        pipe.delete(keys.vitals_process(name))
        pipe.zrem(keys.VITALS_SEEN, name)
        await live.ask("vitals", pipe.execute())


async def present(live: Live) -> list[Seen]:
    """Every process that told something lately, by service and name. Raises LiveUnavailable."""
    members = await live.ask("vitals", live.redis.zrange(keys.VITALS_SEEN, 0, -1, withscores=True))
    names = [member.decode() for member, _ in members]
    if not names:
        return []
    found = await live.ask("vitals", live.redis.mget([keys.vitals_process(name) for name in names]))
    seen = []
    for name, (_, last), raw in zip(names, members, found, strict=True):
        service, _, instance = name.partition("/")
        seen.append(Seen(service, instance, last, None if raw is None else _presences.decode(raw)))
    return sorted(seen, key=lambda each: (each.service, each.instance))


async def slots(live: Live, wanted: Sequence[int]) -> dict[int, list[tuple[Tally, Levels]]]:
    """What each process told in these slots; slots in which nobody did are left out. Raises LiveUnavailable."""
    found: dict[int, list[tuple[Tally, Levels]]] = {}
    for first in range(0, len(wanted), _READ_AT_ONCE):
        some = wanted[first : first + _READ_AT_ONCE]
        async with live.redis.pipeline(transaction=False) as pipe:
            for slot in some:
                pipe.hvals(keys.vitals_slot(slot))
            answers = await live.ask("vitals", pipe.execute())
        for slot, lines in zip(some, answers, strict=True):
            if lines:
                found[slot] = [line for line in map(_line, lines) if line is not None]
    return found


def _line(raw: bytes) -> tuple[Tally, Levels] | None:
    """What a process told; None for one of another version that tells other things."""
    counted, stands = _decode(raw)
    try:
        return Tally(*counted[:_NUMBERS], *map(_buckets, counted[_NUMBERS:])), Levels(*stands)
    except TypeError:
        return None


def _buckets(pairs: Any) -> tuple[tuple[float, float], ...]:
    return tuple((bound, count) for bound, count in pairs)


def _name(presence: Presence) -> str:
    return f"{presence.service}/{presence.instance}"
