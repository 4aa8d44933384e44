"""Give a board the seasons that its own schedule or the declared seasons want.

Called whenever one of them is declared or retired, and by the worker, which keeps the next season ready.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from scoreboard.domain.board import Board, Schedule
from scoreboard.domain.clock import EPOCH
from scoreboard.domain.declaration import Resource
from scoreboard.domain.season import Season
from scoreboard.domain.timeline import Refit, Slot, Window, planned_windows, refit
from scoreboard.live import leaderboard
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import actions, declarations, season_plans
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.season_boundaries import last_boundary, next_boundary, season_name


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was changed: seasons that are new, how many have another end or name, ids of those that never began."""

    made: tuple[Season, ...] = ()
    changed: int = 0
    dropped: tuple[int, ...] = ()


async def ensure_seasons(tx: Transaction, board: Board, now: datetime) -> list[Season]:
    """:func:`fit_seasons`, for who wants to know of the new ones only."""
    return list((await fit_seasons(tx, board, now)).made)


async def fit_seasons(tx: Transaction, board: Board, now: datetime) -> Fitted:
    """Make, change and take away seasons until the board has those that are wanted.

    Args:
        tx: the transaction.
        board: the board as the caller knows it. Before anything changes it is read again: a declaration may have come
            in between. Seasons of retired boards stay as they are.
        now: the moment to judge by, unless seasons have to change: then everybody who writes is waited for, and the
            database's clock is looked at again.
    """
    slots = await season_plans.slots(tx, board.key, locked=False)
    if slots and not await _wanted(tx, board, slots, now):
        return Fitted()
    await declarations.lock(tx)
    declared = await declarations.find(tx, Resource.BOARDS, board.key)
    if declared is not None:
        if declared.retired_at is not None:
            return Fitted()
        board = declared.spec if isinstance(declared.spec, Board) else board
    slots = await season_plans.slots(tx, board.key, locked=True)
    if slots:
        now = await actions.clock(tx)
    found = await _wanted(tx, board, slots, now)
    for season_id in found.drop:
        await season_plans.drop(tx, season_id)
    for season_id, window in found.change.items():
        await season_plans.change(tx, season_id, window)
    made = [await season_plans.add(tx, board.key, window) for window in found.add]
    return Fitted(tuple(season for season in made if season is not None), len(found.change), tuple(found.drop))


async def forget_leaderboards(platform: Platform, season_ids: Iterable[int]) -> None:
    """Take the leaderboards of dropped seasons out of Redis. Without Redis they stay: they are empty."""
    for season_id in season_ids:
        with suppress(LiveUnavailable):
            await leaderboard.drop(platform.live, season_id)


async def _wanted(tx: Transaction, board: Board, slots: Sequence[Slot], now: datetime) -> Refit:
    if not has_schedule(board):
        return refit(slots, planned_windows(await season_plans.of_boards(tx, [board.key])), now)
    return refit(slots, own_windows(board, now), now)


def has_schedule(board: Board) -> bool:
    """Whether a board says itself when its seasons begin or end."""
    return board.schedule != Schedule(time_zone=board.schedule.time_zone)


def own_windows(board: Board, now: datetime) -> list[Window]:
    """The seasons that a board's own schedule wants: with cron that of now and the next one, else the only one."""
    schedule = board.schedule
    if schedule.cron is None:
        starts = schedule.starts_at or EPOCH
        return [Window(starts, schedule.ends_at, season_name(board, starts))]
    began, ends = last_boundary(board, now), next_boundary(board, now)
    return [
        Window(began, ends, season_name(board, began)),
        Window(ends, next_boundary(board, ends), season_name(board, ends)),
    ]
