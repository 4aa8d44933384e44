"""Ranks computed by Postgres: what readers get while Redis is away, and what the self-audit compares with."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from scoreboard.domain.board import Board, Order, RankStyle, TieRule
from scoreboard.domain.correction import RankChange
from scoreboard.domain.score import Total
from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.standing import Entry, Standing
from scoreboard.storage.database import Transaction

_WINDOW = {RankStyle.STANDARD: "rank()", RankStyle.DENSE: "dense_rank()", RankStyle.ORDINAL: "row_number()"}


def order_by(board: Board) -> str:
    """The board's exact order. Players are told apart by id at the end, as the leaderboard in Redis does."""
    score = "s.score DESC" if board.order is Order.DESC else "s.score ASC"
    tie = "s.reached_at ASC" if board.tie_rule is TieRule.EARLIEST else "s.reached_at DESC"
    return f"{score}, {tie}, s.player_id ASC"


_OF_SEASON = "scores s JOIN players p ON p.id = s.player_id WHERE s.season_id = :season"
_SHOWN = f"{_OF_SEASON} AND s.visible"
_RECORDED = f"{_OF_SEASON} AND NOT s.empty"


def ranked(board: Board, source: str = _SHOWN) -> str:
    """A query for every place: player_id, username, score, reached_at, rank, and the 0-based position.

    Args:
        board: by whose rules to rank.
        source: what follows FROM; it names totals ``s`` and their players ``p``.
    """
    score = "s.score DESC" if board.order is Order.DESC else "s.score ASC"
    over = order_by(board) if board.rank_style is RankStyle.ORDINAL else score
    return (
        f"SELECT s.player_id, p.username, s.score, s.reached_at, {_WINDOW[board.rank_style]} OVER (ORDER BY {over})"
        f" AS rank, row_number() OVER (ORDER BY {order_by(board)}) - 1 AS position FROM {source}"
    )


def entry_of(row: Row[*tuple[Any, ...]]) -> Entry:
    """A row of :func:`ranked` as a line of the board."""
    return Entry(row.rank, row.player_id, row.username, row.score, row.reached_at)


async def total(tx: Transaction, season_id: int) -> int:
    """How many players are ranked in the season."""
    statement = text("SELECT count(*) FROM scores WHERE season_id = :season AND visible")
    return int((await tx.execute(statement, {"season": season_id})).scalar_one())


async def page(tx: Transaction, board: Board, season_id: int, start: int, count: int) -> list[Entry]:
    """``count`` entries from 0-based ``start`` on."""
    rows = await tx.execute(
        text(f"{ranked(board)} ORDER BY position LIMIT :count OFFSET :start"),
        {"season": season_id, "start": start, "count": count},
    )
    return [entry_of(row) for row in rows]


async def of_players(tx: Transaction, board: Board, season_id: int, player_ids: Iterable[UUID]) -> dict[UUID, Standing]:
    """Where these players stand; those without a place are left out. Sorts the whole season: 62 ms at a million."""
    rows = await tx.execute(
        text(f"SELECT * FROM ({ranked(board)}) r WHERE r.player_id = ANY(:players)"),
        {"season": season_id, "players": list(player_ids)},
    )
    return {row.player_id: Standing(row.position, entry_of(row)) for row in rows}


async def compare(
    tx: Transaction, board: Board, season: Season, totals: Sequence[Total], limit: int
) -> tuple[list[RankChange], int]:
    """What would move in a season were these totals saved: ranks and scores now, and then.

    Closed seasons are compared with their final standings. Sorts the whole season twice.

    Args:
        tx: the transaction.
        board: by whose rules to rank.
        season: which season.
        totals: of this season; every other total stays as it is.
        limit: how many changes to return.

    Returns:
        Players with a total among ``totals`` first, then the others, best place first; and how many there are in all.
    """
    if season.status is SeasonStatus.CLOSED:
        was = f"SELECT player_id, score, rank, position FROM ({_FINAL_SHOWN.replace(':season', '$1')}) f"
    else:
        was = _places(board, "SELECT * FROM scores WHERE season_id = $1 AND visible")
    will = _places(
        board,
        "SELECT player_id, score, reached_at FROM scores WHERE season_id = $1 AND visible AND player_id <> ALL($2)"
        " UNION ALL SELECT n.id, n.score, n.reached_at FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[],"
        " $5::boolean[]) AS n(id, score, reached_at, empty) JOIN players p ON p.id = n.id"
        " WHERE NOT n.empty AND p.status = 'active'",
    )
    rows = await tx.fetch(
        f"WITH was AS ({was}), will AS ({will}) SELECT p.id, p.username, was.rank, will.rank, was.score, will.score,"
        " count(*) OVER () FROM was FULL JOIN will USING (player_id) JOIN players p ON p.id = player_id"
        " WHERE (was.rank, was.score) IS DISTINCT FROM (will.rank, will.score)"
        " ORDER BY p.id = ANY($2) DESC, least(was.position, will.position), p.id LIMIT $6",
        season.id,
        [total.player_id for total in totals],
        [total.score for total in totals],
        [total.reached_at for total in totals],
        [total.empty for total in totals],
        limit,
    )
    return [RankChange(*row[:6]) for row in rows], rows[0][6] if rows else 0


def _places(board: Board, source: str) -> str:
    score = "s.score DESC" if board.order is Order.DESC else "s.score ASC"
    over = order_by(board) if board.rank_style is RankStyle.ORDINAL else score
    return (
        f"SELECT s.player_id, s.score, {_WINDOW[board.rank_style]} OVER (ORDER BY {over}) AS rank,"
        f" row_number() OVER (ORDER BY {order_by(board)}) - 1 AS position FROM ({source}) s"
    )


async def save_final(tx: Transaction, board: Board, season_id: int) -> int:
    """Write a season's final standings: of all who have a total, also of who is not shown at the moment, so that a
    suspension that turns out wrong costs nobody a place. Returns how many entries they have.
    """
    result = await tx.execute(
        text(
            "INSERT INTO season_standings (season_id, position, rank, player_id, username, score, reached_at)"
            f" SELECT :season, r.position, r.rank, r.player_id, r.username, r.score, r.reached_at"
            f" FROM ({ranked(board, _RECORDED)}) r ON CONFLICT DO NOTHING"
        ),
        {"season": season_id},
    )
    return result.rowcount


async def forget_final(tx: Transaction, season_id: int) -> None:
    """Delete a season's final standings, to rank them again in the same transaction."""
    await tx.fetch("DELETE FROM season_standings WHERE season_id = $1", season_id)


async def final_checksum(tx: Transaction, season_id: int) -> bytes:
    """SHA-256 over the final standings in order, so that a later change of a closed season shows."""
    statement = text(
        "SELECT sha256(convert_to(coalesce(string_agg(concat_ws('|', position, rank, player_id, score,"
        " extract(epoch FROM reached_at)), E'\\n' ORDER BY position), ''), 'UTF8'))"
        " FROM season_standings WHERE season_id = :season"
    )
    return bytes((await tx.execute(statement, {"season": season_id})).scalar_one())


async def final_differs(tx: Transaction, board: Board, season_id: int) -> int:
    """How many places of the final standings are not those that the season's totals come to. Sorts the season."""
    statement = text(
        f"SELECT count(*) FROM ({ranked(board, _RECORDED)}) r FULL JOIN"
        " (SELECT * FROM season_standings WHERE season_id = :season) f USING (position)"
        " WHERE (r.player_id, r.rank, r.score, r.reached_at) IS DISTINCT FROM"
        " (f.player_id, f.rank, f.score, f.reached_at)"
    )
    return int((await tx.execute(statement, {"season": season_id})).scalar_one())


_FINAL = "SELECT position, rank, player_id, username, score, reached_at FROM season_standings WHERE season_id = :season"
# Who is hidden, suspended or banned since keeps the place in the record, and nobody sees it: the others move up. Ranks
# in which nothing is left out are dense; where ties are only at the end, every style gives the same.
_FINAL_SHOWN = (
    "SELECT row_number() OVER (ORDER BY f.position) - 1 AS position, CASE WHEN (SELECT max(rank) = count(DISTINCT rank)"
    " FROM season_standings WHERE season_id = :season) THEN dense_rank() OVER (ORDER BY f.rank)"
    " ELSE rank() OVER (ORDER BY f.rank) END AS rank, f.player_id, f.username, f.score, f.reached_at"
    " FROM season_standings f JOIN scores s ON s.season_id = f.season_id AND s.player_id = f.player_id AND s.visible"
    " WHERE f.season_id = :season"
)
_CONCEALED = text(
    "SELECT count(*) FROM scores s JOIN season_standings f ON f.season_id = s.season_id AND f.player_id = s.player_id"
    " WHERE s.season_id = :season AND NOT s.visible"
)


async def _concealed(tx: Transaction, season: Season) -> int:
    return int((await tx.execute(_CONCEALED, {"season": season.id})).scalar_one())


async def _final(tx: Transaction, season: Season) -> str:
    """What is shown of the final standings; as they were written wherever nobody is concealed."""
    return f"SELECT * FROM ({_FINAL_SHOWN}) f WHERE true" if await _concealed(tx, season) else _FINAL


async def final_page(tx: Transaction, season: Season, start: int, count: int) -> list[Entry]:
    """Entries of a closed season, without players who are not shown now."""
    rows = await tx.execute(
        text(f"{await _final(tx, season)} AND position >= :start ORDER BY position LIMIT :count"),
        {"season": season.id, "start": start, "count": count},
    )
    return [entry_of(row) for row in rows]


async def final_total(tx: Transaction, season: Season) -> int:
    """How many entries of a closed season are shown."""
    statement = text("SELECT count(*) FROM season_standings WHERE season_id = :season")
    return int((await tx.execute(statement, {"season": season.id})).scalar_one()) - await _concealed(tx, season)


async def final_of_players(tx: Transaction, season: Season, player_ids: Iterable[UUID]) -> dict[UUID, Standing]:
    """Where these players ended; those without a place, or not shown now, are left out."""
    rows = await tx.execute(
        text(f"{await _final(tx, season)} AND player_id = ANY(:players)"),
        {"season": season.id, "players": list(player_ids)},
    )
    return {row.player_id: Standing(row.position, entry_of(row)) for row in rows}
