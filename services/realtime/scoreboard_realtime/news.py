"""News for one player: what an item of the stream means to its owner, and how ranks moved because of others.

Held points go to their owner alone, as pending. Nothing about another player leaves here.
"""

from collections.abc import Awaitable, Callable, Container
from datetime import datetime
from typing import Any
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.action import ActionStatus
from scoreboard.domain.events import EntryType, Ranks
from scoreboard.domain.freeze import Sight
from scoreboard.live.bus import JobFinished, Published, ScoreItem
from scoreboard.usecases.read_board import BoardView
from scoreboard_realtime import messages
from scoreboard_realtime.channels import ME_NAME
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.messages import Position
from scoreboard_realtime.parcel import Parcel
from scoreboard_realtime.rooms import Room, RoomKey, Rooms

_CORRECTED = (EntryType.VOIDED, EntryType.RESTORED)
_STATUS: dict[str, ActionStatus] = {
    EntryType.APPLIED: ActionStatus.COMPLETED,
    EntryType.HELD: ActionStatus.HELD,
    EntryType.RELEASED: ActionStatus.COMPLETED,
    EntryType.REJECTED: ActionStatus.REJECTED,
    EntryType.VOIDED: ActionStatus.VOIDED,
    EntryType.RESTORED: ActionStatus.COMPLETED,
}

ReadRank = Callable[[RoomKey, UUID], Awaitable[int | None]]
"""A player's rank in a board season now; None without one."""


def _moved(ranks: Ranks | None) -> dict[str, int | None] | None:
    return {"previous": ranks.previous, "current": ranks.current} if ranks is not None else None


def _about(item: ScoreItem) -> dict[str, Any]:
    return {
        "action_id": item.action_id,
        "kind": item.kind,
        "points": item.points,
        "verdict": item.verdict,
        "entry_type": item.entry_type,
        "status": _STATUS[item.entry_type],
    }


def item_parcels(published: Published, index: int, at: datetime, frozen: Container[str]) -> list[Parcel]:
    """What the owner of one item hears: one message for each board it touched, or one when it touched none.

    On boards that are ``frozen`` the owner hears of points and score, and of no rank: the one that everybody sees does
    not move, and the real one is not told.
    """
    item = published.event.items[index]
    position = Position(published.epoch, published.first + index)
    type_, about = "score.update", _about(item)
    if item.entry_type in _CORRECTED:
        type_, about = "correction", about | {"undone": item.entry_type == EntryType.RESTORED}
    if not item.places:
        data = {**about, "board": None, "score": None, "rank": None}
        return [messages.envelope(type_, data, at, channel=ME_NAME, position=position)]
    parcels = []
    for season_index, change_index, previous, current in item.places:
        board, season = published.event.seasons[season_index]
        data = {
            **about,
            "board": board,
            "score": {"previous": previous, "current": current},
            "rank": None if board in frozen else _moved(published.ranks(season_index, change_index)),
        }
        parcels.append(messages.envelope(type_, data, at, channel=ME_NAME, season=season, position=position))
    return parcels


def rank_parcel(key: RoomKey, previous: int | None, current: int | None, position: Position, at: datetime) -> Parcel:
    """A player's rank on a board is another one now."""
    data = {"board": key.board, "rank": {"previous": previous, "current": current}}
    return messages.envelope("rank.change", data, at, channel=ME_NAME, season=key.season, position=position)


def job_parcel(job: JobFinished, position: Position, at: datetime) -> Parcel:
    """An asynchronous action is done."""
    data: dict[str, Any] = {"job_id": job.job_id, "status": job.status}
    if job.problem is not None:
        data["problem"] = job.problem
    else:
        data["result"] = job.result
    return messages.envelope("job.completed", data, at, channel=ME_NAME, position=position)


def own_rank_parcels(
    connection: Connection, published: Published, index: int, at: datetime, frozen: Container[str]
) -> list[Parcel]:
    """Rank changes that a player's own item brought about, as far as this connection does not know them yet. On boards
    that are ``frozen`` there are none.
    """
    position = Position(published.epoch, published.first + index)
    parcels = []
    for season_index, change_index, _, _ in published.event.items[index].places:
        ranks = published.ranks(season_index, change_index)
        key = RoomKey(*published.event.seasons[season_index])
        if ranks is None or ranks.current is None or not ranks.applied or key.board in frozen:
            continue
        known = connection.told.get(key.season, ranks.previous)
        connection.told[key.season] = ranks.current
        if known != ranks.current:
            parcels.append(rank_parcel(key, known, ranks.current, position, at))
    return parcels


class RankWatch:
    """Tells connected players of the visible top when others moved them."""

    def __init__(
        self,
        rooms: Rooms,
        tell: Callable[[Connection, Parcel], None],
        position: Callable[[], Position],
        read_rank: ReadRank,
    ) -> None:
        self._rooms = rooms
        self._tell = tell
        self._position = position
        self._read_rank = read_rank

    async def seen(self, room: Room, before: BoardView | None) -> None:
        """The room shows something new: compare with what it showed before."""
        if before is None or room.top is None or not self._rooms.listeners or room.key.sight is not Sight.PUBLIC:
            return
        now = {entry.player_id: entry.rank for entry in room.top.page.entries}
        was = {entry.player_id: entry.rank for entry in before.page.entries}
        for player_id in now.keys() | was.keys():
            if player_id not in self._rooms.listeners:
                continue
            rank = now.get(player_id)
            if rank is None:
                rank = await self._read_rank(room.key, player_id)
            self._compare(room.key, player_id, was.get(player_id), rank)

    def _compare(self, key: RoomKey, player_id: UUID, was: int | None, rank: int | None) -> None:
        for connection in tuple(self._rooms.listeners.get(player_id, ())):
            known = connection.told.get(key.season, was)
            if rank is None:
                connection.told.pop(key.season, None)
            else:
                connection.told[key.season] = rank
            if known is not None and known != rank:
                self._tell(connection, rank_parcel(key, known, rank, self._position(), telemetry.utc_now()))
