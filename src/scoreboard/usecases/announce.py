"""Tell the world what was committed: project it into the leaderboards, append it to the stream, tick off the outbox.

Called with what a batch has just saved, and by the sweep with what a crash left behind. Announcing twice is harmless:
projections carry versions, listeners know ledger numbers.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.events import EntryType, LedgerEntry, Ranks, StandingChange
from scoreboard.live import bus, leaderboard
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.identifiers import new_id
from scoreboard.storage import idempotency, outbox
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.storage.idempotency import StoredReply
from scoreboard.usecases.platform import Platform

_NO_BATCH_FOR = 0.02
"""Seconds after which announced rows are ticked off by themselves: a few flushes' time."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One ledger entry and the changes it made, one for each board season, parallel to ``entry.season_ids``. A held
    entry changes nothing yet: it is told to its player and to the anti-cheat, and has no place on any board.
    """

    seq: int
    entry: LedgerEntry
    username: str
    changes: tuple[StandingChange, ...]


@dataclass(frozen=True, slots=True)
class _Grouped:
    seasons: list[tuple[int, Board, list[StandingChange]]]
    event: bus.ScoreEvent


def _group(boards: dict[str, Board], announcements: Sequence[Announcement]) -> _Grouped:
    """Changes by season, in ledger order, and the event that points into them."""
    index: dict[int, int] = {}
    seasons: list[tuple[int, Board, list[StandingChange]]] = []
    items = []
    for announcement in announcements:
        entry, places = announcement.entry, []
        before_and_after = () if entry.entry_type is EntryType.HELD else zip(entry.previous, entry.current, strict=True)
        for change, (before, after) in zip(announcement.changes, before_and_after, strict=True):
            position = index.setdefault(change.season_id, len(seasons))
            if position == len(seasons):
                seasons.append((change.season_id, boards[change.board_key], []))
            places.append((position, len(seasons[position][2]), before, after))
            seasons[position][2].append(change)
        items.append(
            bus.ScoreItem(
                announcement.seq,
                entry.at,
                str(entry.entry_type),
                entry.action_id,
                entry.player_id,
                announcement.username,
                entry.kind_key,
                entry.points,
                str(entry.verdict),
                tuple(places),
            )
        )
    named = tuple((board.key, season_id) for season_id, board, _ in seasons)
    event = bus.ScoreEvent(named, tuple(items), announcements[0].entry.at, telemetry.traceparent())
    return _Grouped(seasons, event)


async def announce(
    platform: Platform, boards: dict[str, Board], announcements: Sequence[Announcement]
) -> list[tuple[Ranks | None, ...]]:
    """Project and publish, in one call to Redis.

    Returns:
        For each announcement its ranks, one for each board season; None where no leaderboard is there.

    Raises:
        LiveUnavailable: nothing is known to be announced; the outbox row stays for the sweep.
    """
    with telemetry.span("announce", "producer"):
        grouped = _group(boards, announcements)
        began = time.perf_counter()
        projection = await leaderboard.project(
            platform.live,
            grouped.seasons,
            event=bus.encode_event(grouped.event),
            numbers=len(announcements),
            stream_length=platform.settings.stream_length,
            fresh_epoch=new_id().hex,
        )
        telemetry.LEADERBOARD_UPDATE.observe(time.perf_counter() - began, telemetry.exemplar())
    telemetry.EVENTS_PUBLISHED.inc(len(announcements))
    return [
        tuple(
            projection.seasons[season].ranks[change] if projection.seasons[season].ready else None
            for season, change, _, _ in item.places
        )
        for item in grouped.event.items
    ]


class Marks(NamedTuple):
    """Announced outbox rows, and the stored replies that are complete now."""

    rows: list[int]
    replies: list[StoredReply]


@dataclass(slots=True)
class OutboxMarker:
    """Ticks off announced rows: together with the next batch, or a moment later by itself when none comes."""

    platform: Platform
    _rows: list[int] = field(default_factory=list)
    _replies: list[StoredReply] = field(default_factory=list)
    _taken: int = 0
    _task: asyncio.Task[None] | None = None

    def mark(self, row_id: int, replies: Sequence[StoredReply] = ()) -> None:
        """Note an announced row, and the stored replies that are complete now. Returns at once."""
        self._rows.append(row_id)
        self._replies.extend(replies)
        if self._task is None or self._task.done():
            self._task = telemetry.start_nobodys_task(self._tick_off())

    def take(self) -> Marks:
        """What is noted, for a transaction that begins now; give it back with :meth:`put_back` should that fail."""
        taken = Marks(self._rows, self._replies)
        self._rows, self._replies = [], []
        self._taken += 1
        return taken

    def put_back(self, marks: Marks) -> None:
        """These are not saved after all."""
        self._rows.extend(marks.rows)
        self._replies.extend(marks.replies)

    async def _tick_off(self) -> None:
        while self._rows:
            taken = self._taken
            await asyncio.sleep(_NO_BATCH_FOR)
            if taken != self._taken:
                continue
            marks = self.take()
            try:
                await self.platform.database.transact(lambda tx, m=marks: save_marks(tx, m, alone=True))  # type: ignore[misc]
            except StoreUnavailable:
                return  # the sweep announces them once more

    async def finish(self) -> None:
        """Wait until nothing is left to tick off."""
        if self._task is not None:
            await self._task


async def save_marks(tx: Transaction, marks: Marks, *, alone: bool) -> None:
    """Tick off what was announced. ``alone``: the transaction does nothing else."""
    if marks.rows:
        await outbox.mark(tx, marks.rows, alone=alone)
    if marks.replies:
        await idempotency.replace_replies(tx, marks.replies)


async def announce_control(platform: Platform, message: bus.Control) -> bool:
    """Publish a control message now. False: Redis is away, and the sweep will do it from the outbox."""
    try:
        await bus.publish_control(platform.live, message)
    except LiveUnavailable:
        return False
    return True
