"""Notices when boards freeze and when they are revealed: time passes, or a board is declared anew; no event says so.

What a room shows is decided where it is read, so nothing is shown too early or too long; this makes rooms look.
"""

import asyncio

from scoreboard.domain.freeze import Freeze
from scoreboard.storage.database import StoreUnavailable
from scoreboard.usecases.frozen_ranks import frozen_boards
from scoreboard.usecases.platform import Platform
from scoreboard_realtime.channels import ME
from scoreboard_realtime.fanout import FanOut
from scoreboard_realtime.reception import Reception
from scoreboard_realtime.rooms import Rooms

_TOGETHER = 50
"""Listeners who are told their standing after a reveal before others on the event loop get a turn."""
_BREATH = 0.05


class Freezes:
    """Looks at the boards' freezes, and keeps the catalogue of this process fresh while nobody reads it."""

    def __init__(self, platform: Platform, rooms: Rooms, fanout: FanOut, reception: Reception) -> None:
        self._platform = platform
        self._rooms = rooms
        self._fanout = fanout
        self._reception = reception
        self._on: dict[str, Freeze] = {}

    async def look(self) -> None:
        """Let rooms of boards that have just frozen or been revealed look again. Run it supervised."""
        try:
            boards = await self._platform.catalog.boards()
        except StoreUnavailable:
            return  # nothing was ever read, so nobody is shown anything
        before, self._on = self._on, frozen_boards(boards)
        turned = {key for key in before.keys() | self._on.keys() if before.get(key) != self._on.get(key)}
        for room in list(self._rooms.rooms.values()):
            if room.key.board in turned:
                self._fanout.changed(room.key)
        if before.keys() - self._on.keys():
            await self._tell_standings()

    async def _tell_standings(self) -> None:
        """Ranks that were frozen are real again: tell everybody who listens to their own news."""
        listening = [connection for group in self._rooms.listeners.values() for connection in group]
        for index, connection in enumerate(listening, 1):
            if ME in connection.session.channels:
                self._reception.standings.resync(connection)
            if index % _TOGETHER == 0:
                await asyncio.sleep(_BREATH)
