"""Requests with an Idempotency-Key: done once, and answered the same when they come again.

The reply is stored in the transaction of the change, so either both are there or neither is.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import msgspec

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.storage import idempotency
from scoreboard.storage.database import StoreContended, Transaction
from scoreboard.storage.idempotency import StoredReply
from scoreboard.usecases.platform import Platform

T = TypeVar("T", bound=msgspec.Struct)
Untold = TypeVar("Untold")
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


async def once(
    platform: Platform, keyed: Keyed | None, type_: type[T], work: Callable[[Transaction], Awaitable[tuple[T, Untold]]]
) -> tuple[T, Untold | None]:
    """Do the work once for a key, whatever its twin does at the same moment.

    Args:
        platform: stores.
        keyed: the request's Idempotency-Key, if it has one.
        type_: of the answer.
        work: one transaction; it calls :func:`remember`, and returns the answer and what is still to be told of it.

    Returns:
        The answer and what is still to be told: None when the answer is that of an earlier request.

    Raises:
        Refusal: the work's; IDEMPOTENCY_KEY_REUSED; IDEMPOTENCY_KEY_IN_FLIGHT while the first request with the key is
            still being worked on.
        StoreUnavailable: nothing was changed, or the outcome is unknown; the same key tells.
    """

    async def keyed_work(tx: Transaction) -> tuple[T, Untold | None]:
        earlier = await replayed(tx, keyed, type_)
        return (earlier, None) if earlier is not None else await work(tx)

    try:
        return await platform.database.transact(keyed_work)
    except StoreContended as error:
        if keyed is None:
            raise
        words = "The first request with this Idempotency-Key has not been answered yet."
        raise Refusal(ErrorCode.IDEMPOTENCY_KEY_IN_FLIGHT, words, 1) from error
    except Refusal:
        # A twin may have done it while this one waited for the same rows.
        earlier = None if keyed is None else await platform.database.transact(lambda tx: replayed(tx, keyed, type_))
        if earlier is None:
            raise
        return earlier, None


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
