"""The invariants I1-I5 and I8 over a whole database. Run after anything that could have broken them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import text

from scoreboard.domain.board import Board
from scoreboard.domain.events import EntryType, LedgerEntry
from scoreboard.domain.score import Total, advance
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


async def check_ledger(
    platform: Platform, acknowledged: Iterable[dict[str, Any]] = (), *, hidden: bool = False
) -> LedgerReport:
    """Dense, chained, no entry twice, totals = fold of what counts; every acknowledged completion is in it.

    Args:
        platform: the stores.
        acknowledged: bodies of completions that were answered with 200.
        hidden: players were hidden or shown, so that versions went on by more than the ledger says.
    """

    async def work(tx: Transaction) -> list[LedgerEntry]:
        # One snapshot for all: the check may run beside writers.
        await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        entries = await _chain(tx)
        await _actions_say_the_same(tx, entries)
        await _totals_are_the_fold(tx, entries, hidden=hidden)
        await _final_standings_are_sealed(tx)
        return entries

    entries = await platform.database.transact(work)
    found = {str(entry.action_id): entry for entry in entries if entry.entry_type in _FIRST}
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


_FOLLOWS = {
    None: {EntryType.APPLIED: "completed", EntryType.HELD: "held"},
    "held": {EntryType.RELEASED: "completed", EntryType.REJECTED: "rejected"},
    "completed": {EntryType.VOIDED: "voided"},
    "voided": {EntryType.RESTORED: "completed"},
    "rejected": {EntryType.RESTORED: "completed"},
}
_FIRST = (EntryType.APPLIED, EntryType.HELD)


async def _actions_say_the_same(tx: Transaction, entries: list[LedgerEntry]) -> None:
    """Each action has a life that can be, the row says where it stands, and no entry comes twice."""
    states: dict[UUID, str] = {}
    firsts: dict[UUID, tuple[int, LedgerEntry]] = {}
    for seq, entry in enumerate(entries, 1):
        state = states.get(entry.action_id)
        follows: dict[EntryType, str] = _FOLLOWS[state]  # type: ignore[index]
        assert entry.entry_type in follows, f"{entry.entry_type} at {seq}: the action is {state} already"
        states[entry.action_id] = follows[entry.entry_type]
        first = firsts.setdefault(entry.action_id, (seq, entry))[1]
        same = [(one.player_id, one.kind_key, one.points, one.season_ids) for one in (entry, first)]
        assert same[0] == same[1], f"entry {seq} is about something else than its action's first"
    rows = await tx.execute(
        text(
            "SELECT id, status, ledger_seq, completed_at, points FROM actions"
            " WHERE status NOT IN ('created', 'expired')"
        )
    )
    assert {row.id: tuple(row)[1:] for row in rows} == {
        action_id: (states[action_id], seq, entry.at, entry.points) for action_id, (seq, entry) in firsts.items()
    }
    keys = await tx.execute(text("SELECT action_id, entry_type, turn, seq FROM ledger_keys"))
    turns: Counter[tuple[UUID, str]] = Counter()
    expected = set()
    for seq, entry in enumerate(entries, 1):
        about = (entry.action_id, str(entry.entry_type))
        expected.add((*about, turns[about], seq))
        turns[about] += 1
    assert {tuple(row) for row in keys} == expected


class _Fold:
    """The totals as the ledger makes them, entry by entry; an amendment counts them again from what still counts."""

    def __init__(self, boards: dict[int, Board]) -> None:
        self.boards = boards
        self.totals: dict[tuple[int, UUID], Total] = {}
        self.counts: dict[tuple[int, UUID], dict[UUID, tuple[int, LedgerEntry]]] = defaultdict(dict)
        self.first: dict[UUID, tuple[int, LedgerEntry]] = {}

    def standing(self, pair: tuple[int, UUID]) -> int | None:
        total = self.totals.get(pair)
        return total.standing if total else None

    def take(self, group: list[tuple[int, LedgerEntry]]) -> None:
        """One completion, or all entries of one amendment: the last about a total tells its step."""
        last = {(season, entry.player_id): seq for seq, entry in group for season in entry.season_ids}
        was = {pair: self.standing(pair) for pair in last}
        for seq, entry in group:
            self._count(seq, entry)
        for pair in last:
            self._settle(pair, group)
        for seq, entry in group:
            for season, before, after in zip(entry.season_ids, entry.previous, entry.current, strict=True):
                pair = (season, entry.player_id)
                assert before == was[pair], f"a lost update at {seq}"
                assert after == (self.standing(pair) if last[pair] == seq else before), f"a wrong step at {seq}"

    def _count(self, seq: int, entry: LedgerEntry) -> None:
        if entry.entry_type in _FIRST:
            self.first[entry.action_id] = (seq, entry)
        for season in entry.season_ids:
            counting = self.counts[season, entry.player_id]
            if entry.entry_type in (EntryType.APPLIED, EntryType.RELEASED, EntryType.RESTORED):
                counting[entry.action_id] = self.first[entry.action_id]
            else:
                counting.pop(entry.action_id, None)

    def _settle(self, pair: tuple[int, UUID], group: list[tuple[int, LedgerEntry]]) -> None:
        season, player = pair
        known = self.totals.get(pair)
        if group[0][1].entry_type in _FIRST:
            todo = [group[0]] if group[0][1].entry_type is EntryType.APPLIED else []
            total = known
        else:
            todo, total = sorted(self.counts[pair].values()), None
        for _, entry in todo:
            total = advance(self.boards[season], season, player, total, entry.points, entry.at, entry.action_id)
        if group[0][1].entry_type in _FIRST or known is None:
            if total is not None:
                self.totals[pair] = total
            return
        if total is None:
            total = replace(known, score=0, last_action_id=None, empty=True)
        total = replace(total, version=known.version)
        self.totals[pair] = known if total == known else replace(total, version=known.version + 1)


def _groups(entries: list[LedgerEntry]) -> Iterable[list[tuple[int, LedgerEntry]]]:
    """Completions one by one; entries of an amendment together: they are neighbours of one moment."""

    def mark(numbered: tuple[int, LedgerEntry]) -> object:
        seq, entry = numbered
        return seq if entry.entry_type in _FIRST else entry.at

    for _, group in groupby(enumerate(entries, 1), key=mark):
        yield list(group)


async def _totals_are_the_fold(tx: Transaction, entries: list[LedgerEntry], *, hidden: bool) -> None:
    boards = {board.key: board for board in await catalog.current_boards(tx)}
    rows = await tx.execute(text("SELECT id, board_key FROM seasons"))
    fold = _Fold({row.id: boards[row.board_key] for row in rows})
    for group in _groups(entries):
        fold.take(group)
    stored = {
        (row.season_id, row.player_id): Total(row.player_id, *tuple(row)[:1], *tuple(row)[2:])
        for row in await tx.execute(
            text("SELECT season_id, player_id, score, reached_at, version, last_action_id, empty FROM scores")
        )
    }
    if hidden:
        for pair, total in fold.totals.items():
            assert stored[pair].version >= total.version
            stored[pair] = replace(stored[pair], version=total.version)
    assert stored == fold.totals
    shown = await tx.execute(text("SELECT 1 FROM scores WHERE empty AND visible"))
    assert not shown.all(), "a total that holds nothing is shown"
    usage = {
        (row.player_id, row.kind_key): row.completed
        for row in await tx.execute(text("SELECT player_id, kind_key, completed FROM player_kinds WHERE completed > 0"))
    }
    assert usage == Counter((entry.player_id, entry.kind_key) for entry in entries if entry.entry_type in _FIRST)


async def _final_standings_are_sealed(tx: Transaction) -> None:
    """The final standings of every closed season are those of which the season holds the checksum."""
    for row in (await tx.execute(text("SELECT id, checksum FROM seasons WHERE status = 'closed'"))).all():
        assert await standings.final_checksum(tx, row.id) == row.checksum, f"season {row.id} was altered"


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
