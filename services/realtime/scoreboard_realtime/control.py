"""Facts that must be quick: ended sessions, changed configuration, rebuilt leaderboards, corrections, finished jobs.

The control channel may lose messages, so revoked sessions are also looked for in Postgres, once a second.
"""

import asyncio
from typing import Any
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.session_end import session_ended
from scoreboard.live import bus
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.revocation import revoked_within
from scoreboard_realtime import messages
from scoreboard_realtime.fanout import FanOut
from scoreboard_realtime.feed import Feed
from scoreboard_realtime.news import job_parcel
from scoreboard_realtime.parcel import Parcel
from scoreboard_realtime.reception import Reception
from scoreboard_realtime.rooms import Rooms

_OVERLAP = 30.0


class Control:
    """Listens to the control channel and acts on what it says."""

    def __init__(self, platform: Platform, rooms: Rooms, fanout: FanOut, feed: Feed, reception: Reception) -> None:
        self._platform = platform
        self._rooms = rooms
        self._fanout = fanout
        self._feed = feed
        self._reception = reception
        self._client: Any = None
        self._checked_at = 0.0

    async def round(self) -> None:
        """Listen until the connection is lost. Run it supervised: it subscribes again."""
        self._client = self._platform.live.blocking_client()
        try:
            async for message in bus.control_messages(self._client):
                self.take(message)
        finally:
            await self._client.aclose()

    def take(self, message: bus.Control | bus.Listening) -> None:
        """Act on one message."""
        match message:
            case bus.Listening():
                self._platform.catalog.invalidate()
                self._fanout.resync()
            case bus.SessionsRevoked():
                for session_id in message.session_ids:
                    self._end_session(session_id, message.reason)
            case bus.CatalogChanged():
                self._platform.catalog.invalidate()
                for room in list(self._rooms.rooms.values()):
                    if message.board_key in (None, room.key.board):
                        self._fanout.changed(room.key)
            case bus.LeaderboardRebuilt():
                self._fanout.resync(self._rooms.of_season(message.board_key, message.season_id))
            case bus.CorrectionMade():
                self._tell_correction(message)
            case bus.JobFinished():
                self._tell_job(message)

    def _tell_job(self, job: bus.JobFinished) -> None:
        for connection in tuple(self._rooms.listeners.get(job.player_id, ())):
            parcel = job_parcel(job, self._feed.position(), telemetry.utc_now())
            self._fanout.tell(connection, parcel)

    def _tell_correction(self, made: bus.CorrectionMade) -> None:
        for board in made.boards:

            def notice(channel: str, board: bus.CorrectedBoard = board) -> Parcel:
                return messages.correction(channel, made, board, telemetry.utc_now())

            for room in self._rooms.of_season(board.board_key, board.season_id):
                self._fanout.correct(room, notice)

    def _end_session(self, session_id: UUID, reason: str) -> None:
        for connection in tuple(self._rooms.sessions.get(session_id, ())):
            self._reception.dismiss(connection, session_ended(reason))

    async def check_sessions(self) -> None:
        """Close the connections of sessions that were revoked lately, should the control channel not have said so.

        Looks back to the last look that succeeded, and a little further: a revocation shows only when it commits, and
        a connection may come to know its player after its session has ended. Raises StoreUnavailable.
        """
        now = asyncio.get_running_loop().time()
        since = now - self._checked_at if self._checked_at else 0.0
        for session_id, reason in (await revoked_within(self._platform, since + _OVERLAP)).items():
            self._end_session(session_id, reason)
        self._checked_at = now
