"""What this service reads of boards: the room behind a channel, its top, a player's standing, the season that runs."""

import asyncio
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.errors import Refusal
from scoreboard.domain.freeze import Look, Sight
from scoreboard.usecases.board_state import find_season
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_board import BoardView, read_own_standing, read_standing, read_top
from scoreboard_realtime import messages
from scoreboard_realtime.channels import ME_NAME, Channel
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.messages import Position
from scoreboard_realtime.news import rank_parcel
from scoreboard_realtime.own_score import Heard
from scoreboard_realtime.parcel import Parcel
from scoreboard_realtime.rooms import Room, RoomKey, Rooms


class Boards:
    """Reads through the use cases, at most once at a time for each room."""

    def __init__(self, platform: Platform, rooms: Rooms) -> None:
        self._platform = platform
        self._rooms = rooms
        self._reading: dict[RoomKey, asyncio.Lock] = {}

    async def open(self, channel: Channel) -> Room:
        """The room that a channel leads to, with its top read.

        Raises:
            Refusal: NOT_FOUND for an unknown board or season, DEPENDENCY_UNAVAILABLE when no store answers.
        """
        room = self._rooms.of(channel)
        if room is not None and room.top is not None:
            return room
        board, season = await find_season(self._platform, channel.board, channel.season)
        key = RoomKey(board.key, season.id, channel.sight)
        room = self._rooms.room(key)  # before the read: a change during it must find the room
        if room.top is None:
            async with self._reading.setdefault(key, asyncio.Lock()):
                if room.top is None:
                    top = await self.top(key)
                    room.top = room.top or top
            self._reading.pop(key, None)
        return self._rooms.rooms.setdefault(key, room)

    async def top(self, key: RoomKey) -> BoardView:
        """The visible top of a board season now. Raises Refusal as the use case does."""
        return await read_top(self._platform, key.board, None, key.season, Look(key.sight))

    async def rank(self, key: RoomKey, player_id: UUID) -> int | None:
        """A player's rank now; None without one, or when no store answers."""
        try:
            view = await read_standing(self._platform, key.board, player_id, key.season, Look(key.sight))
        except Refusal:
            return None
        standing = view.standings.standings[0]
        return standing.entry.rank if standing is not None else None

    async def running(self, board_key: str, sight: Sight) -> RoomKey | None:
        """The room of the board season that counts now; None when it cannot be told."""
        try:
            board, season = await find_season(self._platform, board_key, None)
        except Refusal:
            return None
        return RoomKey(board.key, season.id, sight)

    async def standing(self, connection: Connection, position: Position) -> list[Parcel]:
        """Where the player stands on the default board and on those that the connection follows; before it, every
        rank that is another one than the player was told: a client hears of each move once, whoever notices it first.
        """
        player_id = connection.player_id
        if player_id is None:
            return []
        moved: list[Parcel] = []
        wanted: dict[tuple[str, int | None], None] = {(self._platform.settings.default_board, None): None}
        for channel in connection.session.channels:
            if channel.board is not None:
                wanted[channel.board, channel.season] = None
        rows, heard = [], Heard()
        for board_key, season_id in wanted:
            before = dict(connection.told)
            try:
                own = await read_own_standing(
                    self._platform, board_key, player_id, season_id, Look(connection.session.sight)
                )
            except Refusal:
                continue
            view, standing = own.view, own.standing
            if standing is not None:
                known, rank = connection.told.get(view.season.id), standing.entry.rank
                # What was told during the read is newer than what was read, and waits to follow it.
                if known == before.get(view.season.id):
                    connection.told[view.season.id] = rank
                if known is not None and known == before.get(view.season.id) != rank:
                    key = RoomKey(view.board.key, view.season.id)
                    moved.append(rank_parcel(key, known, rank, position, telemetry.utc_now()))
            heard[view.season.id] = own.score
            rows.append(
                {
                    "board": view.board.key,
                    "season": view.season.id,
                    "score": own.score,
                    "rank": standing.entry.rank if standing is not None else None,
                    "total": view.standings.total,
                    "freeze": messages.freeze_info(view.freeze),
                }
            )
        connection.heard = heard
        told = messages.envelope(
            "standing.initial", {"standings": rows}, telemetry.utc_now(), channel=ME_NAME, position=position
        )
        return [*moved, told]
