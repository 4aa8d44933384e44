"""Release held points, reject them, take points back or give them back: entries appended to the ledger, never an edit.

Called inside the transaction of a decision about a case, of a correction or of its undoing. Every total that is touched
is counted again from what still counts, so the result is what it would be had only those actions happened.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType, LedgerEntry, Verdict
from scoreboard.domain.refold import counts_after
from scoreboard.domain.score import Total
from scoreboard.domain.season import Season
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import actions, outbox
from scoreboard.storage.amendments import Pair
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.amendment_rows import (
    AmendmentRows,
    Progress,
    append_entries,
    lock_rows,
    look_at_rows,
    save_statuses,
    settle_totals,
    silent,
)
from scoreboard.usecases.announce_amendments import announce_amendments
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.rebuild_leaderboard import rebuild_season
from scoreboard.usecases.rerank_season import record_rerank, rerank_season


@dataclass(frozen=True, slots=True)
class Amendment:
    """What becomes of one action: RELEASED or REJECTED from held, VOIDED from completed, RESTORED from voided or, when
    an appeal was right, from rejected.
    """

    action_id: UUID
    entry_type: EntryType


@dataclass(frozen=True, slots=True)
class TotalChange:
    """A player's total in a board season around an amendment. ``before`` is None where there was no row."""

    board_key: str
    season_id: int
    closed: bool
    player_id: UUID
    username: str
    before: Total | None
    after: Total


@dataclass(frozen=True, slots=True)
class Amended:
    """What an amendment did. The entries are numbered ``first_seq`` to ``last_seq``; 0 when there was nothing to do.

    ``changes`` holds only totals that are different now; ``players`` are all whose actions were amended; ``points`` is
    the sum over the actions.
    """

    first_seq: int
    last_seq: int
    outbox_id: int
    changes: tuple[TotalChange, ...]
    actions: tuple[UUID, ...]
    players: tuple[UUID, ...]
    points: int


_REBUILD_TRIES = 50
_REBUILD_PAUSE = 0.1  # together longer than the lock of a builder that died
_NOTHING = Amended(0, 0, 0, (), (), (), 0)


async def amend_actions(
    tx: Transaction,
    platform: Platform,
    amendments: Sequence[Amendment],
    *,
    trace_id: str | None = None,
    looked: AmendmentRows | None = None,
    on_progress: Progress = silent,
) -> Amended:
    """Amend actions in the caller's transaction.

    Takes the locks of players (shared), actions, seasons, totals and at last the ledger's head, and of the audit log
    where a closed season is ranked again. So call it when everything else is locked; after it only inserts that wait
    for nobody and ``audit.record`` may follow. Announce with :func:`announce_amended` after the commit.

    Args:
        tx: the transaction.
        platform: settings and boards.
        amendments: each action once.
        trace_id: of the request that wanted it.
        looked: what ``look_at_rows`` saw of the same amendments in this transaction, if the caller has looked.
        on_progress: called with (steps done, steps in all).

    Raises:
        Refusal: CONFLICT when an action is not in the state that it must be in, or is named twice; INVALID_SCORE when
            a board could not hold a player's new total.
        Contended: a completion made one of the totals first; the transaction is run again.
    """
    if not amendments:
        return _NOTHING
    types = {amendment.action_id: amendment.entry_type for amendment in amendments}
    if len(types) < len(amendments):
        raise Refusal(ErrorCode.CONFLICT, "An action is named twice.")
    boards = await platform.catalog.boards()
    rows = looked or await look_at_rows(tx, boards, types, platform.settings.amendment_chunk)
    await lock_rows(tx, boards, rows, on_progress)
    await save_statuses(tx, rows)
    # Closed seasons first: ranking them again takes long, and nobody who plays waits for it.
    await settle_totals(tx, rows, [pair for pair in rows.pairs if rows.is_closed(pair[0])])
    reranked = [
        await rerank_season(tx, rows.boards[season], rows.seasons[season])
        for season in sorted({season for season, _ in rows.changed if rows.is_closed(season)})
    ]
    await settle_totals(tx, rows, [pair for pair in rows.pairs if not rows.is_closed(pair[0])])
    # In a thread: of very many actions it takes long, and the process has others to answer.
    entries = await asyncio.to_thread(_entries, rows, await actions.clock(tx), trace_id)
    first, last = await append_entries(tx, rows, entries, on_progress)
    outbox_id = await outbox.add_amended(tx, first, last)
    for season in reranked:
        await record_rerank(tx, season, first, last)
    return Amended(
        first,
        last,
        outbox_id,
        tuple(_change(rows, pair) for pair in sorted(rows.changed)),
        tuple(entry.action_id for entry in entries),
        tuple(sorted({entry.player_id for entry in entries})),
        sum(entry.points for entry in entries),
    )


async def announce_amended(platform: Platform, amended: Amended) -> bool:
    """Bring a committed amendment to the leaderboards and listeners. False: a store is away, and the sweep does it."""
    if not amended.outbox_id:
        return True

    async def rebuild(board: Board, season: Season) -> None:
        # Another builder may have read Postgres before the amendment was there: only a rebuild of our own will do.
        for _ in range(_REBUILD_TRIES):
            if await rebuild_season(platform, board, season):
                return
            await asyncio.sleep(_REBUILD_PAUSE)
        raise LiveUnavailable("another process keeps rebuilding this leaderboard")

    try:
        await announce_amendments(platform, amended.first_seq, amended.last_seq, rebuild)
        await platform.database.transact(lambda tx: outbox.mark(tx, [amended.outbox_id]))
    except (LiveUnavailable, StoreUnavailable):
        return False
    return True


def _entries(rows: AmendmentRows, at: datetime, trace_id: str | None) -> list[LedgerEntry]:
    """One entry for each action, in the order in which the actions first counted.

    The step of a total is told by the last entry about it; those before say that nothing has moved yet. So the entries
    of one player and season follow on from each other, as all entries do.
    """
    originals = sorted(rows.originals.values(), key=lambda original: original[0])
    last = {(season, entry.player_id): seq for seq, entry in originals for season in entry.season_ids}
    entries = []
    for seq, entry in originals:
        pairs = [(season, entry.player_id) for season in entry.season_ids]
        before = [_standing(rows.totals.get(pair)) for pair in pairs]
        after = [
            _standing(rows.changed[pair]) if pair in rows.changed and last[pair] == seq else was
            for pair, was in zip(pairs, before, strict=True)
        ]
        entries.append(_entry(rows.types[entry.action_id], entry, at, before, after, trace_id))
    return entries


def _entry(
    entry_type: EntryType,
    original: LedgerEntry,
    at: datetime,
    before: Iterable[int | None],
    after: Iterable[int | None],
    trace_id: str | None,
) -> LedgerEntry:
    return LedgerEntry(
        entry_type,
        at,
        original.action_id,
        original.player_id,
        original.kind_key,
        original.kind_version,
        original.points,
        original.season_ids,
        tuple(before),
        tuple(after),
        Verdict.ALLOW if original.verdict is Verdict.HOLD and counts_after(entry_type) else original.verdict,
        trace_id,
    )


def _standing(total: Total | None) -> int | None:
    return None if total is None else total.standing


def _change(rows: AmendmentRows, pair: Pair) -> TotalChange:
    season_id, player_id = pair
    board_key, closed = rows.seasons[season_id].board_key, rows.is_closed(season_id)
    name = rows.names.get(player_id, "")
    return TotalChange(board_key, season_id, closed, player_id, name, rows.totals.get(pair), rows.changed[pair])
