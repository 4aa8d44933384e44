"""Wires the service together: its parts, its ASGI application, its background loops.

``process`` and the tests build a :class:`Realtime`; nothing in the service is global.
"""

import asyncio
import contextlib
import random
from typing import Any

import msgspec
import socketio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from scoreboard import telemetry
from scoreboard.domain.board import Visibility
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Sight
from scoreboard.live.bus import Published
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.access_token import AccessTokens
from scoreboard.supervision import end_tasks, supervise
from scoreboard.usecases.check_health import Health
from scoreboard.usecases.frozen_ranks import frozen_boards
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_board import BoardView
from scoreboard.usecases.watch_process import watch_process
from scoreboard_realtime import messages
from scoreboard_realtime.boards import Boards
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.control import Control
from scoreboard_realtime.errors import Close
from scoreboard_realtime.fanout import FanOut
from scoreboard_realtime.feed import Feed
from scoreboard_realtime.freezes import Freezes
from scoreboard_realtime.gate import Gate
from scoreboard_realtime.news import RankWatch, item_parcels, own_rank_parcels
from scoreboard_realtime.parcel import Parcel
from scoreboard_realtime.problems import problem
from scoreboard_realtime.reception import Reception
from scoreboard_realtime.rooms import Room, RoomKey, Rooms
from scoreboard_realtime.session import Leave, Refuse
from scoreboard_realtime.transports import sse, websocket
from scoreboard_realtime.transports.socketio import PATH as SOCKETIO_PATH
from scoreboard_realtime.transports.socketio import LiveSocketIO

_CHECK_SESSIONS = 1.0
_GIVE_BACK = 0.5
"""Seconds until the place of a connection that ended is free for others; nothing is asked while none has ended."""
_DEGRADED_READ = 2.0
_MEASURE = 5.0
_LONGEST_DRAIN = 20.0
_DRAIN_STEP = 0.1
_DRAIN_EACH = 0.005  # seconds that one connection adds to the drain: few are let go at once, thousands slowly


class Realtime:
    """The service: its ASGI application is :attr:`application`."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        settings = platform.settings
        self.rooms = Rooms()
        self.boards = Boards(platform, self.rooms)
        self.feed = Feed(platform, on_event=self._event, on_item=self._item, on_loss=self._loss)
        self._ranks = RankWatch(self.rooms, self._tell, self.feed.position, self.boards.rank)
        self.fanout = FanOut(
            settings,
            self.rooms,
            self.boards.top,
            seen=self._seen,
            end=self._dismiss,
            resync=self._resync,
        )
        tokens = AccessTokens(settings)
        self.reception = Reception(platform, tokens, self.rooms, self.boards, self.feed, self.fanout)
        self.control = Control(platform, self.rooms, self.fanout, self.feed, self.reception)
        self._freezes = Freezes(platform, self.rooms, self.fanout, self.reception)
        self.socketio = LiveSocketIO(self.reception, settings)
        self.application = self._build()
        self._health = Health(platform)
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False

    def _build(self) -> Gate:
        settings = self.platform.settings
        pages = Starlette(
            routes=[
                Route("/health/live", _alive),
                Route("/health/ready", self._ready),
                Route("/health/startup", self._startup),
                WebSocketRoute(
                    websocket.PATH, websocket.WebSocketEndpoint(self.reception, settings.trusted_proxy_hops)
                ),
                Route(sse.PATH, sse.EventStreamEndpoint(self.reception, settings), methods=["GET"]),
            ],
            exception_handlers={404: _not_found, 405: _wrong_method},
        )
        both = socketio.ASGIApp(self.socketio, other_asgi_app=pages, socketio_path=SOCKETIO_PATH)
        return Gate(both, self.reception, settings)

    def start(self) -> None:
        """Begin the background loops."""
        settings = self.platform.settings
        loops: list[tuple[str, Any, float]] = [
            ("realtime_feed", self.feed.round, 0),
            ("realtime_fanout", self.fanout.round, 0),
            ("realtime_control", self.control.round, 0.1),
            ("realtime_sessions", self.control.check_sessions, _CHECK_SESSIONS),
            ("realtime_clock", self._clock, min(1.0, settings.auth_timeout / 4)),
            ("realtime_seasons", self._follow_seasons, 1.0),
            ("realtime_freezes", self._freezes.look, settings.freeze_check_every),
            ("realtime_registry", self.reception.leases.renew, settings.registry_ttl / 3),
            ("realtime_leases", self.reception.leases.give_back, _GIVE_BACK),
            ("realtime_degraded", self._read_degraded, _DEGRADED_READ),
            ("realtime_measure", self._measure, _MEASURE),
        ]
        for name, round_, every in loops:
            self._tasks.append(asyncio.create_task(supervise(name, round_, every=every), name=name))
        self._tasks += watch_process(self.platform, "realtime")
        self._started = True

    async def stop(self) -> None:
        """End the loops, give the leases back, close what is still open."""
        await end_tasks(self._tasks)
        for connection in list(self.rooms.connections.values()):
            self.reception.end(connection, Close.RESTARTING, "restarting")
        await self.socketio.finish()
        await self.feed.close()
        with contextlib.suppress(LiveUnavailable):
            await self.reception.leases.end()

    async def drain(self) -> None:
        """Say that this process stops, let nobody in, and close what is open, spread over some seconds."""
        if self.reception.draining:
            return
        self.reception.draining = True
        telemetry.DRAINING.set(1)
        waiting = list(self.rooms.connections.values())
        settings = self.platform.settings
        seconds = min(_LONGEST_DRAIN, settings.drain_seconds, len(waiting) * _DRAIN_EACH)
        at = telemetry.utc_now()
        for connection in waiting:
            connection.outlet.send(messages.server_drain(random.randint(250, 1000 + int(seconds * 1000)), at))  # noqa: S311
        random.shuffle(waiting)
        steps = max(1, int(seconds / _DRAIN_STEP))
        for step in range(steps):
            await asyncio.sleep(_DRAIN_STEP)
            for connection in waiting[step::steps]:
                self.reception.end(connection, Close.RESTARTING, "restarting")

    def _event(self, published: Published) -> None:
        for place, projection in zip(published.event.seasons, published.projections, strict=True):
            if projection.top_changed or not projection.ready:
                for sight in Sight:
                    self.fanout.changed(RoomKey(*place, sight), published.event.committed_at)

    def _item(self, published: Published, index: int) -> None:
        player_id = published.event.items[index].player_id
        listening = self.rooms.listeners.get(player_id)
        if not listening:
            return
        at = telemetry.utc_now()
        frozen = frozen_boards(self.platform.catalog.known_boards())
        parcels = item_parcels(published, index, at, frozen)
        for connection in tuple(listening):
            self.reception.acted(connection)
            going_on = [self.fanout.tell(connection, parcel) for parcel in parcels]
            if all(going_on):
                for parcel in own_rank_parcels(connection, published, index, at, frozen):
                    self.fanout.tell(connection, parcel)

    def _loss(self, lost: bool) -> None:
        """Fresh snapshots of all boards; with events lost, of all standings too."""
        self.fanout.resync()
        if lost:
            for listening in list(self.rooms.listeners.values()):
                for connection in tuple(listening):
                    connection.news.clear()
                    self.reception.standings.resync(connection)

    # The parts need each other; these resolve the circle once all of them exist.
    def _tell(self, connection: Connection, parcel: Parcel) -> None:
        self.fanout.tell(connection, parcel)

    async def _seen(self, room: Room, before: BoardView | None) -> None:
        await self._ranks.seen(room, before)
        if room.top is not None and room.top.board.visibility is Visibility.PRIVATE:
            self._show_out(room)

    def _show_out(self, room: Room) -> None:
        """A board that is private now is no longer for those without a token."""
        for audience in list(room.audiences.values()):
            for connection in [each for each in audience.members if each.session.identity is None]:
                self.reception.act(connection, Leave((audience.channel,)))
                refusal = connection.session.token_needed(asyncio.get_running_loop().time())
                self.reception.act(connection, Refuse(refusal, channel=audience.channel.name))

    def _dismiss(self, connection: Connection, refusal: Refusal) -> None:
        self.reception.dismiss(connection, refusal)

    def _resync(self, connection: Connection) -> None:
        self.reception.standings.resync(connection)

    async def _clock(self) -> None:
        self.reception.tick()
        self.rooms.sweep()
        await self.socketio.close_silent()
        with contextlib.suppress(LiveUnavailable):
            await self.reception.leases.give_back()

    async def _read_degraded(self) -> None:
        """While the stream is away nobody says what changed: look at every room now and then."""
        if not self.feed.available:
            for key in list(self.rooms.rooms):
                self.fanout.changed(key)

    async def _measure(self) -> None:
        telemetry.BACKLOG.set(sum(each.outlet.backlog() for each in self.rooms.connections.values()))
        await self.feed.measure_lag()

    async def _follow_seasons(self) -> None:
        """Take those who follow a board into its next season."""
        for room, audiences in list(self.rooms.followers()):
            running = await self.boards.running(room.key.board, room.key.sight)
            if running is None or running == room.key:
                continue
            try:
                top = await self.boards.top(running)
            except Refusal:
                continue  # in a second it is tried again
            following = self.rooms.room(running)
            following.top = following.top or top
            self.rooms.followed[running.board, running.sight] = running
            for audience in audiences:
                for connection in tuple(audience.members):
                    room.leave(connection, audience.channel)
                    self.rooms.enter(connection, audience.channel, following)
                    self.fanout.show(connection, following, audience.channel.name)

    async def _ready(self, request: Request) -> Response:
        """Ready until it drains. One store that is away makes it degraded, not unready."""
        if not self._started or self.reception.draining:
            state = "draining" if self.reception.draining else "starting"
            return _json({"status": state}, 503)
        status, stores = await self._health.check()
        stores["stream"] = "ok" if self.feed.available else "unavailable"
        if status == "ok" and not self.feed.available:
            status = "degraded"
        return _json({"status": status, "stores": stores}, 503 if status == "unavailable" else 200)

    async def _startup(self, request: Request) -> Response:
        return _json({"status": "started" if self._started else "starting"}, 200 if self._started else 503)


async def _alive(request: Request) -> Response:
    """The event loop turns. Asking a store here would turn its outage into a restart storm."""
    return _json({"status": "alive"}, 200)


def _json(content: dict[str, Any], status: int) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


async def _not_found(request: Request, error: Exception) -> Response:
    telemetry.rejected(ErrorCode.NOT_FOUND, transport="http")
    return problem(Refusal(ErrorCode.NOT_FOUND, "There is nothing at this address."), request.url.path)


async def _wrong_method(request: Request, error: Exception) -> Response:
    telemetry.rejected(ErrorCode.METHOD_NOT_ALLOWED, transport="http")
    refusal = Refusal(ErrorCode.METHOD_NOT_ALLOWED, "This address answers only to GET.")
    return problem(refusal, request.url.path, {"Allow": "GET"})
