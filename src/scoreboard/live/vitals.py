"""Vital signs in Redis: who is there, and what each process counted, in slots of some seconds.

A process writes its own field of the present slot again and again, so a lost answer and a second try change nothing.
It is there while its key lives. Slots and moments are of Redis's clock, whoever writes or reads them, so the clocks of
pods need not agree. Everything is a map with defaults: what another version tells is read as far as both know it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import msgspec

from scoreboard.domain.vitals import Levels, Tally, Told
from scoreboard.live import keys
from scoreboard.live.redis_link import Live

_READ_AT_ONCE = 60
"""Slots of one trip: what a dozen processes told in a quarter of an hour, some 100 kB."""
_encode = msgspec.msgpack.Encoder().encode


class Presence(msgspec.Struct, frozen=True):
    """A process: which service, its name among its like, version, when it began, and how its stores are for it.

    ``began`` is by the process's own clock. None of it: another version tells it in another way.
    """

    service: str = ""
    instance: str = ""
    version: str | None = None
    began: float | None = None
    draining: bool = False
    database: bool | None = None
    redis: bool | None = None


class _Line(msgspec.Struct, frozen=True):
    """What a process told in a slot."""

    counted: Tally = Tally()
    stands: Levels = Levels()


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that told something lately. ``present`` is None when it stopped telling without a word."""

    service: str
    instance: str
    last: float
    present: Presence | None


_presences = msgspec.msgpack.Decoder(Presence)
_lines = msgspec.msgpack.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long slots, presences and what is gone are kept, in seconds."""

    present: int
    kept: int


async def moment(live: Live) -> float:
    """What Redis's clock says, in seconds since 1970. Raises LiveUnavailable."""
    seconds, microseconds = await live.ask("vitals", live.redis.time())
    return float(seconds) + float(microseconds) / 1_000_000


async def tell(live: Live, presence: Presence, now: float, slot: int, told: Told, pace: Pace) -> None:
    """Say that a process is there, and what it counted in the present slot so far.

    Args:
        live: the process's Redis.
        presence: who tells.
        now: what :func:`moment` said.
        slot: which slot that is in.
        told: what was counted since the slot began, and how things stand.
        pace: how long it is kept.

    Raises:
        LiveUnavailable: nobody hears; the next slot begins anew.
    """
    name = _name(presence)
    place = keys.vitals_slot(slot)
    async with live.redis.pipeline(transaction=False) as pipe:
        pipe.set(keys.vitals_process(name), msgspec.msgpack.encode(presence), ex=pace.present)
        pipe.zadd(keys.VITALS_SEEN, {name: now})
        pipe.zremrangebyscore(keys.VITALS_SEEN, "-inf", now - pace.kept)
        pipe.expire(keys.VITALS_SEEN, pace.kept)
        pipe.hset(place, name, _encode({"counted": _said(told[0]), "stands": _said(told[1])}))
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
        seen.append(Seen(service, instance, last, None if raw is None else _presence(raw)))
    return sorted(seen, key=lambda each: (each.service, each.instance))


async def slots(live: Live, wanted: Sequence[int]) -> dict[int, list[bytes]]:
    """What each process wrote into these slots, for :func:`read`; slots in which nobody did are left out.

    Raises:
        LiveUnavailable: Redis is away.
    """
    found: dict[int, list[bytes]] = {}
    for first in range(0, len(wanted), _READ_AT_ONCE):
        some = wanted[first : first + _READ_AT_ONCE]
        async with live.redis.pipeline(transaction=False) as pipe:
            for slot in some:
                pipe.hvals(keys.vitals_slot(slot))
            answers = await live.ask("vitals", pipe.execute())
        found |= {slot: lines for slot, lines in zip(some, answers, strict=True) if lines}
    return found


def read(lines: Iterable[bytes]) -> tuple[list[Told], int]:
    """What these lines tell, and how many of them are of a version that tells it in another way. No I/O."""
    told: list[Told] = []
    unread = 0
    for raw in lines:
        try:
            line = _lines.decode(raw)
        except msgspec.DecodeError:
            unread += 1
        else:
            told.append((line.counted, line.stands))
    return told, unread


def _presence(raw: bytes) -> Presence:
    try:
        return _presences.decode(raw)
    except msgspec.DecodeError:
        return Presence()


def _said(told: Tally | Levels) -> dict[str, object]:
    """Without what is as it is when nothing happened: most of a line."""
    named = ((field, getattr(told, field.name)) for field in fields(told))
    return {field.name: value for field, value in named if value != field.default}


def _name(presence: Presence) -> str:
    return f"{presence.service}/{presence.instance}"
