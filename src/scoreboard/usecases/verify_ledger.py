"""Verify the ledger: walk its chain, compute every season's root again, and say what does not fit and from where on.

Needs Postgres and the signing keys, nothing else: neither Redis nor a process of the platform has to run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import LedgerEntry
from scoreboard.security.ledger_chain import GENESIS, entry_hash
from scoreboard.security.platform_keys import platform_keys
from scoreboard.security.season_root import SeasonRoot
from scoreboard.storage import ledger, season_roots, standings
from scoreboard.storage.database import Transaction
from scoreboard.storage.ledger import ChainRow
from scoreboard.storage.season_roots import KnownSeason
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.verify_roots import LedgerFault, LedgerFinding, RootWalk, follow_on

_ENTRIES = 2000
_WINDOW = 20_000
"""Ledger numbers looked through at once for a single season's entries."""
_ROOTS = 1000

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What was verified: how many entries and roots, of how many seasons.

    ``confirmed``: up to this ledger number a signed root says what was there. ``unsigned``: closed seasons whose root
    is still to come.
    """

    entries: int
    roots: int
    seasons: int
    confirmed: int
    unsigned: tuple[str, ...]
    findings: tuple[LedgerFinding, ...]


@dataclass(slots=True)
class ChainWalk:
    """Goes through the entries in order."""

    last: int = 0
    hash: bytes = GENESIS

    def step(self, seq: int, prev_hash: bytes, hash_: bytes, entry: LedgerEntry) -> LedgerFinding | None:
        """Take the next entry, unless it is wrong."""
        if seq != self.last + 1:
            return LedgerFinding(LedgerFault.MISSING, self.last + 1, None, _missing(self.last + 1, seq - 1))
        if prev_hash != self.hash:
            words = f"Entry {seq} does not continue from the one before it. Entries were swapped or replaced."
            return LedgerFinding(LedgerFault.OUT_OF_ORDER, seq, None, words)
        if hash_ != entry_hash(self.hash, seq, entry):
            return _edited(seq, entry)
        self.last, self.hash = seq, hash_
        return None

    def finish(self, head: tuple[int, bytes]) -> LedgerFinding | None:
        """Hold the last entry against the head of the ledger."""
        if head[0] > self.last:
            return LedgerFinding(LedgerFault.MISSING, self.last + 1, None, _missing(self.last + 1, head[0]))
        if head != (self.last, self.hash):
            words = f"The head of the ledger names another entry {head[0]} as the last."
            return LedgerFinding(LedgerFault.HEAD, self.last, None, words)
        return None


def _missing(first: int, last: int) -> str:
    return f"Entry {first} is missing." if first == last else f"Entries {first} to {last} are missing."


def _edited(seq: int, entry: LedgerEntry) -> LedgerFinding:
    what = f"{entry.entry_type}, {entry.at:%Y-%m-%d %H:%M:%S} UTC"
    words = f"Entry {seq} ({what}) was edited: it does not match its hash."
    if entry.season_ids:
        words += f" It speaks of season {', '.join(map(str, entry.season_ids))}."
    return LedgerFinding(LedgerFault.EDITED, seq, entry.season_ids[0] if entry.season_ids else None, words)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is to be verified, as it was in one state of the database; ``roots`` are those of all seasons."""

    head: tuple[int, bytes]
    seasons: dict[int, KnownSeason]
    roots: list[SeasonRoot]
    checksums: dict[int, bytes]


async def verify_ledger(platform: Platform, season_id: int | None, on_progress: OnProgress) -> LedgerReport:
    """Verify the whole ledger, or the entries of one season, as it is when this begins. Writers go on beside it.

    Args:
        platform: the stores; Redis is not asked.
        season_id: look at this season only: its entries by themselves, and its roots.
        on_progress: told the ledger numbers that are done and how many there are.

    Raises:
        Refusal: NOT_FOUND for a season that is not there.
        StoreUnavailable: Postgres cannot be used.
        ValueError: a signing key cannot be used.
    """
    keys = {key.id: key for key in platform_keys(platform.settings)}
    scene = await platform.database.transact(lambda tx: _look(tx, season_id))
    walk = RootWalk(scene.seasons, [root for root in scene.roots if root.content.season_id in scene.seasons])
    wrong = follow_on(scene.roots, keys)
    walk.compare(0, GENESIS)
    if season_id is None:
        broken = await _walk(platform, scene, walk, on_progress)
    else:
        broken = await _walk_season(platform, scene, walk, season_id, on_progress)
    if broken is None:
        walk.finish(scene.head[0], scene.checksums)
    findings = tuple(finding for finding in (broken, wrong, *walk.findings) if finding is not None)
    return LedgerReport(scene.head[0], len(scene.roots), walk.signed(), walk.matched, tuple(walk.unsigned()), findings)


async def _look(tx: Transaction, season_id: int | None) -> _Scene:
    await tx.freeze()
    head = await ledger.head(tx)
    seasons, roots = await season_roots.known_seasons(tx), list[SeasonRoot]()
    if season_id is not None:
        if season_id not in seasons:
            raise Refusal(ErrorCode.NOT_FOUND, f"There is no season {season_id} that has begun.")
        seasons = {season_id: seasons[season_id]}
    while more := await season_roots.after(tx, roots[-1].number if roots else 0, _ROOTS):
        roots += more
    checksums = {
        season.id: await standings.final_checksum(tx, season.id)
        for season in seasons.values()
        if season.checksum is not None
    }
    return _Scene(head, seasons, roots, checksums)


async def _walk(platform: Platform, scene: _Scene, walk: RootWalk, on_progress: OnProgress) -> LedgerFinding | None:
    """The whole chain. The ledger only grows, so what is read piece by piece is what was there at the beginning."""
    chain, (last, _) = ChainWalk(), scene.head
    while chain.last < last:
        limit = min(_ENTRIES, last - chain.last)
        rows = await platform.database.transact(lambda tx, n=limit: ledger.chain_rows(tx, chain.last, n))  # type: ignore[misc]
        finding = next(_findings(rows, last, chain, walk), None)
        if finding is not None:
            return finding
        if not rows or rows[-1][0] > last:
            break
        on_progress(chain.last, last)
    return chain.finish(scene.head)


def _findings(rows: list[ChainRow], last: int, chain: ChainWalk, walk: RootWalk) -> Iterator[LedgerFinding]:
    for seq, prev_hash, hash_, entry in rows:
        if seq > last:
            return
        finding = chain.step(seq, prev_hash, hash_, entry)
        if finding is not None:
            yield finding
        walk.take(seq, hash_, entry)
        walk.compare(seq, hash_)


async def _walk_season(
    platform: Platform, scene: _Scene, walk: RootWalk, season_id: int, on_progress: OnProgress
) -> LedgerFinding | None:
    last = scene.head[0]
    for after in range(0, last, _WINDOW):
        through = min(last, after + _WINDOW)
        rows = await platform.database.transact(
            lambda tx, a=after, t=through: ledger.chain_rows_of_season(tx, season_id, a, t)  # type: ignore[misc]
        )
        for seq, prev_hash, hash_, entry in rows:
            if hash_ != entry_hash(prev_hash, seq, entry):
                return _edited(seq, entry)
            walk.compare(seq - 1, None)
            walk.take(seq, hash_, entry)
        on_progress(through, last)
    walk.compare(last, None)
    return None
