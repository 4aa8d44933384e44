"""Verify the audit log: walk its chain and its seals, and say which row is the first wrong one, and what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from scoreboard.security.audit_chain import GENESIS, AuditRow, Seal, row_hash
from scoreboard.security.platform_keys import PlatformKey, platform_keys
from scoreboard.storage import audit
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform

_ROWS = 1000
_SEALS = 1000

OnProgress = Callable[[int, int], None]


class Fault(StrEnum):
    """What can be wrong with the log."""

    EDITED = "edited"
    MISSING = "missing"
    OUT_OF_ORDER = "out of order"
    HEAD = "head does not match"
    SEAL_MISSING = "seal missing"
    SEAL_MISMATCH = "seal does not match"
    SEAL_SIGNATURE = "seal signature wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong; ``row`` is the number of the row concerned, where it is about one."""

    fault: Fault
    row: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was verified. ``finding`` is None when all is well; ``sealed_until`` is the last sealed day."""

    rows: int
    seals: int
    sealed_until: date | None
    finding: Finding | None


@dataclass(slots=True)
class ChainWalk:
    """Goes through the rows in order and stops at the first that is wrong."""

    last: int = 0
    hash: bytes = GENESIS

    def step(self, row: AuditRow) -> Finding | None:
        """Take the next row."""
        if row.id != self.last + 1:
            return Finding(Fault.MISSING, self.last + 1, _missing(self.last + 1, row.id - 1))
        if row.prev_hash != self.hash:
            words = f"Row {row.id} is out of order: it does not continue from "
            words += f"row {self.last}" if self.last else "the beginning of the log"
            return Finding(Fault.OUT_OF_ORDER, row.id, f"{words}. Rows were swapped or replaced.")
        if row.hash != row_hash(self.hash, row):
            words = (
                f"Row {row.id} ({row.event}, {row.at:%Y-%m-%d %H:%M:%S} UTC) was edited: it does not match its hash."
            )
            return Finding(Fault.EDITED, row.id, words)
        self.last, self.hash = row.id, row.hash
        return None

    def finish(self, head: tuple[int, bytes] | None) -> Finding | None:
        """Hold the last row against the head of the log."""
        if head is None:
            return Finding(Fault.HEAD, None, "The head of the log is gone: nobody can say which row is the last.")
        if head[0] > self.last:
            return Finding(Fault.MISSING, self.last + 1, _missing(self.last + 1, head[0]))
        if head != (self.last, self.hash):
            words = f"The head of the log names row {head[0]} as the last, but row {self.last} is, or its hash differs."
            return Finding(Fault.HEAD, self.last, words)
        return None


def _missing(first: int, last: int) -> str:
    return f"Row {first} is missing." if first == last else f"Rows {first} to {last} are missing."


@dataclass(slots=True)
class SealWalk:
    """Goes through the seals in order, as far as the chain has come, and stops at the first that is wrong.

    A seal that was signed by a key which nobody knows any more counts only when a later one, whose key is known, goes
    on from it.
    """

    keys: dict[str, PlatformKey]
    count: int = 0
    newest: Seal | None = None
    _waiting: list[Seal] = field(default_factory=list)
    _unknown: Seal | None = None

    def take(self, seals: list[Seal]) -> Finding | None:
        """Check the seals themselves: no day left out, each from the one before, signatures."""
        for seal in seals:
            finding = self._follows(seal) or self._signed(seal)
            if finding is not None:
                return finding
            self.newest, self.count = seal, self.count + 1
            self._waiting.append(seal)
        return None

    def _follows(self, seal: Seal) -> Finding | None:
        before = self.newest
        if before is not None and seal.day != before.day + timedelta(days=1):
            first = before.day + timedelta(days=1)
            return Finding(Fault.SEAL_MISSING, None, f"The seal of {first} is missing; the next one is of {seal.day}.")
        if seal.prev_seal != (GENESIS if before is None else before.digest):
            words = f"The seal of {seal.day} does not continue from the one before it: one of the two was replaced."
            return Finding(Fault.SEAL_MISMATCH, seal.last_id, words)
        return None

    def _signed(self, seal: Seal) -> Finding | None:
        key = self.keys.get(seal.key_id)
        if key is None:
            self._unknown = seal
        elif not seal.is_signed_by(key):
            return Finding(Fault.SEAL_SIGNATURE, seal.last_id, f"The signature of the seal of {seal.day} is wrong.")
        else:
            self._unknown = None
        return None

    def match(self, last: int, hash_: bytes) -> Finding | None:
        """Hold the row that the chain has come to against the seals that name it."""
        while self._waiting and self._waiting[0].last_id <= last:
            seal = self._waiting.pop(0)
            if (seal.last_id, seal.last_hash) != (last, hash_):
                words = (
                    f"The seal of {seal.day} does not match row {seal.last_id}: the log was rewritten after that day."
                )
                return Finding(Fault.SEAL_MISMATCH, seal.last_id, words)
        return None

    def finish(self) -> Finding | None:
        """No seal may be left over."""
        if self._waiting:
            seal = self._waiting[0]
            words = f"The seal of {seal.day} names row {seal.last_id}, which is missing."
            return Finding(Fault.MISSING, seal.last_id, words)
        if self._unknown is not None:
            words = (
                f"The seal of {self._unknown.day} was signed with the key {self._unknown.key_id}, which is neither the"
                " current nor the previous signing key."
            )
            return Finding(Fault.SEAL_SIGNATURE, self._unknown.last_id, words)
        return None


async def verify_audit(platform: Platform, on_progress: OnProgress) -> AuditReport:
    """Verify the whole log as it is at one moment, beside whoever writes to it.

    Args:
        platform: the stores; Redis is not asked.
        on_progress: told the rows that were verified and how many there are.

    Raises:
        StoreUnavailable: Postgres cannot be used.
        ValueError: a signing key cannot be used.
    """
    keys = {key.id: key for key in platform_keys(platform.settings)}

    async def work(tx: Transaction) -> AuditReport:
        await tx.fetch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        chain, seals = ChainWalk(), SealWalk(keys)
        finding = await _walk(tx, chain, seals, on_progress)
        return AuditReport(chain.last, seals.count, seals.newest.day if seals.newest else None, finding)

    return await platform.database.transact(work)


async def _walk(tx: Transaction, chain: ChainWalk, seals: SealWalk, on_progress: OnProgress) -> Finding | None:
    head = await audit.head(tx)
    wrong_seal = await _take_seals(tx, seals)
    finding = seals.match(0, GENESIS)
    while finding is None:
        rows = await audit.rows_after(tx, chain.last, _ROWS)
        if not rows:
            return chain.finish(head) or wrong_seal or seals.finish()
        finding = next(_findings(rows, chain, seals), None)
        on_progress(chain.last, max(chain.last, head[0] if head else 0))
    return finding


def _findings(rows: list[AuditRow], chain: ChainWalk, seals: SealWalk) -> Iterator[Finding]:
    for row in rows:
        finding = chain.step(row) or seals.match(chain.last, chain.hash)
        if finding is not None:
            yield finding


async def _take_seals(tx: Transaction, seals: SealWalk) -> Finding | None:
    while True:
        after = seals.newest.day if seals.newest else date.min
        more = await audit.seals_after(tx, after, _SEALS)
        finding = seals.take(more)
        if finding is not None or len(more) < _SEALS:
            return finding
