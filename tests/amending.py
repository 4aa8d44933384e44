"""What tests of amendments play with: completions and holds made by hand, and an independent fold of what counts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from scoreboard.domain.action import Action, ActionStatus, count_completion
from scoreboard.domain.board import Board, Operator, Order, TieRule
from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.events import EntryType, LedgerEntry, Verdict
from scoreboard.domain.player import Role
from scoreboard.domain.season import counts_at
from scoreboard.security.identifiers import new_id
from scoreboard.storage import actions, catalog, completions, ledger, players, scores, seasons
from scoreboard.storage.database import Transaction
from scoreboard.usecases.amend_actions import Amended, Amendment, amend_actions, announce_amended
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.platform import Platform


async def join(platform: Platform, name: str) -> UUID:
    """A new player, without a session."""
    player_id = new_id()

    async def work(tx: Transaction) -> None:
        assert await players.add(tx, player_id, name, Role.PLAYER, email=None, password_hash=None)

    await platform.database.transact(work)
    return player_id


async def play(platform: Platform, marker: OutboxMarker, player_id: UUID, kind: str, points: int | None = None) -> UUID:
    """One direct completion that counts. Returns its action."""
    action_id = new_id()
    request = CompletionRequest(
        player_id, action_id, action_id.bytes, client_id=action_id.hex, kind_key=kind, points=points
    )
    [done] = await complete_actions(platform, [request], marker)
    assert isinstance(done, Completion), done
    return action_id


async def amend(platform: Platform, entry_type: EntryType, *action_ids: UUID, announce: bool = True) -> Amended:
    """Amend actions in a transaction of their own, and announce it."""
    wanted = [Amendment(action_id, entry_type) for action_id in action_ids]
    amended = await platform.database.transact(lambda tx: amend_actions(tx, platform, wanted))
    if announce:
        await announce_amended(platform, amended)
    return amended


@dataclass(frozen=True)
class Line:
    """A place in an order that was computed by hand."""

    player_id: UUID
    score: int
    reached_at: datetime


def fold(board: Board, played: Iterable[tuple[int, datetime, int]]) -> tuple[int, datetime] | None:
    """Score and moment from (number, moment, points), written without the code under test."""
    ordered = sorted(played)
    if not ordered:
        return None
    scores: list[int] = []
    for index, (_, _, points) in enumerate(ordered):
        so_far = [row[2] for row in ordered[: index + 1]]
        if board.operator is Operator.SUM:
            scores.append(sum(so_far))
        elif board.operator is Operator.LATEST:
            scores.append(points)
        else:
            scores.append(max(so_far) if board.order is Order.DESC else min(so_far))
    reached = len(scores) - 1
    while reached and scores[reached - 1] == scores[-1]:
        reached -= 1
    return scores[-1], ordered[reached][1]


async def expected(platform: Platform, until: datetime | None = None) -> dict[int, list[Line]]:
    """Every season's order, from nothing but the ledger's entries: a rebuild that shares no code with the product.

    ``until``: only what was done by then, as far as it counts today.
    """

    async def work(tx: Transaction) -> dict[int, list[Line]]:
        boards = {board.key: board for board in await catalog.current_boards(tx)}
        owners = {row.id: boards[row.board_key] for row in await tx.execute(text("SELECT id, board_key FROM seasons"))}
        active = {row.id for row in await tx.execute(text("SELECT id FROM players WHERE status = 'active'"))}
        counting: dict[UUID, bool] = {}
        first: dict[UUID, Any] = {}
        for row in await tx.execute(text("SELECT * FROM ledger ORDER BY seq")):
            if row.entry_type in ("applied", "held"):
                first[row.action_id] = row
            counting[row.action_id] = row.entry_type in ("applied", "released", "restored")
        played: dict[tuple[int, UUID], list[tuple[int, datetime, int]]] = defaultdict(list)
        for action_id, row in first.items():
            if counting[action_id] and row.player_id in active and (until is None or row.at <= until):
                for season in row.season_ids:
                    played[season, row.player_id].append((row.seq, row.at, row.points))
        orders: dict[int, list[Line]] = {season: [] for season in owners}
        for (season, player_id), rows in played.items():
            folded = fold(owners[season], rows)
            assert folded is not None
            orders[season].append(Line(player_id, *folded))
        return {
            season: sorted(lines, key=lambda line: _place(owners[season], line)) for season, lines in orders.items()
        }

    return await platform.database.transact(work)


def _place(board: Board, line: Line) -> tuple[float, float, str]:
    moment = line.reached_at.timestamp()
    return (
        -line.score if board.order is Order.DESC else line.score,
        moment if board.tie_rule is TieRule.EARLIEST else -moment,
        str(line.player_id),
    )


async def hold(platform: Platform, player_id: UUID, kind: str, points: int) -> UUID:
    """A held action, recorded as the platform records one: an action that waits, an entry that changes nothing."""
    action_id = new_id()
    configured = (await platform.catalog.kinds())[kind]

    async def work(tx: Transaction) -> None:
        usage = await actions.usage(tx, [(player_id, kind)], lock=True)
        running, _ = await seasons.share(tx, configured.boards)
        now = await actions.clock(tx)
        places = tuple(season.id for season in running if counts_at(season, now))
        totals = await scores.lock(tx, [(season, player_id) for season in places])
        standing = tuple(total.standing if (total := totals.get((s, player_id))) else None for s in places)
        used = {pair: count_completion(configured, row, now) for pair, row in usage.items()}
        head = await completions.save_progress(tx, used, [], {})
        assert head is not None
        action = Action(
            *(action_id, player_id, kind, configured.version, ActionStatus.HELD, now, now, action_id.hex, now, points),
            request_hash=action_id.bytes,
            ledger_seq=head[0] + 1,
        )
        await actions.add_finished(tx, [action])
        entry = LedgerEntry(
            *(EntryType.HELD, now, action_id, player_id, kind, configured.version, points, places, standing, standing),
            Verdict.HOLD,
        )
        await ledger.append(tx, head, [entry], [None])

    await platform.database.transact(work)
    return action_id
