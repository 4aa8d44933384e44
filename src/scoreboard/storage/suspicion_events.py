"""Signals of players as they are kept for reviewers; those without a case were only noted."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from scoreboard.domain.review import SuspicionEvent
from scoreboard.storage.database import Transaction

_ADD = (
    "INSERT INTO suspicion_events (player_id, case_id, at, source, signal, value, reference, weight, suspicion,"
    " verdict, action_id, detail) SELECT n.player_id, n.case_id, n.at, n.source, n.signal, n.value, n.reference,"
    " n.weight, n.suspicion, n.verdict, n.action_id, CAST(n.detail AS jsonb) FROM unnest($1::uuid[], $2::uuid[],"
    " $3::timestamptz[], $4::text[], $5::text[], $6::float8[], $7::text[], $8::float8[], $9::float8[], $10::text[],"
    " $11::uuid[], $12::text[]) WITH ORDINALITY AS n(player_id, case_id, at, source, signal, value, reference, weight,"
    " suspicion, verdict, action_id, detail, place) ORDER BY n.place"
)


async def add(tx: Transaction, events: Sequence[tuple[SuspicionEvent, UUID | None]]) -> None:
    """Note events in this order, each with the case that it belongs to, or None for one that nobody looks at."""
    if not events:
        return
    rows = [event for event, _ in events]
    await tx.fetch(
        _ADD,
        [row.player_id for row in rows],
        [case_id for _, case_id in events],
        [row.at for row in rows],
        [str(row.source) for row in rows],
        [row.signal for row in rows],
        [row.value for row in rows],
        [row.reference for row in rows],
        [row.weight for row in rows],
        [row.suspicion for row in rows],
        [str(row.verdict) for row in rows],
        [row.action_id for row in rows],
        [None if row.detail is None else msgspec.json.encode(row.detail).decode() for row in rows],
    )
