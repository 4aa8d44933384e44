"""The invariants I1-I5 and I8 over a whole database. Run after anything that could have broken them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from scoreboard.domain.events import LedgerEntry
from scoreboard.domain.score import advance
from scoreboard.live import leaderboard
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.ledger_chain import GENESIS, entry_hash
from scoreboard.storage import catalog, ledger, outbox, seasons, standings
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.platform import Platform
from tests.stage import until


@dataclass(frozen=True)
class LedgerReport:
    """What the ledger holds."""

    entries: list[LedgerEntry]

    @property
    def actions(self) -> set[UUID]:
        return {entry.action_id for entry in self.entries}

    def of(self, player_id: UUID | str) -> list[LedgerEntry]:
        return [entry for entry in self.entries if str(entry.player_id) == str(player_id)]


async def check_ledger(platform: Platform, acknowledged: Iterable[dict[str, Any]] = ()) -> LedgerReport:
    """Dense, chained, one entry an action, totals = fold of the ledger; every acknowledged completion is in it.

    Args:
        platform: the stores.
        acknowledged: bodies of completions that were answered with 200.
    """

    async def work(tx: Transaction) -> list[LedgerEntry]:
        # One snapshot for all: the check may run beside writers.
        await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        entries = await _chain(tx)
        await _one_entry_an_action(tx, entries)
        await _totals_are_the_fold(tx, entries)
        return entries

    entries = await platform.database.transact(work)
    found = {str(entry.action_id): entry for entry in entries}
    for reply in acknowledged:
        entry = found[reply["action_id"]]
        assert entry.points == reply["points"]
        assert [(s["season"], s["score"]) for s in reply["standings"]] == list(
            zip(entry.season_ids, entry.current, strict=True)
        )
    return LedgerReport(entries)


async def _chain(tx: Transaction) -> list[LedgerEntry]:
    rows = await ledger.chain_rows(tx, 0, 10**7)
    previous = GENESIS
    for expected, (seq, prev_hash, hash_, entry) in enumerate(rows, 1):
        assert seq == expected, f"a gap: {expected} is missing"
        assert prev_hash == previous, f"the chain breaks at {seq}"
        assert hash_ == entry_hash(previous, seq, entry), f"entry {seq} was altered"
        previous = hash_
    assert await ledger.head(tx) == (len(rows), previous)
    return [row[3] for row in rows]


async def _one_entry_an_action(tx: Transaction, entries: list[LedgerEntry]) -> None:
    again = [action for action, count in Counter(entry.action_id for entry in entries).items() if count > 1]
    assert not again, f"counted twice: {again}"
    rows = await tx.execute(
        text(
            "SELECT a.id, l.action_id FROM actions a FULL JOIN ledger l ON l.seq = a.ledger_seq AND l.action_id = a.id"
            " WHERE (a.status = 'completed') IS DISTINCT FROM (l.seq IS NOT NULL)"
        )
    )
    assert not rows.all()
    keys = await tx.execute(text("SELECT action_id, seq FROM ledger EXCEPT SELECT action_id, seq FROM ledger_keys"))
    assert not keys.all()


async def _totals_are_the_fold(tx: Transaction, entries: list[LedgerEntry]) -> None:
    boards = {board.key: board for board in await catalog.current_boards(tx)}
    owners = {row.id: row.board_key for row in await tx.execute(text("SELECT id, board_key FROM seasons"))}
    fold: dict[tuple[int, UUID], Any] = {}
    for entry in entries:
        for season, before, after in zip(entry.season_ids, entry.previous, entry.current, strict=True):
            key = (season, entry.player_id)
            known = fold.get(key)
            assert before == (known.score if known else None), f"a lost update at {entry.action_id}"
            fold[key] = advance(
                boards[owners[season]], season, entry.player_id, known, entry.points, entry.at, entry.action_id
            )
            assert after == fold[key].score
    stored = {
        (row.season_id, row.player_id): (row.score, row.reached_at, row.version, row.last_action_id)
        for row in await tx.execute(
            text("SELECT season_id, player_id, score, reached_at, version, last_action_id FROM scores")
        )
    }
    assert stored == {
        key: (total.score, total.reached_at, total.version, total.last_action_id) for key, total in fold.items()
    }
    usage = {
        (row.player_id, row.kind_key): row.completed
        for row in await tx.execute(text("SELECT player_id, kind_key, completed FROM player_kinds WHERE completed > 0"))
    }
    assert usage == Counter((entry.player_id, entry.kind_key) for entry in entries)


async def leaderboards_match(platform: Platform) -> bool:
    """Whether every running leaderboard is there and equals Postgres, entry by entry."""
    boards = await platform.catalog.boards()
    for season in await platform.database.transact(seasons.unfinished):
        board = boards[season.board_key]
        expected = await platform.database.transact(
            lambda tx, b=board, s=season: standings.page(tx, b, s.id, 0, 10**6)  # type: ignore[misc]
        )
        page = await leaderboard.read_range(platform.live, season.id, board, 0, -1)
        if page is None or list(page.entries) != expected or page.total != len(expected):
            return False
    return True


async def settled(platform: Platform, within: float = 10.0) -> None:
    """Wait until nothing is left to announce and every leaderboard equals Postgres (I5)."""

    async def quiet() -> bool:
        try:
            waiting, _ = await platform.database.transact(outbox.backlog)
            return waiting == 0 and await leaderboards_match(platform)
        except (LiveUnavailable, StoreUnavailable):
            return False  # a store may still be coming back

    await until(quiet, within=within, what="every leaderboard being equal to Postgres")
