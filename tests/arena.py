"""An arena for tests of corrections: boards of every kind, seasons that close, a moderator, and players who play."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator, Order, RankStyle, Schedule, TieRule
from scoreboard.domain.correction import Scope
from scoreboard.domain.player import Role
from scoreboard.live import leaderboard
from scoreboard.security.identifiers import new_id
from scoreboard.storage import players
from scoreboard.storage.database import Transaction
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.configure import configure
from scoreboard.usecases.correction_views import CorrectionView
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.preview_correction import preview_correction
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards, restore_missing
from scoreboard.usecases.run_seasons import run_seasons
from scoreboard.usecases.sweep_outbox import sweep_outbox
from scoreboard.usecases.undo_correction import undo_correction
from tests.amending import Line, expected, join, play
from tests.ledger_check import check_ledger, settled
from tests.stage import Stores, patient

WEEKLY = Schedule(cron="0 0 * * 1")
BOARDS = (
    Board("sum", "Sum"),
    Board("weekly", "Weekly", schedule=WEEKLY, rank_style=RankStyle.DENSE),
    Board("best", "Best", operator=Operator.BEST, tie_rule=TieRule.LATEST, schedule=WEEKLY),
    Board("low", "Lowest", operator=Operator.BEST, order=Order.ASC, rank_style=RankStyle.ORDINAL),
    Board("newest", "Newest", operator=Operator.LATEST, order=Order.ASC, tie_rule=TieRule.LATEST, schedule=WEEKLY),
)
KINDS = (
    ActionKind("run", "Run", min_points=-9, max_points=9, direct=True, boards=tuple(board.key for board in BOARDS)),
    ActionKind("sprint", "Sprint", min_points=0, max_points=3, direct=True, boards=("weekly", "best", "newest")),
    ActionKind("idle", "Counts nowhere", points=1, direct=True),
)


@dataclass
class Arena:
    """A platform with a moderator, and what happened on it."""

    platform: Platform
    marker: OutboxMarker
    moderator: Actor
    people: dict[str, UUID] = field(default_factory=dict)

    async def person(self, name: str) -> UUID:
        if name not in self.people:
            self.people[name] = await join(self.platform, name)
        return self.people[name]

    async def play(self, name: str, points: int | None, kind: str = "run") -> UUID:
        return await play(self.platform, self.marker, await self.person(name), kind, points)

    async def correct(self, scope: Scope, reason: str = "a test") -> CorrectionView:
        seen = await preview_correction(self.platform, scope)
        return await apply_correction(self.platform, Wanted(scope, reason, seen.digest), self.moderator)

    async def undo(self, correction: CorrectionView) -> CorrectionView:
        return await undo_correction(self.platform, correction.id, "a mistake", self.moderator)

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async def work(tx: Transaction) -> list[Any]:
            result = await tx.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

        return await self.platform.database.transact(work)

    async def close_seasons(self) -> int:
        """The running seasons end now; the worker closes them, opens the next and brings their leaderboards."""
        changed = await self.end_seasons()
        await restore_missing(self.platform)
        return changed

    async def end_seasons(self) -> int:
        """The same without leaderboards of the next ones."""
        await self.sql(
            "WITH moment AS (SELECT clock_timestamp() AS now), ended AS (UPDATE seasons SET ends_at = now FROM moment"
            " WHERE status = 'open' AND ends_at IS NOT NULL RETURNING board_key)"
            " UPDATE seasons s SET starts_at = now FROM moment, ended"
            " WHERE s.board_key = ended.board_key AND s.status = 'scheduled'"
        )
        self.platform.catalog.invalidate()
        return await run_seasons(self.platform)

    async def state(self) -> dict[int, list[Line]]:
        """What Redis, Postgres and the final standings show, having checked that a fold of the ledger says the same."""
        while await sweep_outbox(self.platform, older_than=0):  # what is not announced at once: closed seasons
            pass
        by_hand = await expected(self.platform)
        for row in await self.sql("SELECT id, board_key, status FROM seasons WHERE status IN ('open', 'closed')"):
            board = await self.platform.catalog.board(row.board_key)
            if row.status == "closed":
                assert await self.final(row.id, board) == by_hand[row.id], f"final standings of {row}"
            else:
                page = await leaderboard.read_range(self.platform.live, row.id, board, 0, -1)
                assert page is not None
                assert [Line(e.player_id, e.score, e.reached_at) for e in page.entries] == by_hand[row.id], row
        await settled(self.platform)
        await check_ledger(self.platform, hidden=True)
        return by_hand

    async def final(self, season_id: int, board: Board) -> list[Line]:
        rows = await self.sql("SELECT * FROM season_standings WHERE season_id = :id ORDER BY position", id=season_id)
        scores = [row.score for row in rows]
        for place, row in enumerate(rows):
            assert row.position == place
            first = scores.index(row.score)
            ranks = {
                RankStyle.STANDARD: first + 1,
                RankStyle.DENSE: len(set(scores[:first])) + 1,
                RankStyle.ORDINAL: place + 1,
            }
            assert row.rank == ranks[board.rank_style]
        return [Line(row.player_id, row.score, row.reached_at) for row in rows]


async def furnished(platform: Platform, marker: OutboxMarker) -> Arena:
    await configure(platform, BOARDS, KINDS, managed_by="test")
    await run_seasons(platform)
    await rebuild_leaderboards(platform, None, lambda done, total: None)
    moderator = Actor(new_id(), Role.MODERATOR, "a request")

    async def work(tx: Transaction) -> None:
        await players.add(tx, moderator.id, "mo", Role.MODERATOR, email=None, password_hash=None)

    await platform.database.transact(work)
    return Arena(platform, marker, moderator)


@asynccontextmanager
async def open_arena(stores: Stores) -> AsyncIterator[Arena]:
    """An arena on a fresh database."""
    environment = await stores.environment(SCOREBOARD_CATALOG_TTL="0.01", SCOREBOARD_SEASON_CLOSE_GRACE="0")
    platform = open_platform(patient(environment), application="test")
    marker = OutboxMarker(platform)
    yield await furnished(platform, marker)
    await marker.finish()
    await platform.close()
