"""The hash chain of the audit log, and the daily seals that a holder of the signing key puts on it.

The database chains each row as it is inserted (migration 0004), so that nobody who may insert can leave the chain out.
This is the same computation, written a second time: what verifies must not have to trust what it verifies. A hash holds
no secret, so who owns the database could compute a whole chain anew; the seals, signed once a day, show that.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import msgspec

from scoreboard.domain.clock import microseconds
from scoreboard.security.platform_keys import PlatformKey

GENESIS = bytes(32)
_VERSION = "1"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the audit log. ``detail`` is its JSON exactly as Postgres prints a jsonb."""

    id: int
    at: datetime
    actor_id: UUID | None
    actor_role: str
    event: str
    subject: str
    detail: str
    request_id: str | None
    prev_hash: bytes
    hash: bytes


def row_hash(previous: bytes, row: AuditRow) -> bytes:
    """SHA-256 over the previous hash and every column: its length in bytes, a colon, its text; ``-`` for none."""
    columns = (
        _VERSION,
        str(row.id),
        str(microseconds(row.at)),
        None if row.actor_id is None else str(row.actor_id),
        row.actor_role,
        row.event,
        row.subject,
        row.detail,
        row.request_id,
    )
    return hashlib.sha256(previous + b"".join(map(_framed, columns))).digest()


def _framed(column: str | None) -> bytes:
    """With its length before it, so that text cannot move from one column into the next unnoticed."""
    if column is None:
        return b"-,"
    text = column.encode()
    return b"%d:%b," % (len(text), text)


@dataclass(frozen=True, slots=True)
class Seal:
    """What was the last row when a UTC day ended: 0 and the genesis hash when there was none yet.

    ``prev_seal`` is the digest of the seal before, so that a seal vouches for all earlier ones: they stay good when the
    key that signed them is no longer known.
    """

    day: date
    last_id: int
    last_hash: bytes
    prev_seal: bytes
    key_id: str
    signature: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 over what was signed: what the next seal names, and what is worth keeping elsewhere."""
        return hashlib.sha256(_message(self.day, self.last_id, self.last_hash, self.prev_seal, self.key_id)).digest()

    def is_signed_by(self, key: PlatformKey) -> bool:
        """Whether the signature is this key's."""
        message = _message(self.day, self.last_id, self.last_hash, self.prev_seal, self.key_id)
        return key.verifies(self.signature, message)


def seal_day(key: PlatformKey, day: date, last_id: int, last_hash: bytes, previous: Seal | None) -> Seal:
    """Sign the end of a day."""
    prev_seal = GENESIS if previous is None else previous.digest
    message = _message(day, last_id, last_hash, prev_seal, key.id)
    return Seal(day, last_id, last_hash, prev_seal, key.id, key.sign(message))


def _message(day: date, last_id: int, last_hash: bytes, prev_seal: bytes, key_id: str) -> bytes:
    """Begins with a bracket, where what an access token signs begins with a letter: neither can pass for the other."""
    fields = ["scoreboard-audit-seal", 1, day.isoformat(), last_id, last_hash.hex(), prev_seal.hex(), key_id]
    return _encode(fields)
