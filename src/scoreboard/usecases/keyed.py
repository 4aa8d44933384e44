"""Requests with an Idempotency-Key: done once, and answered the same when they come again.

The reply is stored in the transaction of the change, so either both are there or neither is.
"""

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import msgspec

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.storage import idempotency
from scoreboard.storage.database import Transaction
from scoreboard.storage.idempotency import StoredReply

T = TypeVar("T", bound=msgspec.Struct)
_DONE = 200


@dataclass(slots=True)
class Keyed:
    """A key of a caller's. ``fingerprint`` is the same for the same request; ``repeated`` tells afterwards whether the
    answer is that of an earlier one.
    """

    player_id: UUID
    key: str
    fingerprint: bytes
    repeated: bool = False


async def replayed(tx: Transaction, keyed: Keyed | None, type_: type[T]) -> T | None:
    """What this request was answered before; None when it is the first time.

    Raises:
        Refusal: IDEMPOTENCY_KEY_REUSED when the key belongs to a different request.
    """
    if keyed is None:
        return None
    pair = (keyed.player_id, keyed.key)
    stored = (await idempotency.find(tx, [pair])).get(pair)
    if stored is None:
        return None
    if stored.fingerprint != keyed.fingerprint:
        words = "This Idempotency-Key was used for a different request."
        raise Refusal(ErrorCode.IDEMPOTENCY_KEY_REUSED, words)
    keyed.repeated = True
    return msgspec.convert(stored.reply, type_)


async def remember(tx: Transaction, keyed: Keyed | None, reply: msgspec.Struct) -> None:
    """Store the reply. Of two equal requests at the same time the second starts again and finds the first's.

    Raises:
        asyncpg.UniqueViolationError: the other one committed; the transaction is run again.
    """
    if keyed is not None:
        body = msgspec.to_builtins(reply)
        await idempotency.add(tx, [StoredReply(keyed.player_id, keyed.key, keyed.fingerprint, _DONE, body)])
