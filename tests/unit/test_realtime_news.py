"""Fan-out of personal news: what waits, what becomes a sync, whom others moved."""

from typing import Any

from scoreboard_realtime.channels import ME
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.messages import sync
from scoreboard_realtime.rooms import Room, Rooms
from scoreboard_realtime.session import Session
from tests.unit.test_realtime_fanout import AT, KEY, MAIN, SETTINGS, Recorder, World, view


async def test_news_wait_for_a_slow_connection_and_what_overflows_becomes_a_sync() -> None:
    world = World(view(1, 5))
    connection, outlet = world.join(ME, player=1)
    outlet.waiting = 1500
    for _ in range(2):
        world.fanout.tell(connection, sync("me", AT))
    assert outlet.got == []
    outlet.waiting = 0
    await world.run(0.05)
    assert outlet.types == ["sync", "sync"]
    outlet.waiting = 1500
    for _ in range(4):
        world.fanout.tell(connection, sync("me", AT))
    outlet.waiting = 0
    await world.run(0.05)
    assert world.resynced == [connection]
    assert len(outlet.got) == 2


async def test_news_wait_while_a_snapshot_of_the_standing_is_read() -> None:
    world = World(view(1, 5))
    connection, outlet = world.join(ME, player=1)
    connection.held = True
    world.fanout.tell(connection, sync("me", AT))
    await world.run(0.02)
    assert outlet.got == []
    world.fanout.release(connection)
    await world.run(0.05)
    assert outlet.types == ["sync"]


async def test_visible_players_hear_how_others_moved_them() -> None:
    world = World(view(1, 50, 40, 30))
    (_, fifty), (_, thirty) = world.join(ME, player=50), world.join(ME, player=30)
    _, stranger = world.join(ME, player=99)
    world.change(60, 50, 40)
    await world.run(0.05)

    def ranks(outlet: Recorder) -> list[Any]:
        return [parcel.content["data"]["rank"] for parcel in outlet.got if parcel.type == "rank.change"]

    assert ranks(fifty) == [{"previous": 1, "current": 2}]
    assert ranks(thirty) == [{"previous": 3, "current": 11}]
    assert stranger.got == []
    world.change(60, 50, 41)
    await world.run(0.05)
    assert len(fifty.got) == 1


def test_rooms_are_forgotten_when_nobody_needs_them() -> None:
    rooms = Rooms()
    room = rooms.room(KEY)
    connection = Connection("c", "a", Recorder(), Session(SETTINGS))
    rooms.enter(connection, MAIN, room)
    connection.session.joined(MAIN)
    rooms.sweep()
    assert rooms.of(MAIN) is room
    rooms.forget(connection)
    rooms.sweep()
    assert rooms.rooms == {}
    assert rooms.followed == {}
    assert isinstance(room, Room)
