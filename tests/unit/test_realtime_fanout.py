"""Fan-out: conflation, slow connections, personal news. Outlets here remember what they were given."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.standing import Entry, Page
from scoreboard.security.access_token import Claims
from scoreboard.settings import Settings
from scoreboard.usecases.read_board import BoardView
from scoreboard_realtime.channels import ME, Channel, board_channel
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.errors import Close
from scoreboard_realtime.fanout import FanOut
from scoreboard_realtime.messages import Position, envelope
from scoreboard_realtime.news import RankWatch
from scoreboard_realtime.parcel import Codec, Parcel
from scoreboard_realtime.rooms import RoomKey, Rooms
from scoreboard_realtime.session import Session

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEY = RoomKey("main", 1)
MAIN = board_channel("main")
SEASON = Season(1, "main", "All time", AT, None, SeasonStatus.OPEN)
SETTINGS = cast(
    Settings,
    SimpleNamespace(
        tick=0.02,
        inactive_tick=0.15,
        backlog_skip=1000,
        backlog_close=5000,
        stale_close_after=0.2,
        personal_queue=3,
        anonymous_reads=True,
        socket_rate=10,
        socket_burst=20,
    ),
)


class Recorder:
    transport = "test"
    codec = Codec.PLAIN

    def __init__(self) -> None:
        self.got: list[Parcel] = []
        self.waiting = 0

    def send(self, parcel: Parcel) -> None:
        self.got.append(parcel)

    def wire(self) -> None:
        return None

    def backlog(self) -> int:
        return self.waiting

    def close(self, code: Close, reason: str) -> None: ...

    @property
    def types(self) -> list[str]:
        return [parcel.type for parcel in self.got]


def view(seq: int, *scores: int, epoch: str = "e") -> BoardView:
    entries = tuple(Entry(rank, UUID(int=score), f"p{score}", score, AT) for rank, score in enumerate(scores, 1))
    return BoardView(Board("main", "All"), SEASON, Page(epoch, seq, len(entries), entries), None, "redis")


class World:
    """Rooms, a fan-out, and a board whose top the test sets."""

    def __init__(self, top: BoardView) -> None:
        self.top = top
        self.reads = 0
        self.failing = False
        self.ended: list[tuple[Connection, ErrorCode]] = []
        self.resynced: list[Connection] = []
        self.rooms = Rooms()
        self.watch = RankWatch(self.rooms, self._tell, lambda: Position("s", 9), self._rank)
        self.fanout = FanOut(
            SETTINGS,
            self.rooms,
            self._read,
            seen=self.watch.seen,
            end=lambda connection, refusal: self.ended.append((connection, refusal.code)),
            resync=self.resynced.append,
        )
        self.room = self.rooms.room(KEY)
        self.room.top = top

    async def _read(self, key: RoomKey) -> BoardView:
        self.reads += 1
        if self.failing:
            raise Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, "away")
        return self.top

    async def _rank(self, key: RoomKey, player_id: UUID) -> int | None:
        return 11

    def _tell(self, connection: Connection, parcel: Parcel) -> None:
        self.fanout.tell(connection, parcel)

    def join(self, *channels: Channel, player: int | None = None) -> tuple[Connection, Recorder]:
        outlet = Recorder()
        connection = Connection("c", "a", outlet, Session(SETTINGS))
        if player is not None:
            connection.session.identity = Claims(UUID(int=player), UUID(int=1), "p", Role.PLAYER, AT, AT)
        for channel in channels:
            if channel == ME:
                self.rooms.listen(connection)
            else:
                self.rooms.enter(connection, channel, self.room)
            connection.session.joined(channel)
        return connection, outlet

    async def run(self, seconds: float) -> None:
        async def forever() -> None:
            while True:
                await self.fanout.round()

        task = asyncio.create_task(forever())
        await asyncio.sleep(seconds)
        task.cancel()

    def change(self, *scores: int, epoch: str = "e") -> None:
        self.top = view(self.top.page.seq + 1, *scores, epoch=epoch)
        self.fanout.changed(KEY, AT)


async def test_everyone_gets_the_same_object_and_changes_in_a_tick_are_one_frame() -> None:
    world = World(view(1, 5))
    outlets = [world.join(MAIN)[1] for _ in range(3)]
    running = asyncio.create_task(world.run(0.2))
    await asyncio.sleep(0)
    world.change(6)
    await asyncio.sleep(0.005)
    assert [outlet.types for outlet in outlets] == [["leaderboard.update"]] * 3
    assert outlets[0].got[0] is outlets[1].got[0] is outlets[2].got[0]
    for score in range(7, 60):
        world.change(score)
    await running
    assert len(outlets[0].got) == 2
    assert outlets[0].got[-1].content["data"][0]["score"] == 59
    assert world.reads == 2


async def test_nothing_is_sent_when_the_visible_top_is_the_same() -> None:
    world = World(view(1, 5))
    outlet = world.join(MAIN)[1]
    world.change(5)
    await world.run(0.05)
    assert outlet.got == []
    assert world.room.top is world.top


async def test_another_epoch_or_a_resync_is_a_snapshot() -> None:
    world = World(view(1, 5))
    outlet = world.join(MAIN)[1]
    world.change(5, epoch="f")
    await world.run(0.05)
    world.fanout.resync()
    await world.run(0.05)
    assert outlet.types == ["leaderboard.initial", "leaderboard.initial"]


async def test_a_correction_is_said_before_the_snapshot_and_the_slow_get_only_that() -> None:
    world = World(view(1, 5))
    fast, (_, slow) = world.join(MAIN)[1], world.join(MAIN)
    slow.waiting = 1500
    world.top = view(1, 5)  # nothing that shows has changed: a snapshot follows all the same
    world.fanout.correct(world.room, lambda channel: envelope("correction", None, AT, channel=channel))
    assert fast.types == ["correction"]
    assert fast.got[0].content["channel"] == "board:main"
    await world.run(0.05)
    assert fast.types == ["correction", "leaderboard.initial"]
    assert slow.got == []
    slow.waiting = 0
    await world.run(0.05)
    assert slow.types == ["leaderboard.initial"]


async def test_a_board_that_cannot_be_read_is_tried_again() -> None:
    world = World(view(1, 5))
    outlet = world.join(MAIN)[1]
    world.failing = True
    world.change(6)
    await world.run(0.05)
    assert (outlet.got, world.reads) == ([], 1)
    world.failing = False
    await world.run(1.1)
    assert outlet.types == ["leaderboard.update"]


async def test_inactive_connections_get_updates_at_their_own_pace() -> None:
    world = World(view(1, 5))
    brisk, (slow, slow_outlet) = world.join(MAIN)[1], world.join(MAIN)
    slow.session.inactive = True
    world.rooms.repace(slow)
    running = asyncio.create_task(world.run(0.7))
    for score in range(6, 40):
        world.change(score)
        await asyncio.sleep(0.01)
    await running
    assert len(brisk.got) >= 8
    assert len(slow_outlet.got) in (3, 4, 5)
    assert slow_outlet.got[-1].content["data"][0]["score"] == 39
    slow.session.inactive = False
    assert world.rooms.repace(slow) == []


async def test_who_becomes_active_again_and_is_behind_is_named() -> None:
    world = World(view(1, 5))
    connection, _ = world.join(MAIN)
    connection.session.inactive = True
    world.rooms.repace(connection)
    world.room.top = view(2, 6)
    connection.session.inactive = False
    assert world.rooms.repace(connection) == [(world.room, MAIN)]


async def test_a_slow_connection_is_skipped_and_gets_a_snapshot_once_it_has_drained() -> None:
    world = World(view(1, 5))
    fast, (_, slow) = world.join(MAIN)[1], world.join(MAIN)
    slow.waiting = 1500
    running = asyncio.create_task(world.run(0.15))
    for score in (6, 7):
        world.change(score)
        await asyncio.sleep(0.03)
    assert len(fast.got) == 2
    assert slow.got == []
    slow.waiting = 0
    await running
    assert slow.types == ["leaderboard.initial"]
    assert slow.got[0].content["data"][0]["score"] == 7
    assert world.ended == []


async def test_who_stays_slow_or_far_behind_is_let_go() -> None:
    world = World(view(1, 5))
    (stale, first), (far, second) = world.join(MAIN), world.join(MAIN)
    first.waiting, second.waiting = 1500, 6000
    world.change(6)
    await world.run(0.1)
    assert world.ended == [(far, ErrorCode.TOO_MANY_REQUESTS)]
    await world.run(0.3)
    assert [connection for connection, _ in world.ended] == [far, stale]
