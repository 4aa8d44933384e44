"""Facts that are committed but perhaps not announced yet. Announcing deletes the row; the sweep finds what is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from scoreboard.storage.database import Transaction

SCORES = "scores"
CONTROL = "control"
STANDINGS = "standings"
AMENDED = "amended"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A fact: a range of the ledger (``scores``), a control message (``control``), a player who was shown or hidden
    (``standings``), or a range of the ledger that amends what was recorded before (``amended``).
    """

    id: int
    kind: str
    first_seq: int | None
    last_seq: int | None
    payload: dict[str, Any] | None


_ADD = text("INSERT INTO outbox (kind, payload) VALUES ('control', :payload) RETURNING id").bindparams(
    bindparam("payload", type_=JSONB)
)


async def add_control(tx: Transaction, message: msgspec.Struct) -> int:
    """Note a control message in the same transaction as the change that it tells of. Returns the row's id."""
    row_id: int = (await tx.execute(_ADD, {"payload": msgspec.to_builtins(message)})).scalar_one()
    return row_id


_ADD_STANDINGS = (
    "INSERT INTO outbox (kind, payload) VALUES ('standings', jsonb_build_object('player_id', $1::uuid)) RETURNING id"
)


async def add_standings(tx: Transaction, player_id: UUID) -> int:
    """Note that a player was shown or hidden, in the same transaction. Returns the row's id."""
    row_id: int = (await tx.fetch(_ADD_STANDINGS, player_id))[0][0]
    return row_id


_ADD_AMENDED = "INSERT INTO outbox (kind, first_seq, last_seq) VALUES ('amended', $1, $2) RETURNING id"


async def add_amended(tx: Transaction, first_seq: int, last_seq: int) -> int:
    """Note a range of amendments in the same transaction. Returns the row's id."""
    row_id: int = (await tx.fetch(_ADD_AMENDED, first_seq, last_seq))[0][0]
    return row_id


async def take_due(tx: Transaction, older_than: float, limit: int, *, amended: bool = True) -> list[OutboxRow]:
    """Rows older than so many seconds, oldest first, locked; rows that another sweep holds are passed over.

    ``amended`` False leaves out what amends.
    """
    rows = await tx.execute(
        text(
            "SELECT id, kind, first_seq, last_seq, payload FROM outbox"
            " WHERE created_at < clock_timestamp() - make_interval(secs => :age) AND (:amended OR kind <> 'amended')"
            " ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"age": older_than, "limit": limit, "amended": amended},
    )
    return [OutboxRow(*row) for row in rows]


# A row that a sweep holds is left to the sweep: nobody waits for it.
_MARK = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id = ANY($1) FOR UPDATE SKIP LOCKED)"
_MARK_ALONE = "DELETE FROM outbox WHERE id = ANY($1) AND set_config('synchronous_commit', 'off', true) = 'off'"


async def mark(tx: Transaction, row_ids: Sequence[int], *, alone: bool = True) -> None:
    """Delete announced rows. Should a crash undo it they are announced again.

    ``alone``: nothing else in this transaction is worth waiting for the disk.
    """
    await tx.fetch(_MARK_ALONE if alone else _MARK, list(row_ids))


async def backlog(tx: Transaction) -> tuple[int, float]:
    """How many rows wait, and the age of the oldest in seconds."""
    row = (
        await tx.execute(
            text("SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0) FROM outbox")
        )
    ).one()
    return int(row[0]), float(row[1])
