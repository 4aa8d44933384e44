"""The rows of an amendment: looked at, locked, counted again, written.

Everything goes in chunks, so that no statement grows with the amendment; the chunks share one transaction. What takes
long is done before anything is locked that players wait for: their histories are read and folded first, and only what
happened meanwhile is added under the lock.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from scoreboard.domain.action import Action
from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType, LedgerEntry
from scoreboard.domain.refold import Effective, amended_status, counts_after, refold, settle
from scoreboard.domain.score import Total
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.storage import actions, amendments, catalog, ledger, scores, seasons
from scoreboard.storage.amendments import Pair
from scoreboard.storage.database import Contended, Transaction

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with how many steps are done, and of how many."""
Played = Sequence[tuple[Effective, Sequence[int]]]
"""What a player did that counts, each with the seasons in which it does."""


def silent(done: int, total: int) -> None:
    """Progress for nobody."""


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Pieces of at most ``size``, in order."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


@dataclass(slots=True)
class AmendmentRows:
    """What an amendment works with.

    ``originals`` holds, for each action, the entry that first recorded it and its number; ``pairs`` every (season,
    player) it touches, in the order of locks. ``refolded`` is what the totals come to once the amendment is done, as
    far as the ledger's entry ``seen``. ``totals`` are the present ones, ``changed`` those that are different then.
    """

    types: dict[UUID, EntryType]
    chunk: int
    names: dict[UUID, str] = field(default_factory=dict)
    actions: dict[UUID, Action] = field(default_factory=dict)
    originals: dict[UUID, tuple[int, LedgerEntry]] = field(default_factory=dict)
    turns: dict[tuple[UUID, EntryType], int] = field(default_factory=dict)
    seasons: dict[int, Season] = field(default_factory=dict)
    boards: dict[int, Board] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    seen: int = 0
    refolded: dict[Pair, Total | None] = field(default_factory=dict)
    totals: dict[Pair, Total] = field(default_factory=dict)
    changed: dict[Pair, Total] = field(default_factory=dict)

    def is_closed(self, season_id: int) -> bool:
        """Whether the season's final standings are written."""
        return self.seasons[season_id].status is SeasonStatus.CLOSED


async def look_at_rows(
    tx: Transaction, boards: dict[str, Board], types: dict[UUID, EntryType], chunk: int
) -> AmendmentRows:
    """What an amendment would do, as far as can be seen without a lock.

    Raises:
        Refusal: INVALID_SCORE when a board could not hold a total; CONFLICT for a board that is not there any more.
    """
    rows = AmendmentRows(types, chunk)
    for ids in chunks(sorted(types), chunk):
        rows.originals |= await ledger.of_actions(tx, ids)
    rows.pairs = sorted({(s, entry.player_id) for _, entry in rows.originals.values() for s in entry.season_ids})
    await _load_seasons(tx, boards, rows, locked=False)
    rows.seen, _ = await ledger.head(tx)
    await _fold(tx, rows, rows.pairs, rows.seen)
    for pairs in chunks(rows.pairs, chunk):
        rows.totals |= await scores.find(tx, pairs)
    _compare(rows, rows.pairs)
    return rows


async def lock_rows(tx: Transaction, boards: dict[str, Board], rows: AmendmentRows, on_progress: Progress) -> None:
    """Lock the players (shared: nobody shows or hides them), the actions and the seasons (closed ones for us alone).

    Raises:
        Refusal: CONFLICT when an action is not in the state that its amendment starts from, or is not there.
    """
    wanted = sorted(rows.types)
    for ids in chunks(wanted, rows.chunk):
        rows.names |= await amendments.share_owners(tx, ids)
    for done, ids in enumerate(chunks(wanted, rows.chunk)):
        rows.actions |= await actions.lock(tx, ids)
        rows.turns |= await amendments.turns(tx, ids)
        on_progress(done * rows.chunk + len(ids), len(wanted))
    for action_id, entry_type in rows.types.items():
        if action_id not in rows.actions:
            raise Refusal(ErrorCode.CONFLICT, "There is no such action any more.")
        amended_status(rows.actions[action_id].status, entry_type)
    await _load_seasons(tx, boards, rows, locked=True)


async def _load_seasons(tx: Transaction, boards: dict[str, Board], rows: AmendmentRows, *, locked: bool) -> None:
    touched = {season for season, _ in rows.pairs}
    for season_id, (season, closed_at) in (await seasons.share_known(tx, touched, locked=locked)).items():
        rows.seasons[season_id] = season
        board = boards.get(season.board_key)
        if season.status is SeasonStatus.CLOSED and closed_at is not None:
            # A closed season goes on to be ranked by the rules under which it was closed.
            board = await catalog.board_at(tx, season.board_key, closed_at) or board
        if board is None:
            raise Refusal(ErrorCode.CONFLICT, f"The board {season.board_key} is not configured any more.")
        rows.boards[season_id] = board


def _by_player(pairs: Sequence[Pair]) -> dict[UUID, list[int]]:
    found: dict[UUID, list[int]] = {}
    for season_id, player_id in pairs:
        found.setdefault(player_id, []).append(season_id)
    return found


async def _fold(tx: Transaction, rows: AmendmentRows, pairs: Sequence[Pair], up_to: int) -> None:
    """Fold what will count for these pairs once the amendment is done, as far as an entry of the ledger."""
    given_back: dict[UUID, list[tuple[Effective, Sequence[int]]]] = {}
    for action_id, entry_type in rows.types.items():
        if counts_after(entry_type) and action_id in rows.originals:
            seq, entry = rows.originals[action_id]
            again = Effective(seq, action_id, entry.at, entry.points)
            given_back.setdefault(entry.player_id, []).append((again, entry.season_ids))
    own = _by_player(pairs)
    for players in chunks(sorted(own), rows.chunk):
        wanted = [(season, player) for player in players for season in own[player]]
        kept = await amendments.effective(tx, players, 0, up_to)
        # In a thread: histories may be long, and the process has others to answer.
        rows.refolded |= await asyncio.to_thread(_refolded, rows, wanted, given_back, kept)


def _refolded(
    rows: AmendmentRows, pairs: Sequence[Pair], given_back: Mapping[UUID, Played], kept: Mapping[UUID, Played]
) -> dict[Pair, Total | None]:
    counting: dict[Pair, list[Effective]] = {pair: [] for pair in pairs}
    for player in {player for _, player in pairs}:
        _count(counting, player, given_back.get(player, ()))
        _count(counting, player, [each for each in kept.get(player, ()) if each[0].action_id not in rows.types])
    return {
        (season, player): refold(rows.boards[season], season, player, here)
        for (season, player), here in counting.items()
    }


def _count(counting: dict[Pair, list[Effective]], player_id: UUID, played: Played) -> None:
    for one, where in played:
        for season_id in where:
            if (season_id, player_id) in counting:
                counting[season_id, player_id].append(one)


async def settle_totals(tx: Transaction, rows: AmendmentRows, pairs: Sequence[Pair]) -> None:
    """Lock the totals of these pairs (sorted), count in what happened since they were looked at, and write them.

    Raises:
        Refusal: INVALID_SCORE when a board could not hold one of them.
        Contended: another transaction made one of them first.
    """
    for part in chunks(pairs, rows.chunk):
        rows.totals |= await scores.lock(tx, part)
    await _catch_up(tx, rows, pairs)
    _compare(rows, pairs)
    changed = [rows.changed[pair] for pair in pairs if pair in rows.changed]
    for totals in chunks(changed, rows.chunk):
        if await amendments.save_totals(tx, totals) < len(totals):
            raise Contended("another batch made one of these totals first")


async def _catch_up(tx: Transaction, rows: AmendmentRows, pairs: Sequence[Pair]) -> None:
    now, _ = await ledger.head(tx)
    if now == rows.seen:
        return
    overtaken: set[UUID] = set()
    own = _by_player(pairs)
    for players in chunks(sorted(own), rows.chunk):
        overtaken |= await amendments.amended_since(tx, players, rows.seen)
    # Another amendment of the same player came first: what was read before it says nothing any more.
    await _fold(tx, rows, [pair for pair in pairs if pair[1] in overtaken], now)
    for players in chunks(sorted(own.keys() - overtaken), rows.chunk):
        for player, played in (await amendments.effective(tx, players, rows.seen, now)).items():
            counting: dict[Pair, list[Effective]] = {(season, player): [] for season in own[player]}
            _count(counting, player, played)
            for (season, _), later in counting.items():
                so_far = rows.refolded[season, player]
                rows.refolded[season, player] = refold(rows.boards[season], season, player, later, so_far)


def _compare(rows: AmendmentRows, pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        rows.changed.pop(pair, None)
        after = settle(rows.totals.get(pair), rows.refolded[pair])
        if after is not None:
            rows.changed[pair] = after


async def save_statuses(tx: Transaction, rows: AmendmentRows) -> None:
    """Write what the locked actions are from now on."""
    for ids in chunks(sorted(rows.types), rows.chunk):
        statuses = {id_: amended_status(rows.actions[id_].status, rows.types[id_]) for id_ in ids}
        await amendments.set_status(tx, statuses)


async def append_entries(
    tx: Transaction, rows: AmendmentRows, entries: Sequence[LedgerEntry], on_progress: Progress
) -> tuple[int, int]:
    """Append entries to the ledger, whose head is held until the commit. Returns the first and the last number."""
    head = await ledger.head(tx, lock=True)
    first, nobody = head[0] + 1, [None] * rows.chunk
    for done, part in enumerate(chunks(entries, rows.chunk)):
        turns = [rows.turns.get((entry.action_id, entry.entry_type), 0) for entry in part]
        await ledger.append(tx, head, part, nobody[: len(part)], turns=turns)
        head = await ledger.head(tx)
        on_progress(done * rows.chunk + len(part), len(entries))
    return first, head[0]
