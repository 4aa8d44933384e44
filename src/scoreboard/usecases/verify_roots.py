"""Hold the ledger's entries against the signed roots of seasons, while ``verify_ledger`` walks through them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scoreboard.domain.events import EntryType, LedgerEntry
from scoreboard.security.platform_keys import PlatformKey
from scoreboard.security.season_root import GENESIS, MerkleTree, SeasonRoot
from scoreboard.storage.season_roots import KnownSeason

_FIRST = (EntryType.APPLIED, EntryType.HELD)


class LedgerFault(StrEnum):
    """What can be wrong with the ledger or its roots."""

    EDITED = "edited"
    MISSING = "missing"
    OUT_OF_ORDER = "out of order"
    HEAD = "head does not match"
    REWRITTEN = "rewritten"
    ROOT_MISSING = "root missing"
    ROOT_REPLACED = "root replaced"
    ROOT_SIGNATURE = "root signature wrong"
    ROOT_MISMATCH = "season does not match its root"
    LATE = "counts in a closed season"
    STANDINGS = "final standings altered"


@dataclass(frozen=True, slots=True)
class LedgerFinding:
    """One thing that is wrong; ``seq`` is the first ledger number concerned, where it is about entries."""

    fault: LedgerFault
    seq: int | None
    season_id: int | None
    sentence: str


def follow_on(roots: Sequence[SeasonRoot], keys: Mapping[str, PlatformKey]) -> LedgerFinding | None:
    """The first root that does not continue from the one before, or whose signature is wrong.

    One of a key that nobody knows any more counts only when a later one, whose key is known, goes on from it.
    """
    before, unknown = None, None
    for root in roots:
        season, expected = root.content.season_id, 1 if before is None else before.number + 1
        if root.number != expected:
            words = f"Root {expected} is missing; the next one is {root.number}."
            return LedgerFinding(LedgerFault.ROOT_MISSING, None, None, words)
        if root.previous != (GENESIS if before is None else before.digest):
            words = f"Root {root.number} does not continue from the one before it: one of the two was replaced."
            return LedgerFinding(LedgerFault.ROOT_REPLACED, None, season, words)
        finding = _signed(root, keys)
        if finding is not None:
            return finding
        unknown = None if root.key_id in keys else root
        before = root
    if unknown is None:
        return None
    words = (
        f"Root {unknown.number} was signed with the key {unknown.key_id}, which is neither the current nor the previous"
        " signing key."
    )
    return LedgerFinding(LedgerFault.ROOT_SIGNATURE, None, unknown.content.season_id, words)


def _signed(root: SeasonRoot, keys: Mapping[str, PlatformKey]) -> LedgerFinding | None:
    key = keys.get(root.key_id)
    if key is None or root.is_signed_by(key):
        return None
    words = f"The signature of root {root.number} is wrong: what it says was changed."
    return LedgerFinding(LedgerFault.ROOT_SIGNATURE, None, root.content.season_id, words)


class RootWalk:
    """Grows a tree for each season as the entries come, and compares where a root was signed."""

    def __init__(self, seasons: Mapping[int, KnownSeason], roots: Iterable[SeasonRoot]) -> None:
        self.findings: list[LedgerFinding] = []
        self.matched = 0
        """Up to which ledger number a signed root has confirmed what is there."""
        self._seasons = seasons
        self._waiting = sorted(roots, key=lambda root: root.content.through, reverse=True)
        self._trees: dict[int, MerkleTree] = {}
        self._newest: dict[int, SeasonRoot] = {}
        self._closed: set[int] = set()
        self._wrong: set[int | None] = set()
        self._since: Counter[int] = Counter()

    def take(self, seq: int, hash_: bytes, entry: LedgerEntry) -> None:
        """Count in the next entry. What was signed before it has to be compared first."""
        for season in entry.season_ids:
            self._trees.setdefault(season, MerkleTree()).add(hash_)
            self._since[season] += 1
            if season in self._closed and entry.entry_type in _FIRST:
                words = f"Entry {seq} counts in {self.name(season)}, which was closed and signed before it."
                self.findings.append(LedgerFinding(LedgerFault.LATE, seq, season, words))

    def compare(self, through: int, hash_: bytes | None) -> None:
        """Hold what came up to a ledger number against the roots signed there. ``hash_``: its chain hash, if known."""
        while self._waiting and self._waiting[-1].content.through <= through:
            root = self._waiting.pop()
            self._compare(root, hash_ if root.content.through == through else None)

    def _compare(self, root: SeasonRoot, hash_: bytes | None) -> None:
        content = root.content
        tree = self._trees.get(content.season_id) or MerkleTree()
        fits = (tree.size, tree.root) == (content.entries, content.root)
        if hash_ is not None and hash_ != content.chain:
            words = (
                f"The ledger was rewritten: root {root.number} confirms another entry {content.through}. Entries up to"
                f" {self.matched} are as they were signed."
            )
            self._report(LedgerFinding(LedgerFault.REWRITTEN, self.matched + 1, None, words))
        elif fits:
            self.matched = max(self.matched, content.through)
        if not fits:
            words = (
                f"{self.name(content.season_id)} does not match its signed root {content.version}: its entries from"
                f" {self.matched + 1} to {content.through} are not those that were signed"
                f" ({content.entries:,} entries then, {tree.size:,} now)."
            )
            self._report(LedgerFinding(LedgerFault.ROOT_MISMATCH, self.matched + 1, content.season_id, words))
        self._newest[content.season_id] = root
        self._since[content.season_id] = 0
        if content.checksum is not None:
            self._closed.add(content.season_id)

    def _report(self, finding: LedgerFinding) -> None:
        """Once for each season: every later root of it is wrong as well."""
        if finding.season_id not in self._wrong:
            self._wrong.add(finding.season_id)
            self.findings.append(finding)

    def finish(self, last: int, checksums: Mapping[int, bytes]) -> None:
        """After the last entry: nothing may be left over, and the final standings must be those that were signed.

        Args:
            last: its number.
            checksums: of the final standings of closed seasons as they are now.
        """
        for root in reversed(self._waiting):
            content = root.content
            words = f"Root {root.number} was signed when the ledger had {content.through:,} entries; it has {last:,}."
            self._report(LedgerFinding(LedgerFault.MISSING, last + 1, content.season_id, words))
        for season, now in checksums.items():
            newest = self._newest.get(season)
            # What was amended since is ranked again, and its next root is on its way.
            signed = newest.content.checksum if newest is not None and not self._since[season] else None
            if {now} != {self._seasons[season].checksum, now if signed is None else signed}:
                words = f"The final standings of {self.name(season)} are not those that it was closed with."
                self.findings.append(LedgerFinding(LedgerFault.STANDINGS, None, season, words))

    def unsigned(self) -> list[str]:
        """Closed seasons that have no root of their close yet, or entries since; the worker signs within seconds."""
        closed = [season for season in self._seasons.values() if season.checksum is not None]
        return [self.name(one.id) for one in closed if one.id not in self._closed or self._since[one.id]]

    def signed(self) -> int:
        """How many seasons have a root."""
        return len(self._newest)

    def name(self, season_id: int) -> str:
        """How to speak of a season."""
        season = self._seasons.get(season_id)
        return f"season {season_id}" if season is None else f"season {season_id} ({season.board_key}, {season.name})"
