"""Board seasons and their final standings."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from asyncpg import Record
from sqlalchemy import Row, select, text, update

from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.storage.database import Transaction
from scoreboard.storage.tables import seasons

_COLUMNS = (
    seasons.c.id,
    seasons.c.board_key,
    seasons.c.name,
    seasons.c.starts_at,
    seasons.c.ends_at,
    seasons.c.status,
)


def _season(row: Row[*tuple[Any, ...]] | Record) -> Season:
    id_, board_key, name, starts_at, ends_at, status = row[:6]
    return Season(id_, board_key, name, starts_at, ends_at, SeasonStatus(status))


async def add(
    tx: Transaction, board_key: str, name: str, starts_at: datetime, ends_at: datetime | None
) -> Season | None:
    """A new scheduled season; None when the board has one that starts at this moment."""
    row = (
        await tx.execute(
            text(
                "INSERT INTO seasons (board_key, name, starts_at, ends_at) VALUES (:board, :name, :starts, :ends)"
                " ON CONFLICT (board_key, starts_at) DO NOTHING"
                " RETURNING id, board_key, name, starts_at, ends_at, status"
            ),
            {"board": board_key, "name": name, "starts": starts_at, "ends": ends_at},
        )
    ).first()
    return None if row is None else _season(row)


async def of_board(tx: Transaction, board_key: str, limit: int = 100) -> list[Season]:
    """The newest seasons of a board first."""
    rows = await tx.execute(
        select(*_COLUMNS).where(seasons.c.board_key == board_key).order_by(seasons.c.starts_at.desc()).limit(limit)
    )
    return [_season(row) for row in rows]


async def find(tx: Transaction, season_id: int) -> Season | None:
    """The season with this id."""
    row = (await tx.execute(select(*_COLUMNS).where(seasons.c.id == season_id))).first()
    return None if row is None else _season(row)


async def unfinished(tx: Transaction) -> list[Season]:
    """Scheduled, open and closing seasons of all boards, oldest first."""
    rows = await tx.execute(
        select(*_COLUMNS).where(seasons.c.status != SeasonStatus.CLOSED).order_by(seasons.c.starts_at, seasons.c.id)
    )
    return [_season(row) for row in rows]


_SHARE = (
    "SELECT id, board_key, name, starts_at, ends_at, status, clock_timestamp() AS now FROM seasons"
    " WHERE board_key = ANY($1) AND status IN ('scheduled', 'open') ORDER BY id FOR KEY SHARE"
)


async def share(tx: Transaction, board_keys: Iterable[str]) -> tuple[list[Season], datetime | None]:
    """Seasons that may count now, locked so that none can be closed before this transaction ends.

    Returns:
        The seasons, and the database's clock, which is None where there is no season.
    """
    rows = await tx.fetch(_SHARE, sorted(set(board_keys)))
    return [_season(row) for row in rows], rows[0]["now"] if rows else None


async def lock(tx: Transaction, season_id: int) -> Season | None:
    """The season, once every transaction that counts in it has ended."""
    row = (await tx.execute(select(*_COLUMNS).where(seasons.c.id == season_id).with_for_update())).first()
    return None if row is None else _season(row)


async def set_status(tx: Transaction, season_id: int, status: SeasonStatus, checksum: bytes | None = None) -> None:
    """Move a season on in its life; closing it for good records when, and the checksum of its standings."""
    values: dict[str, object] = {"status": status}
    if status is SeasonStatus.CLOSED:
        values |= {"closed_at": text("clock_timestamp()"), "checksum": checksum}
    await tx.execute(update(seasons).where(seasons.c.id == season_id).values(**values))
