"""What is laid before a reviewer: signals, the player's last actions, held points, reports, places at stake."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from scoreboard.domain.board import Board, Order, RankStyle, TieRule
from scoreboard.domain.provisional import HeldSum
from scoreboard.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class NotedEvent:
    """A signal as it was noted. ``detail`` holds what the model explained."""

    at: datetime
    source: str
    signal: str
    value: float | None
    reference: str | None
    weight: float
    suspicion: float
    action_id: UUID | None
    detail: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PlayedAction:
    """A completion: when, how long it took (seconds; None for one call), and what became of it."""

    at: datetime
    kind: str
    points: int
    age_s: float | None
    status: str


@dataclass(frozen=True, slots=True)
class HeldAction:
    """An action whose points wait, and the board seasons in which they would count."""

    action_id: UUID
    player_id: UUID
    kind: str
    points: int
    at: datetime
    season_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OpenTotal:
    """A player's total in a season that is not closed, visible or not. ``score`` is None where nothing counts yet."""

    player_id: UUID
    season_id: int
    season_name: str
    board_key: str
    score: int | None
    reached_at: datetime | None
    visible: bool


_EVENTS = (
    "SELECT at, source, signal, value, reference, weight, suspicion, action_id, detail::text FROM suspicion_events"
    " WHERE case_id = $1 ORDER BY id DESC LIMIT $2"
)


async def events(tx: Transaction, case_id: UUID, limit: int) -> list[NotedEvent]:
    """The latest signals of a case, oldest first."""
    rows = await tx.fetch(_EVENTS, case_id, limit)
    return [
        NotedEvent(
            at=row["at"],
            source=row["source"],
            signal=row["signal"],
            value=row["value"],
            reference=row["reference"],
            weight=row["weight"],
            suspicion=row["suspicion"],
            action_id=row["action_id"],
            detail=None if row["detail"] is None else msgspec.json.decode(row["detail"]),
        )
        for row in reversed(rows)
    ]


_PLAYED = (
    "SELECT l.at, l.kind_key, l.points, CASE WHEN a.client_id IS NULL"
    " THEN CAST(extract(epoch FROM l.at - a.created_at) AS float8) END, a.status FROM ledger l"
    " JOIN actions a ON a.id = l.action_id AND a.ledger_seq = l.seq WHERE l.player_id = $1 AND l.seq IN"
    " (SELECT seq FROM ledger WHERE player_id = $1 ORDER BY seq DESC LIMIT $3) ORDER BY l.seq DESC LIMIT $2"
)
_AMENDMENTS_PASSED = 4


async def played(tx: Transaction, player_id: UUID, limit: int) -> list[PlayedAction]:
    """A player's latest completions, oldest first, each with what became of it."""
    rows = await tx.fetch(_PLAYED, player_id, limit, limit * _AMENDMENTS_PASSED)
    return [PlayedAction(*row) for row in reversed(rows)]


_HELD = (
    "SELECT a.id, a.player_id, a.kind_key, a.points, a.completed_at, l.season_ids FROM actions a"
    " JOIN ledger l ON l.seq = a.ledger_seq WHERE a.player_id = ANY($1) AND a.status = 'held'"
    " ORDER BY a.completed_at, a.id"
)


async def held(tx: Transaction, player_ids: Iterable[UUID]) -> list[HeldAction]:
    """All held actions of these players, oldest first."""
    rows = await tx.fetch(_HELD, list(player_ids))
    return [
        HeldAction(action_id, owner, kind, points, at, tuple(season_ids))
        for action_id, owner, kind, points, at, season_ids in rows
    ]


_SUMS = (
    "SELECT a.player_id, s.season_id, sum(a.points), min(a.points), max(a.points),"
    " (array_agg(a.points ORDER BY a.completed_at DESC, a.id DESC))[1], max(a.completed_at) FROM actions a"
    " JOIN ledger l ON l.seq = a.ledger_seq CROSS JOIN unnest(l.season_ids) AS s(season_id)"
    " WHERE a.player_id = ANY($1) AND a.status = 'held' GROUP BY a.player_id, s.season_id"
)


async def held_sums(tx: Transaction, player_ids: Iterable[UUID]) -> dict[tuple[int, UUID], HeldSum]:
    """What is held of these players by (season, player), in figures."""
    rows = await tx.fetch(_SUMS, list(player_ids))
    return {(season, owner): HeldSum(int(total), *figures) for owner, season, total, *figures in rows}


async def lock_held(tx: Transaction, player_id: UUID) -> None:
    """Lock a player's held actions in the order of their ids, as everybody locks actions."""
    statement = "SELECT 1 FROM actions WHERE player_id = $1 AND status = 'held' ORDER BY id FOR NO KEY UPDATE"
    await tx.fetch(statement, player_id)


_REJECTED = (
    "SELECT a.id FROM ledger l JOIN actions a ON a.id = l.action_id WHERE l.player_id = $1"
    " AND l.entry_type = 'rejected' AND l.at >= $2 AND a.status = 'rejected' AND a.completed_at <= $2"
)


async def rejected_by(tx: Transaction, player_id: UUID, decided_at: datetime) -> list[UUID]:
    """The actions of a player that were rejected by the decision of this moment and still are.

    A decision is about everything that is held at its moment. So what was completed before it and rejected after it
    was rejected by it.
    """
    return [row[0] for row in await tx.fetch(_REJECTED, player_id, decided_at)]


async def held_counts(tx: Transaction, player_ids: Iterable[UUID]) -> dict[UUID, tuple[int, int]]:
    """How many actions of each of these players are held, and the sum of their points."""
    statement = (
        "SELECT player_id, count(*), coalesce(sum(points), 0) FROM actions"
        " WHERE player_id = ANY($1) AND status = 'held' GROUP BY player_id"
    )
    return {row[0]: (row[1], int(row[2])) for row in await tx.fetch(statement, list(player_ids))}


_TOTALS = (
    "SELECT p.id, e.id, e.name, e.board_key, CASE WHEN s.empty THEN NULL ELSE s.score END, s.reached_at,"
    " coalesce(s.visible, false) FROM unnest($1::uuid[]) AS p(id) CROSS JOIN seasons e"
    " LEFT JOIN scores s ON s.season_id = e.id AND s.player_id = p.id"
    " WHERE e.status <> 'closed' AND (s.player_id IS NOT NULL OR e.id = ANY($2)) ORDER BY p.id, e.board_key, e.id"
)


async def open_totals(tx: Transaction, player_ids: Iterable[UUID], season_ids: Iterable[int]) -> list[OpenTotal]:
    """Totals of these players in seasons that are not closed; in ``season_ids`` also where there is none yet."""
    return [OpenTotal(*row) for row in await tx.fetch(_TOTALS, list(player_ids), sorted(set(season_ids)))]


async def rank_of(
    tx: Transaction, board: Board, season_id: int, player_id: UUID, score: int, reached_at: datetime
) -> int:
    """The rank that a player would have with this total among all others who are visible."""
    better = "s.score > $3" if board.order is Order.DESC else "s.score < $3"
    counted = "DISTINCT s.score" if board.rank_style is RankStyle.DENSE else "*"
    arguments: list[object] = [season_id, player_id, score]
    if board.rank_style is RankStyle.ORDINAL:
        earlier = "<" if board.tie_rule is TieRule.EARLIEST else ">"
        better = f"({better} OR s.score = $3 AND (s.reached_at {earlier} $4 OR s.reached_at = $4 AND s.player_id < $2))"
        arguments.append(reached_at)
    statement = (
        f"SELECT count({counted}) + 1 FROM scores s WHERE s.season_id = $1 AND s.player_id <> $2 AND s.visible"
        f" AND {better}"
    )
    rank: int = (await tx.fetch(statement, *arguments))[0][0]
    return rank
