"""The tree over a season's entries, and what its signature covers."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scoreboard.security.platform_keys import PlatformKey, load_platform_key
from scoreboard.security.season_root import GENESIS, MerkleTree, RootContent, SeasonRoot, sign_root
from scoreboard.storage.season_roots import KnownSeason
from scoreboard.usecases.verify_roots import LedgerFault, RootWalk, follow_on
from tests.stage import make_keys

NOW = datetime(2026, 1, 31, 18, tzinfo=UTC)
LEAVES = [bytes([number]) * 32 for number in range(70)]


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word by word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def grown(leaves: Sequence[bytes], tree: MerkleTree | None = None) -> MerkleTree:
    tree = tree or MerkleTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree


def new_key() -> PlatformKey:
    return load_platform_key(make_keys()["SCOREBOARD_SIGNING_KEY"])


def content(**changed: Any) -> RootContent:
    tree = grown(LEAVES[:5])
    return replace(RootContent(1, "main", 1, 9, LEAVES[8], 5, tree.root, None, NOW), **changed)


def chain(key: PlatformKey, *contents: RootContent) -> list[SeasonRoot]:
    roots: list[SeasonRoot] = []
    for each in contents:
        roots.append(sign_root(key, each, roots[-1] if roots else None))
    return roots


def test_the_root_is_the_one_of_the_standard() -> None:
    for size in range(len(LEAVES)):
        assert grown(LEAVES[:size]).root == by_definition(LEAVES[:size])


def test_a_tree_goes_on_from_its_peaks() -> None:
    for size in range(len(LEAVES)):
        first = grown(LEAVES[:size])
        assert grown(LEAVES[size:], MerkleTree(first.size, first.peaks)).root == grown(LEAVES).root


@pytest.mark.parametrize(("size", "peaks"), [(1, b""), (0, LEAVES[0]), (3, LEAVES[0]), (1, LEAVES[0][:31])])
def test_a_tree_does_not_go_on_from_peaks_that_are_not_its_own(size: int, peaks: bytes) -> None:
    with pytest.raises(ValueError, match="peaks"):
        MerkleTree(size, peaks)


@pytest.mark.parametrize(
    "changed",
    [
        {"season_id": 2},
        {"board_key": "other"},
        {"version": 2},
        {"through": 8},
        {"chain": bytes(32)},
        {"entries": 6},
        {"root": bytes(32)},
        {"checksum": b""},
        {"signed_at": NOW + timedelta(microseconds=1)},
    ],
)
def test_the_signature_covers_everything(changed: dict[str, Any]) -> None:
    key = new_key()
    root = sign_root(key, content(), None)
    assert root.is_signed_by(key)
    assert not root.is_signed_by(new_key())
    assert not replace(root, content=content(**changed)).is_signed_by(key)
    for other in (replace(root, number=2), replace(root, previous=LEAVES[1]), replace(root, key_id="x")):
        assert not other.is_signed_by(key)


def test_roots_follow_on_from_each_other() -> None:
    key = new_key()
    roots = chain(key, content(), content(version=2), content(season_id=2))
    assert [root.number for root in roots] == [1, 2, 3]
    assert [root.previous for root in roots] == [GENESIS, roots[0].digest, roots[1].digest]
    keys = {key.id: key}
    assert follow_on(roots, keys) is None
    assert follow_on([], keys) is None

    def fault(rows: list[SeasonRoot]) -> LedgerFault | None:
        finding = follow_on(rows, keys)
        return finding and finding.fault

    assert fault(roots[1:]) is LedgerFault.ROOT_MISSING
    assert fault([roots[0], roots[2]]) is LedgerFault.ROOT_MISSING
    replaced = sign_root(key, content(entries=4), None)
    assert fault([replaced, *roots[1:]]) is LedgerFault.ROOT_REPLACED
    assert fault([*roots[:2], replace(roots[2], content=content(season_id=3))]) is LedgerFault.ROOT_SIGNATURE


def test_a_root_of_a_key_nobody_knows_counts_when_a_later_one_goes_on_from_it() -> None:
    old, new = new_key(), new_key()
    first = sign_root(old, content(), None)
    second = sign_root(new, content(version=2), first)
    assert follow_on([first, second], {new.id: new}) is None
    finding = follow_on([first], {new.id: new})
    assert finding is not None
    assert finding.fault is LedgerFault.ROOT_SIGNATURE
    assert old.id in finding.sentence


def test_what_a_walk_finds_is_said_once_for_each_season() -> None:
    key = new_key()
    roots = chain(key, content(entries=4), content(version=2, through=12, entries=4), content(version=3, through=99))
    walk = RootWalk({1: KnownSeason(1, "main", "All time", None)}, roots)
    walk.compare(12, None)
    walk.finish(12, {})
    assert [finding.fault for finding in walk.findings] == [LedgerFault.ROOT_MISMATCH]
    assert "main" in walk.findings[0].sentence
