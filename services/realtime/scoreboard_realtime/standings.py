"""A player's own standing, sent when a connection begins to listen to its news and whenever it may have missed some.

Called by ``reception`` for new listeners, by ``fanout`` for slow ones, by ``app`` and ``freezes`` for everybody.
"""

import asyncio

from scoreboard import telemetry
from scoreboard_realtime import messages
from scoreboard_realtime.boards import Boards
from scoreboard_realtime.channels import ME
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.fanout import FanOut
from scoreboard_realtime.feed import Feed


class Standings:
    """One for each process."""

    def __init__(self, boards: Boards, feed: Feed, fanout: FanOut) -> None:
        self._boards = boards
        self._feed = feed
        self._fanout = fanout
        self._tasks: set[asyncio.Task[None]] = set()

    def resync(self, connection: Connection, *, marked: bool = True) -> None:
        """Send the player's standing in place of missed news; ``marked``: say so with a ``sync`` first."""
        if ME not in connection.session.channels:
            return
        if connection.held:
            connection.lost_news |= marked  # what is being read may be older than what was missed
            return
        if marked:
            connection.outlet.send(messages.sync(ME.name, telemetry.utc_now()))
        connection.held = True
        task = asyncio.get_running_loop().create_task(self._show(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _show(self, connection: Connection) -> None:
        position = self._feed.position()  # before the read: what comes during it is told afterwards
        try:
            for parcel in await self._boards.standing(connection, position):
                connection.outlet.send(parcel)  # one that is closed ignores it
        finally:
            self._fanout.release(connection)
