"""Seal the audit log: sign what was its last row when a UTC day ended. Run by every worker; a day is sealed once.

A seal is also written as one log line. Kept where the owner of the database cannot reach, it shows a log that was
rewritten as a whole.
"""

from datetime import UTC, date, datetime, time, timedelta

import structlog

from scoreboard.security.audit_chain import GENESIS, Seal, seal_day
from scoreboard.security.platform_keys import PlatformKey, platform_keys
from scoreboard.storage import actions, audit
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform

_DAY = timedelta(days=1)
_DAYS_AT_ONCE = 31
_log = structlog.get_logger("scoreboard.audit")


def _day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _end_of(day: date) -> datetime:
    return datetime.combine(day + _DAY, time(), UTC)


async def seal_audit(platform: Platform) -> int:
    """Seal every finished UTC day that has no seal yet, a month of them at most. Returns how many were sealed.

    Raises:
        StoreUnavailable: nothing was sealed; the next round does it.
    """
    key = platform_keys(platform.settings)[0]

    async def work(tx: Transaction) -> list[Seal]:
        day = await _first_open_day(tx)
        if day is None or day >= _day_of(await actions.clock(tx)):
            return []  # looked at without a lock: this is asked much more often than a day ends
        await audit.lock_head(tx)
        return await _seal_until(tx, key, _day_of(await actions.clock(tx)))

    seals = await platform.database.transact(work)
    for seal in seals:
        _log.info(
            "audit day sealed",
            day=seal.day.isoformat(),
            last_row=seal.last_id,
            last_hash=seal.last_hash.hex(),
            previous_seal=seal.prev_seal.hex(),
            seal=seal.digest.hex(),
            key_id=seal.key_id,
            signature=seal.signature.hex(),
        )
    return len(seals)


async def _first_open_day(tx: Transaction) -> date | None:
    """The first day that is not sealed; None while there is nothing to seal."""
    newest = await audit.newest_seal(tx)
    if newest is not None:
        return newest.day + _DAY
    began = await audit.first_moment(tx)
    return None if began is None else _day_of(began)


async def _seal_until(tx: Transaction, key: PlatformKey, today: date) -> list[Seal]:
    """Every day is sealed, also one without a change: a seal that is missing is then seen to be missing."""
    newest, day, seals = await audit.newest_seal(tx), await _first_open_day(tx), list[Seal]()
    while day is not None and day < today and len(seals) < _DAYS_AT_ONCE:
        last_id, last_hash = await audit.last_before(tx, _end_of(day)) or (0, GENESIS)
        newest = seal_day(key, day, last_id, last_hash, newest)
        await audit.add_seal(tx, newest)
        seals.append(newest)
        day += _DAY
    return seals
