"""Reads the stream of score events: marks boards as changed, brings players their news, remembers two minutes.

Every pod reads all of it. Items are numbered without gaps; a gap or another epoch means that Redis lost something, and
then everybody gets fresh snapshots. Nothing cleverer is tried.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from scoreboard import telemetry
from scoreboard.live import bus
from scoreboard.live.bus import Published
from scoreboard.usecases.frozen_ranks import frozen_boards
from scoreboard.usecases.platform import Platform
from scoreboard_realtime.messages import Position
from scoreboard_realtime.news import item_parcels
from scoreboard_realtime.own_score import unbroken
from scoreboard_realtime.parcel import Parcel

_log = structlog.get_logger("scoreboard.feed")
_RING = 20_000
_KNOWN = 100_000
_BLOCK = 1.0
_GRACE = 2.0
_PRIME = 2_000

Remembered = tuple[int, float, UUID, Published, int]
"""Number, when it came (monotonic), whose, the event, and the item's index in it."""


class Feed:
    """The process's place in the stream, and what it remembers of it.

    Args:
        platform: settings and stores.
        on_event: called with every event that moved some board.
        on_item: called with every item that is new here, and its index in the event.
        on_loss: called when boards must be read anew: events were lost (True), or the stream was only away (False).
    """

    def __init__(
        self,
        platform: Platform,
        *,
        on_event: Callable[[Published], None],
        on_item: Callable[[Published, int], None],
        on_loss: Callable[[bool], None],
    ) -> None:
        self._platform = platform
        self._on_event = on_event
        self._on_item = on_item
        self._on_loss = on_loss
        self._client: Any = None
        self._after = ""
        self._ring: deque[Remembered] = deque()
        self._by_player: dict[UUID, deque[Remembered]] = {}
        self._floor = 0
        self._known: OrderedDict[int, None] = OrderedDict()
        self._suspected = -1
        self.epoch = ""
        self.number = 0
        self.available = False

    def position(self) -> Position:
        """Everything up to here was handed on."""
        return Position(self.epoch, self.number)

    async def round(self) -> None:
        """One blocking read. Run it supervised, without a pause between rounds."""
        try:
            if not self.available:
                await self._prime()
            events = await asyncio.wait_for(
                bus.read_events(self._client, self._after, block_ms=int(_BLOCK * 1000)), _BLOCK + _GRACE
            )
            for published in events:
                self._take(published)
            if not events:
                await self._compare()
        except BaseException:
            await self._drop()
            raise

    async def close(self) -> None:
        """Give the connection back."""
        await self._drop()

    async def _drop(self) -> None:
        self.available = False
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _prime(self) -> None:
        """Begin where the stream is now, remembering what came shortly before.

        Whoever was let in until now, at the start or during an outage, gets fresh snapshots: what Postgres told them
        may be older than where the stream is now.
        """
        if self._client is None:
            self._client = self._platform.live.blocking_client()
        returning = bool(self._after)
        epoch, number = await bus.stream_state(self._platform.live)
        recent = await bus.recent_events(self._platform.live, count=_PRIME)
        lost = epoch != self.epoch or bool(recent and recent[0].first > self.number + 1)
        if lost or not returning:
            self._restart(epoch, number, recent)
        self.available = True
        if returning:
            _log.info("stream is back", lost=lost)
        self._on_loss(lost or not returning)

    def _restart(self, epoch: str, number: int, recent: list[Published]) -> None:
        """Take the stream's newest events as the past: remembered for those who resume, not handed on."""
        self._forget()
        self._after = recent[-1].id if recent else "0-0"
        oldest = telemetry.utc_now() - timedelta(seconds=self._platform.settings.replay_window)
        kept = [event for event in recent if event.epoch == epoch and event.event.committed_at >= oldest]
        newest = recent[-1] if recent and recent[-1].epoch == epoch else None
        self.epoch = epoch
        self.number = max(number, newest.first + len(newest.event.items) - 1) if newest else number
        self._floor = kept[0].first - 1 if kept else self.number
        for published in kept:
            for index in range(len(published.event.items)):
                self._remember(published, index)

    def _take(self, published: Published) -> None:
        self._after = published.id
        expected = self.number + 1
        last = published.first + len(published.event.items) - 1
        if published.epoch == self.epoch and last < expected:
            return
        if published.epoch != self.epoch and not self.epoch and published.first == expected:
            self.epoch = published.epoch  # the first event ever, or the first after Redis lost everything
        if published.epoch != self.epoch or published.first != expected:
            self._lost(published)
        self.epoch, self.number = published.epoch, last
        with telemetry.carried_span("read event", [published.event.traceparent]):
            self._hand_on(published)

    def _hand_on(self, published: Published) -> None:
        self._on_event(published)
        new = False
        for index in range(len(published.event.items)):
            if self._remember(published, index):
                new = True
                self._on_item(published, index)
        if new:  # what is announced a second time was delivered before
            age = telemetry.utc_now() - published.event.committed_at
            telemetry.EVENT_DELIVERY.observe(max(0.0, age.total_seconds()), telemetry.exemplar())

    def _lost(self, published: Published) -> None:
        _log.warning("events were lost", expected=self.number + 1, first=published.first)
        self._forget()
        self.epoch, self._floor = published.epoch, published.first - 1
        self.number = published.first - 1
        self._on_loss(True)

    async def _compare(self) -> None:
        """Nothing came: is that because nothing happened? Redis may have lost the stream, or its clock went back."""
        epoch, number = await bus.stream_state(self._platform.live)
        if epoch == self.epoch and number == self.number:
            self._suspected = -1
        elif epoch != self.epoch or self._suspected == self.number:
            recent = await bus.recent_events(self._platform.live, count=_PRIME)
            _log.warning("stream was replaced", number=number, known=self.number)
            self._restart(epoch, number, recent)
            self._on_loss(True)
        else:
            self._suspected = self.number

    async def measure_lag(self) -> None:
        """Note how many items of the stream were not read yet. Raises LiveUnavailable."""
        epoch, number = await bus.stream_state(self._platform.live)
        telemetry.STREAM_LAG.set(max(0, number - self.number) if epoch == self.epoch else number)

    def _forget(self) -> None:
        self._ring.clear()
        self._by_player.clear()

    def _remember(self, published: Published, index: int) -> bool:
        """Keep an item for those who resume. False: its ledger entry was announced before."""
        item = published.event.items[index]
        new = item.seq not in self._known
        self._known[item.seq] = None
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        now = asyncio.get_running_loop().time()
        kept = (published.first + index, now, item.player_id, published, index)
        self._ring.append(kept)
        self._by_player.setdefault(item.player_id, deque()).append(kept)
        oldest = now - self._platform.settings.replay_window
        while self._ring and (len(self._ring) > _RING or self._ring[0][1] < oldest):
            number, _, player_id, _, _ = self._ring.popleft()
            self._floor = number
            own = self._by_player[player_id]
            own.popleft()
            if not own:
                del self._by_player[player_id]
        return new

    def replay(self, player_id: UUID, since: Position) -> list[Parcel] | None:
        """A player's news after a position, oldest first.

        None when it reaches further back than memory does, and when the own score does not go on from one to the next.
        """
        if since.epoch != self.epoch or since.seq < self._floor or not self.available:
            return None
        at = telemetry.utc_now()
        frozen = frozen_boards(self._platform.catalog.known_boards())
        heard: list[Parcel] = []
        missed: list[Parcel] = []
        for number, _, _, published, index in self._by_player.get(player_id, ()):
            (missed if number > since.seq else heard).extend(item_parcels(published, index, at, frozen))
        return missed if not missed or unbroken([*heard, *missed]) else None
