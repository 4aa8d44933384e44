"""The hash chain of the ledger: each entry's hash covers the one before it, so an edit shows."""

import hashlib

import msgspec

from scoreboard.domain.clock import microseconds
from scoreboard.domain.events import LedgerEntry

GENESIS = bytes(32)
_encode = msgspec.json.Encoder().encode


def entry_hash(previous: bytes, seq: int, entry: LedgerEntry) -> bytes:
    """SHA-256 over the previous hash and the entry's fields in a fixed order (JSON without spaces, version 1)."""
    fields = [
        1,
        seq,
        microseconds(entry.at),
        entry.entry_type,
        entry.action_id.hex,
        entry.player_id.hex,
        entry.kind_key,
        entry.kind_version,
        entry.points,
        entry.season_ids,
        entry.previous,
        entry.current,
        entry.verdict,
        entry.trace_id,
    ]
    return hashlib.sha256(previous + _encode(fields)).digest()
