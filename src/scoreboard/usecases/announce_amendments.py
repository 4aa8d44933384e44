"""Tell the world of amended actions: leaderboards first, each season in one step, then the news for the players.

Called after the commit, and by the sweep with what a crash left behind. Doing it again is harmless, as with every
announcement. Readers see a season as it was until the whole of it is as it is now.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from scoreboard.domain.board import Board
from scoreboard.domain.events import LedgerEntry, StandingChange
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.live import leaderboard
from scoreboard.live.bus import CatalogChanged
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.identifiers import new_id
from scoreboard.storage import ledger, players, scores, seasons
from scoreboard.storage.amendments import Pair
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import Announcement, announce, announce_control
from scoreboard.usecases.freeze_boards import drop_frozen
from scoreboard.usecases.platform import Platform

_EVENT_ITEMS = 200
"""Entries in one event of the stream: as many as a batch of completions has."""

Renew = Callable[[Board, Season], Awaitable[None]]
"""How a leaderboard is renewed of which too much has changed for one call."""


@dataclass(frozen=True, slots=True)
class _Touched:
    """What a range of amendments is about: the entry that last speaks of each total, the totals as they are now, and
    their seasons.
    """

    last: dict[Pair, int]
    changes: dict[Pair, StandingChange]
    seasons: dict[int, Season]


async def announce_amendments(platform: Platform, first_seq: int, last_seq: int, renew: Renew) -> None:
    """Project and publish a range of the ledger that holds amendments only.

    Args:
        platform: stores.
        first_seq: the range's first number.
        last_seq: its last one.
        renew: for seasons with more than ``amendment_rebuild_above`` changes.

    Raises:
        LiveUnavailable, StoreUnavailable: nothing is known to be announced.
    """
    boards = await platform.catalog.boards()
    touched = await platform.database.transact(lambda tx: _read(tx, first_seq, last_seq))
    places = [(id_, boards[season.board_key]) for id_, season in touched.seasons.items() if season.board_key in boards]
    await drop_frozen(platform, places)
    # A few entries are projected by the call that publishes them; many would take several, with states between them.
    at_once = last_seq - first_seq < _EVENT_ITEMS
    if not at_once:
        await _project(platform, boards, touched, renew)
    for start in range(first_seq, last_seq + 1, _EVENT_ITEMS):
        stop = min(start + _EVENT_ITEMS - 1, last_seq)
        found = await platform.database.transact(
            lambda tx, a=start, b=stop: _announcements(tx, touched, a, b, placed=at_once)  # type: ignore[misc]
        )
        known = [one for one in found if all(change.board_key in boards for change in one.changes)]
        if known:
            await announce(platform, boards, known)
    # The events do not tell that a closed season changed, what was projected before them, or what the public sees.
    silent = {s.board_key for s in touched.seasons.values() if not at_once or s.status is SeasonStatus.CLOSED}
    silent |= {board.key for _, board in places if board.frozen_from is not None}
    for board_key in sorted(silent):
        if not await announce_control(platform, CatalogChanged(board_key)):
            raise LiveUnavailable("Redis is away")


async def _read(tx: Transaction, first: int, last: int) -> _Touched:
    numbers = await ledger.last_of_pairs(tx, first, last)
    return _Touched(
        numbers, await scores.changes(tx, numbers), await seasons.find_many(tx, {season for season, _ in numbers})
    )


async def _project(platform: Platform, boards: dict[str, Board], touched: _Touched, renew: Renew) -> None:
    by_season: dict[int, list[StandingChange]] = defaultdict(list)
    for (season_id, _), change in touched.changes.items():
        by_season[season_id].append(change)
    for season_id, changes in by_season.items():
        season = touched.seasons[season_id]
        board = boards.get(season.board_key)
        if board is None or season.status is SeasonStatus.CLOSED:
            continue
        if len(changes) > platform.settings.amendment_rebuild_above:
            await renew(board, season)
            continue
        await leaderboard.project(
            platform.live,
            [(season_id, board, changes)],
            event=b"",
            numbers=0,
            stream_length=platform.settings.stream_length,
            fresh_epoch=new_id().hex,
        )


async def _announcements(
    tx: Transaction, touched: _Touched, first: int, last: int, *, placed: bool
) -> list[Announcement]:
    """The entries of a part of the range. ``placed`` False: the boards know already, so they name none."""
    entries = await ledger.between(tx, first, last)
    names = await players.find_many(tx, {entry.player_id for _, entry in entries})
    return [
        Announcement(seq, shown, name, _changes(touched, seq, shown, name))
        for seq, entry in entries
        for shown in [entry if placed else replace(entry, season_ids=(), previous=(), current=())]
        for name in [names[entry.player_id].username if entry.player_id in names else ""]
    ]


def _changes(touched: _Touched, seq: int, entry: LedgerEntry, name: str) -> tuple[StandingChange, ...]:
    """The present totals, with the last entry that speaks of each; entries before it move nothing."""
    changes = []
    for season in entry.season_ids:
        pair = (season, entry.player_id)
        change = touched.changes.get(pair) if touched.last[pair] == seq else None
        if change is None:
            board_key = touched.seasons[season].board_key
            change = StandingChange(season, board_key, entry.player_id, name, None, None, entry.at, 0)
        changes.append(change)
    return tuple(changes)
