"""Receives connections and does what their sessions ask for: verifies, joins, refuses, ends.

The transports call :meth:`Reception.arrive`, :meth:`Reception.heard` and :meth:`Reception.leave`, and nothing else.
All I/O of a session happens here; its rules are in ``session``.
"""

import asyncio
import secrets
from typing import Any

from scoreboard import telemetry
from scoreboard.domain.board import Visibility
from scoreboard.domain.errors import Refusal
from scoreboard.domain.session_end import session_ended
from scoreboard.live.registry import Entrant
from scoreboard.security.access_token import AccessTokens, Claims
from scoreboard.storage.database import StoreUnavailable
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.revocation import end_of_session
from scoreboard_realtime import messages
from scoreboard_realtime.boards import Boards
from scoreboard_realtime.channels import ME, Channel
from scoreboard_realtime.connection import Connection, Outlet
from scoreboard_realtime.errors import Close, close_code, draining
from scoreboard_realtime.fanout import FanOut
from scoreboard_realtime.feed import Feed
from scoreboard_realtime.leases import Leases
from scoreboard_realtime.messages import Position
from scoreboard_realtime.parcel import Parcel
from scoreboard_realtime.rooms import Room, Rooms
from scoreboard_realtime.session import Answer, Effect, End, Join, Leave, Pace, Refuse, Session, Verify
from scoreboard_realtime.standings import Standings


class Reception:
    """One for each process."""

    def __init__(
        self, platform: Platform, tokens: AccessTokens, rooms: Rooms, boards: Boards, feed: Feed, fanout: FanOut
    ) -> None:
        self._platform = platform
        self._settings = platform.settings
        self._tokens = tokens
        self._rooms = rooms
        self._boards = boards
        self._feed = feed
        self._fanout = fanout
        self.standings = Standings(boards, feed, fanout)
        self.leases = Leases(platform)
        self.draining = False

    def meet(self, outlet: Outlet, address: str, *, heartbeats: bool = False, listens_only: bool = False) -> Connection:
        """A connection for a socket whose handshake is under way."""
        session = Session(self._settings, heartbeats=heartbeats, listens_only=listens_only)
        session.connecting()
        return Connection(secrets.token_hex(8), address, outlet, session)

    async def arrive(self, connection: Connection, token: str | None = None) -> None:
        """Let a connection in, with the token that its handshake brought, if any.

        Raises:
            Refusal: it cannot be let in; it was counted and has left no trace.
        """
        try:
            if self.draining:
                raise draining()
            entrant = Entrant(connection.id, connection.address)
            if token is None:
                await self.leases.take(entrant)
            else:
                self.leases.require_room(entrant)
            connection.session.connected(_now())
            if token is not None:
                await self._authenticate_first(connection, token)
        except Refusal as refusal:
            self._depart(connection, None)
            telemetry.connect_refused(refusal.code, connection.outlet.transport)
            raise
        self._rooms.connections[connection.id] = connection
        telemetry.CONNECTIONS.labels(connection.outlet.transport).inc()
        telemetry.CONNECTS.labels(connection.outlet.transport).inc()

    async def _authenticate_first(self, connection: Connection, token: str) -> None:
        for asked in connection.session.take(messages.Auth(token), _now()):
            if isinstance(asked, Verify):
                for effect in await self._verify(connection, asked):
                    if isinstance(effect, Refuse):
                        raise effect.refusal
                    await self._perform(connection, [effect])

    async def heard(self, connection: Connection, size: int, content: str | bytes | Any) -> None:
        """A message of ``size`` bytes came: its JSON text, or, already decoded, what Socket.IO carried."""
        if connection.closed:
            return
        flood = connection.session.received(size, _now())
        if flood is not None:
            await self._perform(connection, [flood])
            return
        try:
            message = messages.read(content)
        except Refusal as refusal:
            self._refuse(connection, Refuse(refusal))
            return
        await self.obey(connection, message)

    async def obey(self, connection: Connection, message: messages.Inbound) -> None:
        """Do what an understood message asks for."""
        await self._perform(connection, connection.session.take(message, _now()))

    def leave(self, connection: Connection, reason: str) -> None:
        """The socket is gone, or about to be. Calling it again does nothing."""
        if not connection.closed:
            self._depart(connection, reason)

    def _depart(self, connection: Connection, reason: str | None) -> None:
        connection.closed = True
        self._rooms.forget(connection)
        self._fanout.forget(connection)
        self.leases.drop(connection.id)
        connection.session.disconnected()
        if reason is not None:
            telemetry.CONNECTIONS.labels(connection.outlet.transport).dec()
            telemetry.DISCONNECTS.labels(reason).inc()

    async def _perform(self, connection: Connection, effects: list[Effect]) -> None:
        for effect in effects:
            if connection.closed:
                return
            match effect:
                case Verify():
                    await self._perform(connection, await self._verify(connection, effect))
                case Join():
                    await self._join(connection, effect)
                case _:
                    self.act(connection, effect)

    def act(self, connection: Connection, effect: Effect) -> None:
        """Do what needs no I/O."""
        match effect:
            case Answer():
                self._answer(connection, effect)
            case Refuse():
                self._refuse(connection, effect)
            case End():
                self.end(connection, effect.close, effect.reason)
            case Leave():
                self._leave(connection, effect.channels)
            case Pace():
                for room, channel in self._rooms.repace(connection):
                    self._fanout.show(connection, room, channel.name)

    def tick(self) -> None:
        """Let every session notice what time it is."""
        now = _now()
        for connection in list(self._rooms.connections.values()):
            for effect in connection.session.tick(now):
                if not connection.closed:
                    self.act(connection, effect)

    def acted(self, connection: Connection) -> None:
        """The player did something over HTTP: that counts as activity."""
        for effect in connection.session.acted(_now()):
            self.act(connection, effect)

    def _answer(self, connection: Connection, answer: Answer) -> None:
        at = telemetry.utc_now()
        identity = connection.session.identity
        if answer.type == "auth.ok" and identity is not None:
            parcel = messages.auth_ok(identity.player_id, identity.username, identity.expires_at, at)
        else:
            stamp = answer.timestamp if answer.type == "pong" else int(at.timestamp() * 1000)
            parcel = messages.heartbeat(answer.type, stamp, at)
        connection.outlet.send(parcel)

    def _count(self, connection: Connection, refusal: Refusal) -> None:
        telemetry.rejected(refusal.code, transport=connection.outlet.transport, request_id=connection.request_id)

    def _refuse(self, connection: Connection, effect: Refuse) -> None:
        self._count(connection, effect.refusal)
        parcel = messages.error(effect.refusal, telemetry.utc_now(), channel=effect.channel, close=effect.close)
        connection.outlet.send(parcel)
        if effect.close is not None:
            self.end(connection, effect.close, str(effect.refusal.code))

    def end(self, connection: Connection, close: Close, reason: str) -> None:
        """Close a connection from this side."""
        if not connection.closed:
            self._depart(connection, reason)
            connection.outlet.close(close, reason)

    def dismiss(self, connection: Connection, refusal: Refusal) -> None:
        """Close a connection because of a refusal that no message of its own brought about."""
        if not connection.closed:
            self._refuse(connection, Refuse(refusal, close_code(refusal.code)))

    async def _verify(self, connection: Connection, effect: Verify) -> list[Effect]:
        session = connection.session
        before = connection.session_id
        try:
            claims = self._tokens.verify(effect.token)
            end = await self._enter_as(connection, claims, effect)  # last: nothing waits between it and the index
            if end is not None:
                raise session_ended(end)
        except Refusal as refusal:
            return session.refused(refusal)
        if connection.closed:
            self.leases.drop(connection.id)
            return []
        lifetime = (claims.expires_at - telemetry.utc_now()).total_seconds() + self._settings.clock_leeway
        effects = session.verified(claims, lifetime, _now())
        self._rooms.authenticated(connection, before)
        return effects

    async def _enter_as(self, connection: Connection, claims: Claims, effect: Verify) -> str | None:
        """Register the connection as its player's. Returns why the session has ended; None while it is alive."""
        if effect.refresh:
            return await self._end_of(claims)
        entrant = Entrant(connection.id, connection.address, claims.player_id, claims.session_id)
        admitted = await self.leases.take(entrant)
        if admitted is None or (admitted.ended is None and not admitted.knows_sessions):
            return await self._end_of(claims)
        return admitted.ended

    async def _end_of(self, claims: Claims) -> str | None:
        try:
            return await end_of_session(self._platform, claims.session_id)
        except StoreUnavailable:
            return None  # with both stores away reads go on until the token ends

    async def _join(self, connection: Connection, join: Join) -> None:
        rooms: list[tuple[Channel, Room | None]] = []
        for channel in join.channels:
            try:
                rooms.append((channel, await self._open(connection, channel)))
            except Refusal as refusal:
                self._refuse(connection, Refuse(refusal, channel=channel.name))
        if connection.closed or (join.channels and not rooms):
            return
        # From here to the snapshots nothing waits, so no update can come between.
        # A season may have turned while a room was read: those who follow the board go where the others are.
        rooms = [(channel, self._rooms.of(channel) or room) for channel, room in rooms]
        answers = [(channel, room, self._enter(connection, channel, room, join.since)) for channel, room in rooms]
        resumed = bool(answers) and all(answer is not None for _, _, answer in answers)
        connection.outlet.send(messages.subscribed([each.name for each, _ in rooms], resumed, telemetry.utc_now()))
        for channel, room, missed in answers:
            if missed is not None:
                for parcel in missed:
                    self._fanout.tell(connection, parcel)
            elif room is not None:
                self._fanout.show(connection, room, channel.name)
            else:
                self.standings.resync(connection, marked=channel.name in join.since)

    async def _open(self, connection: Connection, channel: Channel) -> Room | None:
        if channel == ME:
            return None
        room = await self._boards.open(channel)
        view = room.top
        if view is not None and view.board.visibility is Visibility.PRIVATE and connection.session.identity is None:
            raise connection.session.token_needed(_now())
        return room

    def _enter(
        self, connection: Connection, channel: Channel, room: Room | None, since: dict[str, Position]
    ) -> list[Parcel] | None:
        """Join a channel. Returns what the client missed, or None when only a snapshot helps."""
        position = since.get(channel.name)
        missed: list[Parcel] | None = None
        if room is None:
            self._rooms.listen(connection)
            player_id = connection.player_id
            if position is not None and player_id is not None:
                missed = self._feed.replay(player_id, position)
        else:
            self._rooms.enter(connection, channel, room)
            page = room.top.page if room.top is not None else None
            if position is not None and page is not None and page.epoch and not room.dirty:
                missed = [] if position == Position(page.epoch, page.seq) else None
        connection.session.joined(channel)
        if position is not None:
            telemetry.RESUMES.labels("snapshot" if missed is None else "replayed" if missed else "current").inc()
        return missed

    def _leave(self, connection: Connection, channels: tuple[Channel, ...]) -> None:
        for channel in channels:
            self._rooms.leave(connection, channel)
            connection.session.left(channel)
        connection.outlet.send(messages.unsubscribed([channel.name for channel in channels], telemetry.utc_now()))


def _now() -> float:
    return asyncio.get_running_loop().time()
