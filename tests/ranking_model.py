"""Ranking in thirty lines of plain Python: what Redis and Postgres are held against."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.domain.board import Board, Order, RankStyle, TieRule
from scoreboard.domain.standing import Entry


@dataclass(frozen=True)
class Row:
    """A visible total."""

    player_id: UUID
    username: str
    score: int
    reached_at: datetime


def rank(board: Board, rows: Iterable[Row]) -> list[Entry]:
    """Every entry of the board, best first."""
    ordered = sorted(rows, key=lambda row: row.player_id)
    ordered.sort(key=lambda row: row.reached_at, reverse=board.tie_rule is TieRule.LATEST)
    ordered.sort(key=lambda row: row.score, reverse=board.order is Order.DESC)
    entries: list[Entry] = []
    for position, row in enumerate(ordered):
        last = entries[-1] if entries else None
        if board.rank_style is RankStyle.ORDINAL or last is None:
            place = position + 1
        elif last.score == row.score:
            place = last.rank
        else:
            place = last.rank + 1 if board.rank_style is RankStyle.DENSE else position + 1
        entries.append(Entry(place, row.player_id, row.username, row.score, row.reached_at))
    return entries
