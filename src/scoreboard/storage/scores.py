"""Totals of players in board seasons: a projection of the ledger, kept in the same transaction."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text

from scoreboard.domain.events import StandingChange
from scoreboard.domain.score import Total
from scoreboard.storage.database import Transaction

_FIND = (
    "SELECT season_id, player_id, score, reached_at, version, last_action_id, empty FROM scores"
    " WHERE (season_id, player_id) IN (SELECT * FROM unnest($1::bigint[], $2::uuid[]))"
    " ORDER BY season_id, player_id"
)
_LOCK = f"{_FIND} FOR NO KEY UPDATE"


async def lock(tx: Transaction, pairs: Iterable[tuple[int, UUID]]) -> dict[tuple[int, UUID], Total]:
    """The totals of these (season, player) pairs, locked in order. Pairs without a total yet are left out."""
    return await _totals(tx, _LOCK, pairs)


async def find(tx: Transaction, pairs: Iterable[tuple[int, UUID]]) -> dict[tuple[int, UUID], Total]:
    """The totals of these (season, player) pairs as they are now. Pairs without a total yet are left out."""
    return await _totals(tx, _FIND, pairs)


async def _totals(tx: Transaction, statement: str, pairs: Iterable[tuple[int, UUID]]) -> dict[tuple[int, UUID], Total]:
    wanted = sorted(set(pairs))
    rows = await tx.fetch(statement, [pair[0] for pair in wanted], [pair[1] for pair in wanted])
    return {(season, player): Total(player, season, *total) for season, player, *total in rows}


_SHOWN = (
    "SELECT s.season_id, e.board_key, s.player_id, p.username, s.score, s.reached_at, s.version, s.visible"
    " FROM scores s JOIN players p ON p.id = s.player_id JOIN seasons e ON e.id = s.season_id"
)
_CHANGES = text(
    f"{_SHOWN} WHERE (s.season_id, s.player_id) IN"
    " (SELECT * FROM unnest(CAST(:seasons AS bigint[]), CAST(:players AS uuid[])))"
)
_ALL = f"{_SHOWN} WHERE s.season_id = $1"
_COUNT = text("SELECT count(*) FROM scores WHERE season_id = :season")


def _change(row: Iterable[Any]) -> StandingChange:
    season, board, player, username, score, reached_at, version, visible = row
    return StandingChange(season, board, player, username, None, score if visible else None, reached_at, version)


async def changes(tx: Transaction, pairs: Iterable[tuple[int, UUID]]) -> dict[tuple[int, UUID], StandingChange]:
    """The present totals of these pairs, ready to be projected; who is not visible has no score."""
    wanted = sorted(set(pairs))
    rows = await tx.execute(
        _CHANGES, {"seasons": [pair[0] for pair in wanted], "players": [pair[1] for pair in wanted]}
    )
    return {(row.season_id, row.player_id): _change(row) for row in rows}


_SET_VISIBLE = (
    "WITH held AS (SELECT season_id, player_id FROM scores WHERE player_id = $1 AND visible <> ($2 AND NOT empty)"
    " ORDER BY season_id, player_id FOR UPDATE)"
    " UPDATE scores s SET visible = $2, version = version + 1 FROM held"
    " WHERE s.season_id = held.season_id AND s.player_id = held.player_id"
)


async def set_visible(tx: Transaction, player_id: UUID, *, visible: bool) -> None:
    """Show or hide all of a player's totals; an empty one is never shown. Their versions rise, so that no older
    projection brings them back.
    """
    await tx.fetch(_SET_VISIBLE, player_id, visible)


async def changes_of_player(tx: Transaction, player_id: UUID) -> list[StandingChange]:
    """The player's present totals in all seasons, ready to be projected."""
    rows = await tx.execute(text(f"{_SHOWN} WHERE s.player_id = :player ORDER BY s.season_id"), {"player": player_id})
    return [_change(row) for row in rows]


async def stream(
    tx: Transaction, season_id: int, chunk: int, *, by_score: bool = False
) -> AsyncIterator[list[StandingChange]]:
    """All totals of a season in chunks, through a server-side cursor: memory stays flat at any size.

    ``by_score``: in the order of their scores. Postgres sorts them before the first chunk comes.
    """
    async for rows in tx.pages(f"{_ALL} ORDER BY s.score" if by_score else _ALL, season_id, size=chunk):
        yield [_change(row) for row in rows]


async def count(tx: Transaction, season_id: int) -> int:
    """How many totals a season holds."""
    return cast(int, (await tx.execute(_COUNT, {"season": season_id})).scalar_one())


_BEST = "SELECT player_id FROM scores WHERE season_id = $1 ORDER BY score {} LIMIT $2"
_AFTER = "SELECT player_id FROM scores WHERE season_id = $1 AND player_id > $2 ORDER BY player_id LIMIT $3"
_ENDS = (
    "SELECT (SELECT player_id FROM scores WHERE season_id = $1 ORDER BY player_id LIMIT 1),"
    " (SELECT player_id FROM scores WHERE season_id = $1 ORDER BY player_id DESC LIMIT 1)"
)


async def ends(tx: Transaction, season_id: int) -> tuple[UUID, UUID] | None:
    """The lowest and the highest id of a season's players; None while it has none."""
    [(lowest, highest)] = await tx.fetch(_ENDS, season_id)
    return None if lowest is None else (lowest, highest)


async def run_after(tx: Transaction, season_id: int, after: UUID, size: int) -> list[UUID]:
    """The next players of a season in the order of their ids; fewer than ``size`` where they come to an end."""
    return [row[0] for row in await tx.fetch(_AFTER, season_id, after, size)]


async def best(tx: Transaction, season_id: int, size: int, *, ascending: bool) -> list[UUID]:
    """The players with the highest scores of a season, or with the lowest."""
    return [row[0] for row in await tx.fetch(_BEST.format("ASC" if ascending else "DESC"), season_id, size)]
