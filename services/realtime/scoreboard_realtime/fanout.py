"""From "this board changed" to bytes in every socket: conflation, one encoding, slow connections left behind.

The one module to replace for a faster path. What others use of it: :meth:`FanOut.changed`, :meth:`FanOut.resync`,
:meth:`FanOut.correct`, :meth:`FanOut.tell`, :meth:`FanOut.show`, :meth:`FanOut.forget`, the loop :meth:`FanOut.round`.

A change after silence goes out at once; after that a room gets at most one frame in a tick, so the cost does not
depend on how fast scores come in. A frame holds the whole visible top: whoever missed some needs only the newest.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

import structlog

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Sight
from scoreboard.settings import Settings
from scoreboard.usecases.read_board import BoardView
from scoreboard_realtime import messages
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.errors import TOO_SLOW
from scoreboard_realtime.handout import HandOut
from scoreboard_realtime.own_score import Step, step
from scoreboard_realtime.parcel import Parcel
from scoreboard_realtime.rooms import Audience, Room, RoomKey, Rooms

_log = structlog.get_logger("scoreboard.fanout")
_LONGEST_TICK = 1.0
_RETRY = 1.0
_LOOK_AGAIN = 0.02  # seconds at least between two looks at who has caught up, however short the tick
_MOST_TRACES = 16  # of what one frame brings; more would be a list that nobody reads

Read = Callable[[RoomKey], Awaitable[BoardView]]
"""How a room's top is read."""
Seen = Callable[[Room, BoardView | None], Awaitable[None]]
"""What else wants to know that a room shows something new."""
End = Callable[[Connection, Refusal], None]
"""How a connection is told to go."""
Resync = Callable[[Connection], None]
"""How a connection that lost personal messages gets a snapshot instead."""


class FanOut:
    """Sends boards to rooms and news to players."""

    def __init__(self, settings: Settings, rooms: Rooms, read: Read, *, seen: Seen, end: End, resync: Resync) -> None:
        self._settings = settings
        self._rooms = rooms
        self._read = read
        self._seen = seen
        self._end = end
        self._resync = resync
        self._pending: set[Room] = set()
        self._laggards: set[Connection] = set()
        self._wake = asyncio.Event()

    def changed(self, key: RoomKey, committed_at: datetime | None = None) -> None:
        """Something in a board season's visible top is new. Ignored where nobody would hear of it."""
        room = self._rooms.rooms.get(key)
        if room is None:
            # Without an audience a room still tells players how their ranks moved; the public one does that.
            if not self._rooms.listeners or key.sight is not Sight.PUBLIC:
                return
            room = self._rooms.room(key)
        room.dirty = True
        if room.changed_at is None:
            room.changed_at = committed_at
        trace = telemetry.traceparent()
        if trace is not None and len(room.traces) < _MOST_TRACES:
            room.traces.append(trace)
        self._pending.add(room)
        self._wake.set()

    def resync(self, rooms: Iterable[Room] | None = None) -> None:
        """Send fresh snapshots: to these rooms, or to all because something may have been lost."""
        for room in list(self._rooms.rooms.values() if rooms is None else rooms):
            room.snapshot_due = True
            self.changed(room.key)

    def correct(self, room: Room, notice: Callable[[str], Parcel]) -> None:
        """Tell a room at once why its board changes, then send fresh snapshots. Who is slow gets only the snapshot.

        ``notice`` makes the message for a channel by its name.
        """
        for audience in room.audiences.values():
            parcel = notice(audience.channel.name)
            for connection in tuple(audience.members):
                if connection.missed or connection.outlet.backlog() > self._settings.backlog_skip:
                    self._miss(connection, audience)
                else:
                    connection.give(parcel)
        self.resync([room])

    def show(self, connection: Connection, room: Room, channel: str) -> None:
        """Send what the room shows now to one connection. The room must have been read."""
        if room.top is None:
            return
        kept = room.snapshots.get(channel)
        if kept is None or kept[0] is not room.top:
            kept = (room.top, messages.leaderboard_initial(channel, room.top, telemetry.utc_now()))
            room.snapshots[channel] = kept
        connection.give(kept[1])

    def tell(self, connection: Connection, parcel: Parcel) -> bool:
        """Send a personal message, or keep it until the connection can take it; what overflows becomes a ``sync``.

        False: it does not go on from what was told before. A fresh standing follows in its place.
        """
        if not connection.held and not connection.news and connection.outlet.backlog() <= self._settings.backlog_skip:
            return self._give(connection, parcel)
        if len(connection.news) >= self._settings.personal_queue:
            telemetry.MESSAGES_DROPPED.labels("news_overflow").inc(len(connection.news))
            connection.news.clear()
            connection.lost_news = True
        connection.news.append(parcel)
        if not connection.held:
            self._fall_behind(connection)
        return True

    def _give(self, connection: Connection, parcel: Parcel) -> bool:
        taken = step(connection.heard, parcel)
        if taken is Step.NEXT:
            connection.give(parcel)
        elif taken is Step.BROKEN:
            self._resync(connection)
        return taken is not Step.BROKEN

    def release(self, connection: Connection) -> None:
        """Personal messages need not wait for a snapshot any more."""
        connection.held = False
        if connection.news or connection.lost_news:
            self._fall_behind(connection)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._laggards.discard(connection)

    async def round(self) -> None:
        """Serve what is due, then wait for the next moment something will be. Run it supervised, without a pause."""
        now = _now()
        for room in [room for room in self._pending if room.next_read_at <= now]:
            await self._serve(room)
        self._catch_up(_now())
        self._wake.clear()
        due = self._next_due()
        if due is None:
            await self._wake.wait()
            return
        delay = due - _now()
        if delay > 0:
            # A change in a quiet room ends the wait; changes in busy rooms set a later due time and wait for it.
            try:
                await asyncio.wait_for(self._wake.wait(), delay)
            except TimeoutError:
                return

    def _next_due(self) -> float | None:
        times = [room.next_read_at for room in self._pending]
        if self._laggards:
            times.append(_now() + max(self._settings.tick, _LOOK_AGAIN))
        return min(times, default=None)

    async def _serve(self, room: Room) -> None:
        """Read the room's top if it may be new, and bring every audience that is due up to it."""
        self._pending.discard(room)
        if room.dirty and not await self._refresh(room):
            return
        now = _now()
        traces, room.traces = room.traces, []
        later: list[float] = []
        for audience in list(room.audiences.values()):
            if audience.last is room.top:
                continue
            if audience.next_at > now:
                later.append(audience.next_at)
            else:
                told = {"scoreboard.board": room.key.board}
                with telemetry.carried_span("broadcast", traces, "producer", attributes=told):
                    await self._send(room, audience)
        room.next_read_at = _now() + self._tick(room)
        if later:
            room.next_read_at = min(room.next_read_at, *later)
            self._pending.add(room)
        if room.dirty:
            self._pending.add(room)

    def _tick(self, room: Room) -> float:
        return min(max(self._settings.tick, 3 * room.cost), _LONGEST_TICK)

    async def _refresh(self, room: Room) -> bool:
        """Read the top. False: it could not be read, and will be tried again."""
        room.dirty = False  # before the read: what changes during it counts again
        before = room.top
        try:
            room.top = await self._read(room.key)
        except Refusal as refusal:
            _log.warning("board not readable", board=room.key.board, season=room.key.season, code=str(refusal.code))
            room.next_read_at = _now() + _RETRY
            if refusal.code is not ErrorCode.NOT_FOUND:
                room.dirty = True
                self._pending.add(room)
            return False
        if room.top.as_of is not None:
            room.changed_at = None  # what was just committed is not what is sent
        if room.snapshot_due:
            room.snapshot_due = False
            for audience in room.audiences.values():
                audience.last = None
        await self._seen(room, before)
        return True

    async def _send(self, room: Room, audience: Audience) -> None:
        """One frame, encoded once, to everyone in the audience who can take it."""
        before, top = audience.last, room.top
        audience.last = top
        if top is None:
            return
        turned = before is not None and before.freeze != top.freeze
        fresh = before is None or turned or before.page.epoch != top.page.epoch or before.board != top.board
        if not fresh and before is not None and before.page.entries == top.page.entries:
            return
        at = telemetry.utc_now()
        name = audience.channel.name
        if fresh or before is None:
            parcel = messages.leaderboard_initial(name, top, at, before if turned else None)
        else:
            parcel = messages.leaderboard_update(name, before, top, at)
        started = _now()
        await self._hand_out(audience, parcel)
        room.cost = _now() - started
        audience.next_at = started + max(self._tick(room), self._settings.inactive_tick if audience.slow else 0.0)
        telemetry.FANOUT_SECONDS.observe(room.cost)
        if room.changed_at is not None and not audience.slow:
            seconds = (telemetry.utc_now() - room.changed_at).total_seconds()
            telemetry.COMMIT_TO_SOCKET.observe(max(0.0, seconds), telemetry.exemplar())
            room.changed_at = None

    async def _hand_out(self, audience: Audience, parcel: Parcel) -> None:
        missing = len(audience.members)
        out = HandOut(parcel, self._settings.backlog_skip, audience.members)
        await out.give(audience.plan())
        for connection in out.behind:
            self._miss(connection, audience)
        if out.has_wire_now:
            audience.replan()
        telemetry.MESSAGES_SENT.labels(parcel.type).inc(out.sent)
        if missing > out.sent:
            telemetry.MESSAGES_DROPPED.labels("slow").inc(missing - out.sent)

    def _miss(self, connection: Connection, audience: Audience) -> None:
        """A connection did not get a frame: it gets no other one of this channel before its snapshot."""
        connection.missed.add(audience.channel.name)
        audience.replan()
        self._fall_behind(connection)

    def _fall_behind(self, connection: Connection) -> None:
        if connection not in self._laggards:
            connection.slow_since = _now()
            self._laggards.add(connection)
            self._wake.set()

    def _catch_up(self, now: float) -> None:
        """Let go of connections that stay slow; give the others what they missed once they have drained."""
        settings = self._settings
        for connection in tuple(self._laggards):
            backlog = connection.outlet.backlog()
            since = connection.slow_since if connection.slow_since is not None else now
            if backlog > settings.backlog_close or now - since > settings.stale_close_after:
                self._laggards.discard(connection)
                self._end(connection, TOO_SLOW)
            elif backlog <= settings.backlog_skip // 4:
                self._laggards.discard(connection)
                connection.slow_since = None
                self._make_up(connection)

    def _make_up(self, connection: Connection) -> None:
        missed, connection.missed = connection.missed, set()
        for channel in connection.session.channels:
            room = self._rooms.of(channel) if channel.name in missed else None
            if room is not None:
                self.show(connection, room, channel.name)
                room.caught_up(channel)
        if connection.held:
            return
        if connection.lost_news:
            connection.news.clear()
            connection.lost_news = False
            self._resync(connection)
            return
        waiting, connection.news = connection.news, []
        for place, parcel in enumerate(waiting, 1):
            if not self._give(connection, parcel):  # what waits of ranks is older than the standing that comes
                connection.news = [each for each in waiting[place:] if each.type != "rank.change"]
                return


def _now() -> float:
    return asyncio.get_running_loop().time()
