"""Facts that must be quick: ended sessions, changed configuration, rebuilt leaderboards, finished jobs.

The control channel may lose messages, so ended sessions are also looked for every twenty seconds, in Postgres.
"""

from typing import Any
from uuid import UUID

import structlog

from scoreboard import telemetry
from scoreboard.live import bus
from scoreboard.storage.database import StoreUnavailable
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.revocation import ended_sessions, session_is_revoked
from scoreboard_realtime.errors import revocation
from scoreboard_realtime.fanout import FanOut
from scoreboard_realtime.feed import Feed
from scoreboard_realtime.news import job_parcel
from scoreboard_realtime.reception import Reception
from scoreboard_realtime.rooms import Rooms

_log = structlog.get_logger("scoreboard.control")
_CHUNK = 1000


class Control:
    """Listens to the control channel and acts on what it says."""

    def __init__(self, platform: Platform, rooms: Rooms, fanout: FanOut, feed: Feed, reception: Reception) -> None:
        self._platform = platform
        self._rooms = rooms
        self._fanout = fanout
        self._feed = feed
        self._reception = reception
        self._client: Any = None

    async def round(self) -> None:
        """Listen until the connection is lost. Run it supervised: it subscribes again."""
        self._client = self._platform.live.blocking_client()
        try:
            async for message in bus.control_messages(self._client):
                self.take(message)
        finally:
            await self._client.aclose()

    def take(self, message: bus.Control) -> None:
        """Act on one message."""
        match message:
            case bus.SessionsRevoked():
                for session_id in message.session_ids:
                    self._end_session(session_id, message.reason)
            case bus.CatalogChanged():
                self._platform.catalog.invalidate()
                for room in list(self._rooms.rooms.values()):
                    if message.board_key in (None, room.key[0]):
                        self._fanout.changed(room.key)
            case bus.LeaderboardRebuilt():
                self._fanout.resync((message.board_key, message.season_id))
            case bus.JobFinished():
                for connection in tuple(self._rooms.listeners.get(message.player_id, ())):
                    parcel = job_parcel(message, self._feed.position(), telemetry.utc_now())
                    self._fanout.tell(connection, parcel)

    def _end_session(self, session_id: UUID, reason: str) -> None:
        for connection in tuple(self._rooms.sessions.get(session_id, ())):
            self._reception.dismiss(connection, revocation(reason))

    async def check_sessions(self) -> None:
        """Close the connections of sessions that have ended, should the control channel not have said so."""
        known = list(self._rooms.sessions)
        for start in range(0, len(known), _CHUNK):
            part = known[start : start + _CHUNK]
            try:
                ended = await ended_sessions(self._platform, part)
            except StoreUnavailable:
                ended = await self._ended_by_redis(part)
            for session_id in ended:
                _log.info("session found ended")
                for connection in tuple(self._rooms.sessions.get(session_id, ())):
                    self._reception.dismiss(connection, revocation())

    async def _ended_by_redis(self, session_ids: list[UUID]) -> set[UUID]:
        try:
            return {each for each in session_ids if await session_is_revoked(self._platform, each)}
        except StoreUnavailable:
            return set()  # with both stores away connections live until their token ends
