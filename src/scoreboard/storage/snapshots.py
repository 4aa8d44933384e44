"""Snapshots of board seasons: everybody's totals at a moment, taken once and never changed.

They only make past boards cheap to read: without them every answer is the same.
"""

from datetime import datetime

from sqlalchemy import text

from scoreboard.domain.board import Board
from scoreboard.domain.season import Season
from scoreboard.storage import ledger, past, scores
from scoreboard.storage.database import Transaction


async def horizon(tx: Transaction) -> int:
    """A mark in the order of transactions: those that have begun by now are before it."""
    rows = await tx.fetch("SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)")
    return int(rows[0][0])


async def has_passed(tx: Transaction, mark: int) -> bool:
    """Whether every transaction before the mark has ended, so that nothing dated before it can still appear."""
    rows = await tx.fetch("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) >= $1", mark)
    return bool(rows[0][0])


_EXISTS = "SELECT 1 FROM snapshots WHERE season_id = $1 AND fold = $2 AND at = $3"


async def exists(tx: Transaction, board: Board, season: Season, at: datetime) -> bool:
    """Whether there is a snapshot of exactly this moment."""
    return bool(await tx.fetch(_EXISTS, season.id, past.fold_name(board), at))


_PLAYERS = 50_000
"""In one statement: with two entries each since the last snapshot that takes a second."""
_NOTE = "INSERT INTO snapshots (season_id, fold, at, seq) VALUES ($1, $2, $3, $4) RETURNING id"


async def take(tx: Transaction, board: Board, season: Season, at: datetime) -> int:
    """Write down everybody's totals at a moment by which nothing more can be dated. Returns how many players.

    Args:
        tx: the transaction.
        board: by whose rules to fold.
        season: which season.
        at: the moment; there is no snapshot of it yet.

    Raises:
        asyncpg.UniqueViolationError: another process took it first.
    """
    moment = await past.look_back(tx, board, season, at)
    # The number first: what is amended between it and the fold is folded again by whoever reads.
    seq, _ = await ledger.head(tx)
    noted = await tx.fetch(_NOTE, season.id, past.fold_name(board), at, seq)
    # In parts, so that no statement grows with the season; the condition reaches down to the rows that are folded.
    statement = text(
        "INSERT INTO snapshot_totals (snapshot_id, player_id, score, reached_at)"
        f" SELECT :id, t.player_id, t.score, t.reached_at FROM ({past.totals_query(board)}) t"
        " WHERE uuid_hash(t.player_id) & CAST(:mask AS integer) = CAST(:part AS integer)"
    )
    parts = _parts(await scores.count(tx, season.id))
    values = {**moment.values, "id": noted[0][0], "mask": parts - 1}
    return sum([(await tx.execute(statement, {**values, "part": part})).rowcount for part in range(parts)])


def _parts(players: int) -> int:
    parts = 1
    while parts * _PLAYERS < players:
        parts *= 2
    return parts


_ENTRIES_SINCE = (
    "SELECT count(*), (SELECT count(*) FROM scores WHERE season_id = $1) FROM ledger"
    " WHERE at > $2 AND $1 = ANY(season_ids)"
)


async def growth(tx: Transaction, board: Board, season: Season, at: datetime) -> tuple[int, int]:
    """How many entries the season has since the newest snapshot before a moment, and how many players."""
    moment = await past.look_back(tx, board, season, at)
    rows = await tx.fetch(_ENTRIES_SINCE, season.id, moment.after)
    return int(rows[0][0]), int(rows[0][1])
