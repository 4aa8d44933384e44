"""Idempotency keys: what a request answered, so that its repetition gets the same answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from scoreboard.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply under a key. ``fingerprint`` tells whether the same request asked for it."""

    player_id: UUID
    key: str
    fingerprint: bytes
    status: int
    reply: dict[str, Any]


_FIND = (
    "SELECT k.player_id, k.key, k.fingerprint, k.status, k.reply::text"
    " FROM unnest($1::uuid[], $2::text[]) AS wanted(player_id, key) JOIN idempotency_keys k USING (player_id, key)"
)
_ADD = (
    "INSERT INTO idempotency_keys (player_id, key, fingerprint, status, reply)"
    " SELECT p, k, f, s, CAST(r AS jsonb) FROM unnest($1::uuid[], $2::text[], $4::bytea[], $5::int[], $3::text[])"
    " AS n(p, k, f, s, r) ORDER BY p, k"
)
_REPLACE = (
    "UPDATE idempotency_keys i SET reply = CAST(n.r AS jsonb)"
    " FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(p, k, r) WHERE i.player_id = n.p AND i.key = n.k"
)


async def find(tx: Transaction, pairs: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], StoredReply]:
    """Replies stored under these (player, key) pairs."""
    wanted = sorted(set(pairs))
    rows = await tx.fetch(_FIND, [pair[0] for pair in wanted], [pair[1] for pair in wanted])
    return {
        (player_id, key): StoredReply(player_id, key, fingerprint, status, msgspec.json.decode(reply))
        for player_id, key, fingerprint, status, reply in rows
    }


async def add(tx: Transaction, rows: Sequence[StoredReply]) -> None:
    """Store replies. A request with the same key at the same time waits here for the first one's commit.

    Raises:
        asyncpg.UniqueViolationError: the other one committed; start again and find its reply.
    """
    await tx.fetch(_ADD, *_arguments(rows), [row.fingerprint for row in rows], [row.status for row in rows])


async def replace_replies(tx: Transaction, rows: Sequence[StoredReply]) -> None:
    """Complete stored replies with what was only known after the commit (the ranks)."""
    await tx.fetch(_REPLACE, *_arguments(rows))


def _arguments(rows: Sequence[StoredReply]) -> tuple[list[UUID], list[str], list[str]]:
    return (
        [row.player_id for row in rows],
        [row.key for row in rows],
        [msgspec.json.encode(row.reply).decode() for row in rows],
    )


async def forget(tx: Transaction, older_than: int) -> int:
    """Delete keys older than so many seconds. Returns how many."""
    result = await tx.execute(
        text("DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(secs => :age)"),
        {"age": older_than},
    )
    return result.rowcount
