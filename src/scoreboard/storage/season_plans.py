"""Declared seasons and the seasons that boards have from them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec
from asyncpg import Record

from scoreboard.domain.season import Season, SeasonStatus
from scoreboard.domain.season_plan import SeasonPlan
from scoreboard.domain.timeline import Slot, Window
from scoreboard.storage.catalog import decode
from scoreboard.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class PlannedSeason:
    """A board's season of a plan, the checksum of its final standings once it is closed, the players shown in it."""

    season: Season
    checksum: bytes | None
    players: int


# A retired plan goes on to shape what follows it on a board where its season had begun by then.
_OF_BOARDS = (
    "SELECT p.key, p.version, p.spec::text, p.retired_at FROM season_plans p WHERE p.current"
    " AND p.spec->'boards' ?| $1::text[] AND (p.retired_at IS NULL OR EXISTS (SELECT 1 FROM seasons s"
    " WHERE s.plan_key = p.key AND s.starts_at <= p.retired_at)) ORDER BY p.key"
)


async def of_boards(tx: Transaction, board_keys: Iterable[str]) -> list[SeasonPlan]:
    """Plans that name one of these boards; one that was retired after it began ends at that moment."""
    found = []
    for row in await tx.fetch(_OF_BOARDS, sorted(set(board_keys))):
        plan = decode(SeasonPlan, row["key"], row["version"], msgspec.json.decode(row["spec"]))
        retired = row["retired_at"]
        if retired is not None and (plan.ends_at is None or retired < plan.ends_at):
            plan = replace(plan, ends_at=max(retired, plan.starts_at))
        found.append(plan)
    return found


_SLOTS = (
    "SELECT id, board_key, name, starts_at, ends_at, status, plan_key FROM seasons WHERE board_key = $1"
    " ORDER BY starts_at DESC LIMIT 100"
)
_LOCK = "SELECT id FROM seasons WHERE board_key = $1 AND status IN ('scheduled', 'open') ORDER BY id FOR UPDATE"


async def slots(tx: Transaction, board_key: str, *, locked: bool) -> list[Slot]:
    """The newest seasons of a board. ``locked``: once every transaction that counts in them has ended."""
    if locked:
        await tx.fetch(_LOCK, board_key)
    return [Slot(_season(row), row[6]) for row in await tx.fetch(_SLOTS, board_key)]


def _season(row: Record) -> Season:
    return Season(row[0], row[1], row[2], row[3], row[4], SeasonStatus(row[5]))


async def add(tx: Transaction, board_key: str, window: Window) -> Season | None:
    """A new scheduled season; None when the board has one that starts at this moment."""
    rows = await tx.fetch(
        "INSERT INTO seasons (board_key, name, starts_at, ends_at, plan_key) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (board_key, starts_at) DO NOTHING RETURNING id, board_key, name, starts_at, ends_at, status",
        *(board_key, window.name, window.starts_at, window.ends_at, window.plan_key),
    )
    return _season(rows[0]) if rows else None


async def change(tx: Transaction, season_id: int, window: Window) -> None:
    """Give a season that is not closed another end, name or plan."""
    await tx.fetch(
        "UPDATE seasons SET name = $2, ends_at = $3, plan_key = $4 WHERE id = $1",
        *(season_id, window.name, window.ends_at, window.plan_key),
    )


async def drop(tx: Transaction, season_id: int) -> None:
    """Take a season away that never began."""
    await tx.fetch("DELETE FROM seasons WHERE id = $1 AND status = 'scheduled'", season_id)


async def pause(tx: Transaction, board_key: str) -> list[int]:
    """Let a board's seasons take no more points, once every transaction that counts in them has ended.

    Returns:
        The ids of seasons that had not begun: they are taken away.
    """
    await tx.fetch(_LOCK, board_key)
    dropped = await tx.fetch(
        "DELETE FROM seasons WHERE board_key = $1 AND status = 'scheduled' AND starts_at > clock_timestamp()"
        " RETURNING id",
        board_key,
    )
    await tx.fetch("UPDATE seasons SET paused = true WHERE board_key = $1 AND status <> 'closed'", board_key)
    return [row[0] for row in dropped]


async def resume(tx: Transaction, board_key: str) -> None:
    """Let a board's seasons take points again."""
    await tx.fetch("UPDATE seasons SET paused = false WHERE board_key = $1 AND paused", board_key)


# A plan that was retired and declared again has made several seasons of a board; the newest speaks for it.
_OF_PLAN = (
    "SELECT DISTINCT ON (s.board_key) s.id, s.board_key, s.name, s.starts_at, s.ends_at, s.status, s.checksum,"
    " (SELECT count(*) FROM scores c WHERE c.season_id = s.id AND c.visible) AS players FROM seasons s"
    " WHERE s.plan_key = $1 ORDER BY s.board_key, s.starts_at DESC"
)


async def of_plan(tx: Transaction, plan_key: str) -> list[PlannedSeason]:
    """The seasons that a plan stands for now, by board."""
    return [PlannedSeason(_season(row), row[6], row[7]) for row in await tx.fetch(_OF_PLAN, plan_key)]
