"""Who listens to what: rooms by board season, listeners to their own news by player, connections by log-in session."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from scoreboard.domain.freeze import Sight
from scoreboard.usecases.read_board import BoardView
from scoreboard_realtime.channels import ME, Channel
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.handout import Plan, planned
from scoreboard_realtime.parcel import Parcel


class RoomKey(NamedTuple):
    """A board season, and what is seen of it while it is frozen: moderators have rooms of their own."""

    board: str
    season: int
    sight: Sight = Sight.PUBLIC


@dataclass(slots=True, eq=False)
class Audience:
    """Those in a room who get the same bytes at the same pace. ``last`` is what was sent to them."""

    channel: Channel
    slow: bool
    members: set[Connection] = field(default_factory=set)
    last: BoardView | None = None
    next_at: float = 0.0
    _plan: Plan | None = None

    def plan(self) -> Plan:
        """How its members are reached, as far as that is known since :meth:`replan`."""
        if self._plan is None:
            self._plan = planned(self.members, self.channel.name)
        return self._plan

    def replan(self) -> None:
        """Somebody came, went, fell behind, caught up, or can be reached in another way now."""
        self._plan = None


@dataclass(slots=True, eq=False)
class Room:
    """The visible top of one board season, as far as this process knows it, and its audiences.

    ``traces`` are the contexts of changes that were not sent yet, as far as they are recorded.
    """

    key: RoomKey
    top: BoardView | None = None
    dirty: bool = False
    snapshot_due: bool = False
    changed_at: datetime | None = None
    traces: list[str] = field(default_factory=list)
    next_read_at: float = 0.0
    cost: float = 0.0
    audiences: dict[tuple[Channel, bool], Audience] = field(default_factory=dict)
    snapshots: dict[str, tuple[BoardView, Parcel]] = field(default_factory=dict)

    def audience(self, channel: Channel, slow: bool) -> Audience:
        """The audience of a channel at a pace; it starts with what the room shows now."""
        found = self.audiences.get((channel, slow))
        if found is None:
            found = self.audiences[channel, slow] = Audience(channel, slow, last=self.top)
        return found

    def caught_up(self, channel: Channel) -> None:
        """Somebody in a channel gets its frames again."""
        for slow in (False, True):
            audience = self.audiences.get((channel, slow))
            if audience is not None:
                audience.replan()

    def leave(self, connection: Connection, channel: Channel) -> None:
        """Take a connection out of the channel, whatever its pace."""
        for slow in (False, True):
            audience = self.audiences.get((channel, slow))
            if audience is not None:
                audience.members.discard(connection)
                audience.replan()
                if not audience.members:
                    del self.audiences[channel, slow]


class Rooms:
    """All rooms of the process, and the indexes by player and by session."""

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self.rooms: dict[RoomKey, Room] = {}
        self.followed: dict[tuple[str, Sight], RoomKey] = {}
        self.listeners: dict[UUID, set[Connection]] = {}
        self.sessions: dict[UUID, set[Connection]] = {}

    def room(self, key: RoomKey) -> Room:
        """The room of a board season, made when it is not there."""
        found = self.rooms.get(key)
        if found is None:
            found = self.rooms[key] = Room(key)
        return found

    def of(self, channel: Channel) -> Room | None:
        """The room that a board channel leads to now."""
        if channel.board is None:
            return None
        if channel.season is None:
            key = self.followed.get((channel.board, channel.sight))
        else:
            key = RoomKey(channel.board, channel.season, channel.sight)
        return self.rooms.get(key) if key is not None else None

    def of_season(self, board: str, season: int) -> Iterator[Room]:
        """The rooms of a board season that there are."""
        for sight in Sight:
            room = self.rooms.get(RoomKey(board, season, sight))
            if room is not None:
                yield room

    def enter(self, connection: Connection, channel: Channel, room: Room) -> None:
        """Let a connection hear a board, as it may see it now. The session must be told with ``joined``."""
        for sight in [one for one in Sight if one is not channel.sight]:
            before = replace(channel, sight=sight)
            other = self.of(before)
            if other is not None:
                other.leave(connection, before)
        if channel.follows:
            self.followed.setdefault((room.key.board, room.key.sight), room.key)
        audience = room.audience(channel, connection.session.inactive)
        audience.members.add(connection)
        audience.replan()

    def listen(self, connection: Connection) -> None:
        """Let a connection hear its player's own news."""
        player_id = connection.player_id
        if player_id is not None:
            self.listeners.setdefault(player_id, set()).add(connection)

    def leave(self, connection: Connection, channel: Channel) -> None:
        """Let a connection hear a channel no more."""
        if channel == ME:
            _discard(self.listeners, connection.player_id, connection)
            connection.news.clear()
            connection.told.clear()
            connection.heard.clear()
            return
        connection.missed.discard(channel.name)
        room = self.of(channel)
        if room is not None:
            room.leave(connection, channel)

    def repace(self, connection: Connection) -> list[tuple[Room, Channel]]:
        """Move a connection to the audiences of its present pace. Returns where it has not seen the newest top."""
        behind = []
        for channel in connection.session.channels:
            room = self.of(channel)
            if room is None:
                continue
            previous = room.audiences.get((channel, not connection.session.inactive))
            if previous is not None and previous.last is not room.top:
                behind.append((room, channel))
            room.leave(connection, channel)
            self.enter(connection, channel, room)
        return behind

    def authenticated(self, connection: Connection, before: UUID | None) -> None:
        """Index a connection by its session; ``before`` is the session of the token it had until now."""
        _discard(self.sessions, before, connection)
        if connection.session_id is not None:
            self.sessions.setdefault(connection.session_id, set()).add(connection)

    def forget(self, connection: Connection) -> None:
        """Take a connection out of everything."""
        for channel in connection.session.channels:
            self.leave(connection, channel)
        _discard(self.sessions, connection.session_id, connection)
        self.connections.pop(connection.id, None)

    def followers(self) -> Iterator[tuple[Room, list[Audience]]]:
        """Rooms that someone follows from season to season, with those audiences."""
        for key in tuple(self.followed.values()):
            room = self.rooms.get(key)
            if room is not None:
                audiences = [audience for audience in room.audiences.values() if audience.channel.follows]
                if audiences:
                    yield room, audiences

    def sweep(self) -> None:
        """Forget rooms that nobody needs: without an audience, and without listeners whose ranks it could tell."""
        if self.listeners:
            return
        for key in [key for key, room in self.rooms.items() if not room.audiences]:
            del self.rooms[key]
            if self.followed.get((key.board, key.sight)) == key:
                del self.followed[key.board, key.sight]


def _discard(index: dict[UUID, set[Connection]], key: UUID | None, connection: Connection) -> None:
    if key is None:
        return
    members = index.get(key)
    if members is not None:
        members.discard(connection)
        if not members:
            del index[key]
