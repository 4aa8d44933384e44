"""Nonces of signed requests, while Redis cannot keep them."""

from collections.abc import Iterable
from uuid import UUID

from scoreboard.storage.database import Transaction

_ADD = (
    "INSERT INTO nonces (session_id, nonce, expires_at)"
    " SELECT s, n, clock_timestamp() + make_interval(secs => $3) FROM unnest($1::uuid[], $2::bytea[]) AS u(s, n)"
    " ORDER BY s, n ON CONFLICT (session_id, nonce) DO NOTHING RETURNING session_id, nonce"
)
_FORGET = "WITH gone AS (DELETE FROM nonces WHERE expires_at < clock_timestamp() RETURNING 1) SELECT count(*) FROM gone"


async def add(tx: Transaction, pairs: Iterable[tuple[UUID, bytes]], ttl: float) -> set[tuple[UUID, bytes]]:
    """Note these (session, nonce) pairs for ``ttl`` seconds. Returns those that are new; the others were used."""
    wanted = sorted(set(pairs))
    rows = await tx.fetch(_ADD, [pair[0] for pair in wanted], [pair[1] for pair in wanted], ttl)
    return {(row[0], row[1]) for row in rows}


async def forget(tx: Transaction) -> int:
    """Delete those whose requests would be stale by now. Returns how many."""
    count: int = (await tx.fetch(_FORGET))[0][0]
    return count
