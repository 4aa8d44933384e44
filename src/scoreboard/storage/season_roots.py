"""Signed roots of seasons: only ever added. And what they are made of: the chain hashes of a season's entries."""

from typing import Any, NamedTuple

from asyncpg import Record

from scoreboard.security.season_root import MerkleTree, RootContent, SeasonRoot
from scoreboard.storage.database import Transaction

_COLUMNS = (
    "season_id, board_key, version, through, chain, entries, root, checksum, signed_at, number, previous, key_id,"
    " signature"
)


def _root(row: Record | tuple[Any, ...]) -> SeasonRoot:
    """A row that begins with ``_COLUMNS``."""
    content, (number, previous, key_id, signature) = RootContent(*row[:9]), row[9:13]
    return SeasonRoot(number, content, previous, key_id, signature)


class RootedSeason(NamedTuple):
    """What a root says of a season beside its entries; ``checksum`` is None while it runs."""

    id: int
    board_key: str
    checksum: bytes | None


# A season counts from its moment on, whenever a worker opens it.
_BEGUN = "(s.status <> 'scheduled' OR s.starts_at <= clock_timestamp())"
# Closed: once, and again under a new key. Running: as often as is asked for.
_DUE = (
    "SELECT s.id FROM seasons s LEFT JOIN LATERAL (SELECT r.checksum, r.key_id, r.signed_at FROM season_roots r"
    " WHERE r.season_id = s.id ORDER BY r.version DESC LIMIT 1) r ON true"
    f" WHERE {_BEGUN} AND (r.signed_at IS NULL"
    " OR s.status = 'closed' AND (r.checksum IS NULL OR r.key_id <> $1)"
    " OR s.status <> 'closed' AND r.signed_at < clock_timestamp() - make_interval(secs => $2))"
)
_AMENDED = (
    "SELECT DISTINCT s.id FROM ledger l JOIN seasons s ON s.id = ANY(l.season_ids) WHERE l.seq > $1 AND l.seq <= $2"
    " AND l.entry_type NOT IN ('applied', 'held') AND s.status = 'closed'"
)
_SEASON = "SELECT id, board_key, CASE WHEN status = 'closed' THEN coalesce(checksum, '') END FROM seasons WHERE id = $1"


async def due(tx: Transaction, key_id: str, every: float) -> set[int]:
    """Seasons without a root, closed since their newest root or signed by another key; running ones whose newest root
    is older than ``every`` seconds.
    """
    return {row[0] for row in await tx.fetch(_DUE, key_id, every)}


async def amended(tx: Transaction, after: int, through: int) -> set[int]:
    """Closed seasons that amendments among these ledger entries speak of."""
    return {row[0] for row in await tx.fetch(_AMENDED, after, through)}


async def find_season(tx: Transaction, season_id: int) -> RootedSeason | None:
    """A season as it is now."""
    rows = await tx.fetch(_SEASON, season_id)
    return RootedSeason(*rows[0]) if rows else None


async def newest(tx: Transaction) -> SeasonRoot | None:
    """The root that was signed last, of whichever season."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM season_roots ORDER BY number DESC LIMIT 1")
    return _root(rows[0]) if rows else None


async def newest_of(tx: Transaction, season_id: int) -> tuple[SeasonRoot, MerkleTree] | None:
    """A season's newest root, and the tree to go on from.

    Raises:
        ValueError: the row's peaks are not those of a tree of its size.
    """
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, peaks FROM season_roots WHERE season_id = $1 ORDER BY version DESC LIMIT 1", season_id
    )
    return (_root(rows[0]), MerkleTree(rows[0]["entries"], rows[0]["peaks"])) if rows else None


async def of_season(tx: Transaction, season_id: int, limit: int) -> list[SeasonRoot]:
    """A season's roots, newest first."""
    statement = f"SELECT {_COLUMNS} FROM season_roots WHERE season_id = $1 ORDER BY version DESC LIMIT $2"
    return [_root(row) for row in await tx.fetch(statement, season_id, limit)]


async def after(tx: Transaction, number: int, limit: int) -> list[SeasonRoot]:
    """Roots with a number above ``number``, in order."""
    statement = f"SELECT {_COLUMNS} FROM season_roots WHERE number > $1 ORDER BY number LIMIT $2"
    return [_root(row) for row in await tx.fetch(statement, number, limit)]


async def add(tx: Transaction, root: SeasonRoot, peaks: bytes) -> None:
    """Store a root. Raises asyncpg.UniqueViolationError where another process has signed meanwhile."""
    content = root.content
    await tx.fetch(
        f"INSERT INTO season_roots ({_COLUMNS}, peaks)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        *(content.season_id, content.board_key, content.version, content.through, content.chain, content.entries),
        *(content.root, content.checksum, content.signed_at, root.number, root.previous, root.key_id),
        *(root.signature, peaks),
    )


_LEAVES = "SELECT hash FROM ledger WHERE seq > $1 AND seq <= $2 AND $3 = ANY(season_ids) ORDER BY seq"


async def leaves(tx: Transaction, season_id: int, after: int, through: int) -> list[bytes]:
    """The chain hashes of a season's entries among these ledger numbers, in order."""
    return [row[0] for row in await tx.fetch(_LEAVES, after, through, season_id)]


class KnownSeason(NamedTuple):
    """How a season is called; ``checksum``: of its final standings as the season has it, None while it runs."""

    id: int
    board_key: str
    name: str
    checksum: bytes | None


_KNOWN = (
    "SELECT s.id, s.board_key, s.name, CASE WHEN s.status = 'closed' THEN coalesce(s.checksum, '') END FROM seasons s"
    f" WHERE {_BEGUN} ORDER BY s.id"
)


async def known_seasons(tx: Transaction) -> dict[int, KnownSeason]:
    """Every season that has begun."""
    return {row[0]: KnownSeason(*row) for row in await tx.fetch(_KNOWN)}
