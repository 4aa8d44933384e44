"""Boards as they were: totals at a past moment, from the newest snapshot before it and what the ledger holds since.

A past board shows what was done up to its moment, as far as it counts today, of the players who may be seen today: the
same rule as everywhere. So a snapshot says nothing about a player of whom something was amended after it was taken;
such a player is folded from the beginning of the season.

The fold is ``domain.refold.refold``, said in SQL because a season may hold millions of entries; a test holds both
against each other.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from scoreboard.domain.board import Board, Operator, Order
from scoreboard.domain.events import StandingChange
from scoreboard.domain.season import Season
from scoreboard.domain.standing import Entry, Standing
from scoreboard.storage.database import Transaction
from scoreboard.storage.standings import entry_of, ranked

_BEFORE = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A board season at a moment, and the snapshot to begin from: its id (0: none), its moment, and the ledger's last
    number when it was taken. Without one, ``after`` is just before the season begins.
    """

    season: Season
    at: datetime
    snapshot_id: int
    after: datetime
    seq: int

    @property
    def values(self) -> dict[str, Any]:
        """The values of the statements below."""
        return {
            "season": self.season.id,
            "at": self.at,
            "snapshot": self.snapshot_id,
            "after": self.after,
            "seq": self.seq,
            "begins": _just_before(self.season),
        }


def _just_before(season: Season) -> datetime:
    return season.starts_at - _BEFORE


_NEWEST = text(
    "SELECT id, at, seq FROM snapshots WHERE season_id = :season AND fold = :fold AND at <= :at AND at >= :starts"
    " ORDER BY at DESC LIMIT 1"
)


def fold_name(board: Board) -> str:
    """By which rule points become scores: a snapshot taken under another one is of no use."""
    return f"{board.operator} {board.order}"


async def look_back(tx: Transaction, board: Board, season: Season, at: datetime) -> Moment:
    """The moment with the snapshot from which it is reached soonest."""
    values = {"season": season.id, "fold": fold_name(board), "at": at, "starts": season.starts_at}
    row = (await tx.execute(_NEWEST, values)).first()
    return Moment(season, at, 0, _just_before(season), 0) if row is None else Moment(season, at, *row)


# An action belongs to the season that ran at its moment, so nothing before the season's begin is looked at.
_PLAYED = (
    "SELECT l.player_id, l.seq, l.at, l.points FROM ledger l JOIN actions a ON a.id = l.action_id AND a.ledger_seq ="
    " l.seq WHERE CAST(:season AS bigint) = ANY(l.season_ids) AND a.status = 'completed'"
)
_HISTORY = (
    "WITH amended AS MATERIALIZED (SELECT DISTINCT l.player_id FROM ledger l WHERE l.seq > CAST(:seq AS bigint)"
    " AND CAST(:snapshot AS bigint) <> 0 AND l.entry_type IN ('released', 'voided', 'restored')"
    " AND CAST(:season AS bigint) = ANY(l.season_ids)),"
    " history AS (SELECT t.player_id, CAST(0 AS bigint) AS seq, t.reached_at AS at, t.score AS points"
    " FROM snapshot_totals t WHERE t.snapshot_id = CAST(:snapshot AS bigint)"
    " AND t.player_id NOT IN (SELECT player_id FROM amended)"
    f" UNION ALL {_PLAYED} AND l.at > CAST(:after AS timestamptz) AND l.at <= CAST(:at AS timestamptz)"
    f" UNION ALL {_PLAYED} AND l.at > CAST(:begins AS timestamptz) AND l.at <= CAST(:after AS timestamptz)"
    " AND l.player_id IN (SELECT player_id FROM amended))"
)
# The first entry stands for the moment when nothing has changed the score since.
_SUM = (
    "SELECT player_id, CAST(sum(points) AS bigint) AS score, coalesce((array_agg(at ORDER BY seq DESC)"
    " FILTER (WHERE points <> 0))[1], (array_agg(at ORDER BY seq))[1]) AS reached_at FROM history GROUP BY player_id"
)
_BEST = (
    "SELECT DISTINCT ON (player_id) player_id, points AS score, at AS reached_at FROM history"
    " ORDER BY player_id, points {direction}, seq"
)
_LATEST = (
    "SELECT DISTINCT ON (player_id) player_id, points AS score, at AS reached_at FROM (SELECT *, lag(points) OVER"
    " (PARTITION BY player_id ORDER BY seq) AS previous FROM history) h WHERE points IS DISTINCT FROM previous"
    " ORDER BY player_id, seq DESC"
)


def totals_query(board: Board) -> str:
    """A query for everybody's total at a :class:`Moment`: player_id, score, reached_at."""
    if board.operator is Operator.SUM:
        fold = _SUM
    elif board.operator is Operator.LATEST:
        fold = _LATEST
    else:
        fold = _BEST.format(direction="DESC" if board.order is Order.DESC else "ASC")
    return f"{_HISTORY} {fold}"


def _ranked(board: Board) -> str:
    return ranked(board, f"({totals_query(board)}) s JOIN players p ON p.id = s.player_id WHERE p.status = 'active'")


_TOTAL = "SELECT count(*) FROM ({totals}) s JOIN players p ON p.id = s.player_id WHERE p.status = 'active'"


async def page(tx: Transaction, board: Board, moment: Moment, start: int, count: int) -> tuple[list[Entry], int]:
    """``count`` entries from 0-based ``start`` on, and how many players were ranked. Sorts the whole season."""
    statement = text(
        f"WITH r AS MATERIALIZED ({_ranked(board)}) SELECT *, (SELECT count(*) FROM r) AS total FROM r"
        " WHERE position >= :start ORDER BY position LIMIT :count"
    )
    rows = (await tx.execute(statement, {**moment.values, "start": start, "count": count})).all()
    if rows:
        return [entry_of(row) for row in rows], rows[0].total
    found = await tx.execute(text(_TOTAL.format(totals=totals_query(board))), moment.values)
    return [], int(found.scalar_one())


async def of_players(
    tx: Transaction, board: Board, moment: Moment, player_ids: Iterable[UUID]
) -> tuple[dict[UUID, Standing], int]:
    """Where these players stood, those without a place left out, and how many were ranked. Sorts the whole season."""
    statement = text(
        f"WITH r AS MATERIALIZED ({_ranked(board)}), n AS (SELECT count(*) AS total FROM r)"
        " SELECT r.*, n.total FROM n LEFT JOIN r ON r.player_id = ANY(CAST(:players AS uuid[]))"
    )
    rows = (await tx.execute(statement, {**moment.values, "players": list(player_ids)})).all()
    found = {row.player_id: Standing(row.position, entry_of(row)) for row in rows if row.player_id is not None}
    return found, rows[0].total


async def stream(tx: Transaction, board: Board, moment: Moment, chunk: int) -> AsyncIterator[list[StandingChange]]:
    """Everybody's total in chunks, ready to be loaded into a leaderboard of its own."""
    statement = text(
        f"SELECT s.player_id, p.username, s.score, s.reached_at FROM ({totals_query(board)}) s"
        " JOIN players p ON p.id = s.player_id WHERE p.status = 'active'"
    )
    season = moment.season
    result = await tx.stream(statement, moment.values, chunk=chunk)
    async for rows in result.partitions(chunk):
        yield [
            StandingChange(season.id, season.board_key, row.player_id, row.username, None, row.score, row.reached_at, 1)
            for row in rows
        ]
