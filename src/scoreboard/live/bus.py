"""What travels from the processes that write to the processes that listen: one stream, one channel.

The stream carries score events, kept for readers that were away. The control channel carries what must be quick
and may be lost, because its truth is also in Postgres: revoked sessions, changed configuration, finished jobs.
This is the one module to replace for another queue (see the ADR on the outbox and streams).
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from scoreboard.domain.events import Ranks
from scoreboard.live import keys
from scoreboard.live.leaderboard import SeasonProjection, decode_season
from scoreboard.live.redis_link import Live


class ScoreItem(msgspec.Struct, frozen=True, array_like=True):
    """One ledger entry as it travels. ``places`` tells, for each board season, its index in the event's projection.

    ``places``: (index of the season in ``seasons``, index of the change in it, previous score, score).
    """

    seq: int
    at: datetime
    entry_type: str
    action_id: UUID
    player_id: UUID
    username: str
    kind: str
    points: int
    verdict: str
    places: tuple[tuple[int, int, int | None, int | None], ...]


class ScoreEvent(msgspec.Struct, frozen=True, array_like=True):
    """What one batch committed: its board seasons (key and season id) and its entries in ledger order.

    ``traceparent`` is the context of the announcement (W3C Trace Context), where that is recorded.
    """

    seasons: tuple[tuple[str, int], ...]
    items: tuple[ScoreItem, ...]
    committed_at: datetime
    traceparent: str | None = None


class Published(msgspec.Struct, frozen=True):
    """An event as read from the stream. ``first`` numbers its first item; ``id`` is the stream's own position."""

    id: str
    epoch: str
    first: int
    projections: tuple[SeasonProjection, ...]
    event: ScoreEvent

    def ranks(self, season: int, change: int) -> Ranks | None:
        """Ranks around a change; None where there was no leaderboard to rank in."""
        projection = self.projections[season]
        return projection.ranks[change] if projection.ready else None


class SessionsRevoked(msgspec.Struct, frozen=True, tag="sessions.revoked"):
    """These sessions are dead; ``reason`` decides the close code (revoked, suspended, banned)."""

    player_id: UUID
    session_ids: tuple[UUID, ...]
    reason: str


class CatalogChanged(msgspec.Struct, frozen=True, tag="catalog.changed"):
    """Boards, kinds or seasons changed: drop what is cached."""

    board_key: str | None = None


class LeaderboardRebuilt(msgspec.Struct, frozen=True, tag="leaderboard.rebuilt"):
    """A board season has a new epoch: send fresh snapshots."""

    board_key: str
    season_id: int


class JobFinished(msgspec.Struct, frozen=True, tag="job.finished"):
    """An asynchronous action is done; exactly one of ``result`` and ``problem`` is set."""

    player_id: UUID
    job_id: UUID
    status: str
    result: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None


class CorrectedBoard(msgspec.Struct, frozen=True, array_like=True):
    """A board season that a correction touched, and how many players have another score in it now."""

    board_key: str
    season_id: int
    players: int


class CorrectionMade(msgspec.Struct, frozen=True, tag="correction.made"):
    """Points were taken back, or (``undone``) given back, and the boards show it: tell those who watch them."""

    correction_id: UUID
    number: int
    undone: bool
    boards: tuple[CorrectedBoard, ...]


class Listening(msgspec.Struct, frozen=True, tag="listening"):
    """Not sent by anybody: from here on nothing is missed; what was said before may have been."""


Control = SessionsRevoked | CatalogChanged | LeaderboardRebuilt | JobFinished | CorrectionMade

_event_encoder = msgspec.msgpack.Encoder()
_event_decoder = msgspec.msgpack.Decoder(ScoreEvent)
_control_decoder: msgspec.msgpack.Decoder[Control] = msgspec.msgpack.Decoder(Control)


def encode_event(event: ScoreEvent) -> bytes:
    """The stream's ``b`` field."""
    return _event_encoder.encode(event)


def _published(id_: bytes, fields: dict[bytes, bytes]) -> Published:
    seasons = msgspec.msgpack.decode(fields[b"r"])
    return Published(
        id=id_.decode(),
        epoch=fields[b"e"].decode(),
        first=int(fields[b"n"]),
        projections=tuple(decode_season(season) for season in seasons),
        event=_event_decoder.decode(fields[b"b"]),
    )


async def read_events(client: Any, after: str, *, block_ms: int, count: int = 200) -> list[Published]:
    """Events after a stream position, waiting for the first of them. ``client`` comes from ``blocking_client``.

    Returns an empty list when nothing came in time. Errors of Redis pass through: the caller's loop is supervised.
    """
    answer = await client.xread({keys.STREAM: after}, count=count, block=block_ms)
    if not answer:
        return []
    entries = answer[0][1] if isinstance(answer, list) else next(iter(answer.values()))
    if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], list | tuple):
        entries = entries[0]
    return [_published(id_, fields) for id_, fields in entries]


async def recent_events(live: Live, *, count: int) -> list[Published]:
    """The newest events, oldest first: what a pod that just started primes its memory with."""
    entries = await live.ask("recent_events", live.redis.xrevrange(keys.STREAM, count=count))
    return [_published(id_, fields) for id_, fields in reversed(entries)]


async def newest_position(live: Live) -> str:
    """The stream position of the newest event; ``0-0`` when there is none."""
    entries = await live.ask("newest_position", live.redis.xrevrange(keys.STREAM, count=1))
    return entries[0][0].decode() if entries else "0-0"


async def stream_state(live: Live) -> tuple[str, int]:
    """The stream's epoch and the number of its last item; ("", 0) when nothing was published yet."""
    epoch, number = await live.ask("stream_state", live.redis.hmget(keys.STREAM_META, "epoch", "n"))
    return (epoch.decode() if epoch else "", int(number or 0))


async def publish_control(live: Live, message: Control) -> None:
    """Tell every process at once. Raises LiveUnavailable; the truth is in Postgres, and caches lapse by themselves."""
    await live.ask("publish", live.redis.publish(keys.CONTROL_CHANNEL, _event_encoder.encode(message)))


async def control_messages(client: Any) -> AsyncIterator[Control | Listening]:
    """Messages of the control channel as they come, after one that says that they come now.

    Raises what Redis raises when the connection is lost.
    """
    async with client.pubsub() as subscription:
        await subscription.subscribe(keys.CONTROL_CHANNEL)
        async for message in subscription.listen():
            if message["type"] == "subscribe":
                yield Listening()
            elif message["type"] == "message":
                yield _control_decoder.decode(message["data"])
