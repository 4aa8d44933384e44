"""Season roots: one signed hash for all ledger entries of a season, so that nobody alters a season unseen.

The hash is the root of a Merkle tree (RFC 9162 §2.1) whose leaves are the chain hashes of the season's entries in
ledger order. Roots of one season follow on from each other: entries only join. All roots are numbered, and each names
the digest of the one before, so that a root which was taken away is missed, and one whose key is no longer known is
vouched for by a later one. The worker signs (``usecases.sign_seasons``), ``usecases.verify_ledger`` computes it again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from scoreboard.domain.clock import microseconds
from scoreboard.security.platform_keys import PlatformKey

GENESIS = bytes(32)
"""What the first root names as the one before it."""
_HASH = 32
_encode = msgspec.json.Encoder().encode


class MerkleTree:
    """A tree that grows by one leaf after another. It keeps the peaks of its complete parts: 32 bytes for each."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: bytes = b"") -> None:
        """An empty tree, or one that goes on from another's size and peaks.

        Raises:
            ValueError: such a tree does not have that many peaks.
        """
        if len(peaks) != size.bit_count() * _HASH:
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks")
        self.size = size
        self._peaks = [peaks[at : at + _HASH] for at in range(0, len(peaks), _HASH)]

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        node, left = hashlib.sha256(b"\x00" + leaf).digest(), self.size
        while left & 1:
            node = hashlib.sha256(b"\x01" + self._peaks.pop() + node).digest()
            left >>= 1
        self._peaks.append(node)
        self.size += 1

    @property
    def peaks(self) -> bytes:
        """The roots of its complete parts, largest first: enough to go on from."""
        return b"".join(self._peaks)

    @property
    def root(self) -> bytes:
        """The hash of the whole tree; SHA-256 of nothing while it is empty."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = hashlib.sha256(b"\x01" + peak + node).digest()
        return node


@dataclass(frozen=True, slots=True)
class RootContent:
    """What a root says: the season's ``entries`` among the ledger's up to number ``through``, whose chain hash is
    ``chain``. ``checksum`` is that of the final standings; None while the season runs.
    """

    season_id: int
    board_key: str
    version: int
    through: int
    chain: bytes
    entries: int
    root: bytes
    checksum: bytes | None
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class SeasonRoot:
    """A signed root. ``previous`` is the digest of the root with the number before, whichever season it is of."""

    number: int
    content: RootContent
    previous: bytes
    key_id: str
    signature: bytes

    @property
    def statement(self) -> bytes:
        """What is signed: a JSON array without spaces.

        It begins with a bracket, where what an access token signs begins with a letter, and with its own name: no
        signature of the platform can pass for another.
        """
        return _statement(self.number, self.content, self.previous, self.key_id)

    @property
    def digest(self) -> bytes:
        """SHA-256 over what was signed: what the next root names, and what is worth keeping elsewhere."""
        return hashlib.sha256(self.statement).digest()

    def is_signed_by(self, key: PlatformKey) -> bool:
        """Whether the signature is this key's."""
        return key.verifies(self.signature, self.statement)


def sign_root(key: PlatformKey, content: RootContent, before: SeasonRoot | None) -> SeasonRoot:
    """Sign a root as the one after ``before``; None: it is the first of all."""
    number, previous = (1, GENESIS) if before is None else (before.number + 1, before.digest)
    return SeasonRoot(number, content, previous, key.id, key.sign(_statement(number, content, previous, key.id)))


def _statement(number: int, content: RootContent, previous: bytes, key_id: str) -> bytes:
    return _encode(
        [
            "scoreboard-season-root",
            1,
            number,
            content.season_id,
            content.board_key,
            content.version,
            content.through,
            content.chain.hex(),
            content.entries,
            content.root.hex(),
            None if content.checksum is None else content.checksum.hex(),
            microseconds(content.signed_at),
            previous.hex(),
            key_id,
        ]
    )
