"""How far each consumer of the ledger has come: a ledger number, moved in the transaction of what was made of it."""

from typing import NamedTuple

from scoreboard.storage.database import Transaction


class Move(NamedTuple):
    """A step of a consumer: everything after ``before`` up to ``after`` is done."""

    consumer: str
    before: int
    after: int


async def read(tx: Transaction, consumer: str) -> int | None:
    """Ledger number of the last entry that was dealt with; None for a consumer that never began."""
    rows = await tx.fetch("SELECT seq FROM consumer_positions WHERE consumer = $1", consumer)
    return rows[0]["seq"] if rows else None


async def begin(tx: Transaction, consumer: str, seq: int) -> int:
    """Make a consumer's position unless there is one. Returns what it is."""
    await tx.fetch(
        "INSERT INTO consumer_positions (consumer, seq, updated_at) VALUES ($1, $2, clock_timestamp())"
        " ON CONFLICT (consumer) DO NOTHING",
        consumer,
        seq,
    )
    [row] = await tx.fetch("SELECT seq FROM consumer_positions WHERE consumer = $1", consumer)
    found: int = row["seq"]
    return found


async def move(tx: Transaction, step: Move) -> bool:
    """Take a step. False: another process has taken it, or a different one, and nothing was changed."""
    rows = await tx.fetch(
        "UPDATE consumer_positions SET seq = $3, updated_at = clock_timestamp() WHERE consumer = $1 AND seq = $2"
        " RETURNING seq",
        *step,
    )
    return bool(rows)


async def lag(tx: Transaction, consumer: str) -> tuple[int, int, float] | None:
    """A consumer's position, how many entries it is behind, and the age in seconds of the oldest of them (0: none)."""
    rows = await tx.fetch(
        "SELECT p.seq, h.seq - p.seq AS behind,"
        " coalesce(extract(epoch FROM clock_timestamp() - l.at), 0)::float8 AS age"
        " FROM ledger_head h, consumer_positions p LEFT JOIN ledger l ON l.seq = p.seq + 1"
        " WHERE p.consumer = $1 AND h.shard = 0",
        consumer,
    )
    return (rows[0]["seq"], max(rows[0]["behind"], 0), rows[0]["age"]) if rows else None
