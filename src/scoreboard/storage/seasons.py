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


async def of_boards(tx: Transaction, board_keys: Iterable[str], limit: int = 100) -> dict[str, list[Season]]:
    """The newest seasons of each of these boards first, in one trip."""
    rows = await tx.fetch(
        "SELECT s.id, s.board_key, s.name, s.starts_at, s.ends_at, s.status FROM unnest($1::text[]) AS b(key)"
        " CROSS JOIN LATERAL (SELECT * FROM seasons WHERE board_key = b.key ORDER BY starts_at DESC LIMIT $2) AS s"
        " ORDER BY s.board_key, s.starts_at DESC",
        list(board_keys),
        limit,
    )
    found: dict[str, list[Season]] = {}
    for row in rows:
        found.setdefault(row["board_key"], []).append(_season(row))
    return found


async def find(tx: Transaction, season_id: int) -> Season | None:
    """The season with this id."""
    row = (await tx.execute(select(*_COLUMNS).where(seasons.c.id == season_id))).first()
    return None if row is None else _season(row)


async def find_many(tx: Transaction, season_ids: Iterable[int]) -> dict[int, Season]:
    """Those of these seasons that exist."""
    rows = await tx.execute(select(*_COLUMNS).where(seasons.c.id.in_(list(season_ids))))
    return {row.id: _season(row) for row in rows}


async def unfinished(tx: Transaction) -> list[Season]:
    """Scheduled, open and closing seasons of all boards, oldest first."""
    rows = await tx.execute(
        select(*_COLUMNS).where(seasons.c.status != SeasonStatus.CLOSED).order_by(seasons.c.starts_at, seasons.c.id)
    )
    return [_season(row) for row in rows]


_SHARE = (
    "SELECT id, board_key, name, starts_at, ends_at, status, clock_timestamp() AS now FROM seasons"
    " WHERE board_key = ANY($1) AND status IN ('scheduled', 'open') AND NOT paused ORDER BY id FOR KEY SHARE"
)


async def share(tx: Transaction, board_keys: Iterable[str]) -> tuple[list[Season], datetime | None]:
    """Seasons that may count now, locked so that none can be closed before this transaction ends.

    Returns:
        The seasons, and the database's clock, which is None where there is no season.
    """
    rows = await tx.fetch(_SHARE, sorted(set(board_keys)))
    return [_season(row) for row in rows], rows[0]["now"] if rows else None


_KNOWN = "SELECT id, board_key, name, starts_at, ends_at, status, closed_at FROM seasons WHERE id = ANY($1) ORDER BY id"
_SHARE_KNOWN = f"{_KNOWN} FOR KEY SHARE"
_LOCK_CLOSED = "SELECT id FROM seasons WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"


async def share_known(
    tx: Transaction, season_ids: Iterable[int], *, locked: bool = True
) -> dict[int, tuple[Season, datetime | None]]:
    """These seasons and when they were closed. ``locked``: none is closed before this transaction ends, and nobody
    else writes the final standings of those that are closed.
    """
    rows = await tx.fetch(_SHARE_KNOWN if locked else _KNOWN, sorted(set(season_ids)))
    found = {row["id"]: (_season(row), row["closed_at"]) for row in rows}
    closed = sorted(id_ for id_, (season, _) in found.items() if season.status is SeasonStatus.CLOSED)
    if closed and locked:
        await tx.fetch(_LOCK_CLOSED, closed)
    return found


async def checksum(tx: Transaction, season_id: int) -> bytes:
    """The checksum of a closed season's standings; empty for one that is not closed."""
    found = (await tx.execute(select(seasons.c.checksum).where(seasons.c.id == season_id))).scalar_one_or_none()
    return bytes(found or b"")


async def set_checksum(tx: Transaction, season_id: int, checksum: bytes) -> None:
    """Record the checksum of final standings that were ranked again."""
    await tx.execute(update(seasons).where(seasons.c.id == season_id).values(checksum=checksum))


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


async def has_scores(tx: Transaction, board_key: str) -> bool:
    """Whether anybody ever scored on a board."""
    rows = await tx.fetch(
        "SELECT 1 FROM seasons s WHERE s.board_key = $1 AND EXISTS"
        " (SELECT 1 FROM scores c WHERE c.season_id = s.id) LIMIT 1",
        board_key,
    )
    return bool(rows)
