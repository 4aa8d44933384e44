"""Sign the roots of seasons: when a season closes, after each amendment of a closed one, and of running ones once a
day. Run by every worker; of two that sign at the same moment one starts again and finds it done.

A root continues from the season's root before it, so only what has joined since is read. It is also written as one log
line: kept where the owner of the database cannot reach, it shows a ledger that was rewritten as a whole.
"""

from collections.abc import Iterable

import structlog

from scoreboard.security.platform_keys import PlatformKey, platform_keys
from scoreboard.security.season_root import MerkleTree, RootContent, SeasonRoot, sign_root
from scoreboard.storage import actions, ledger, positions, season_roots
from scoreboard.storage.database import Transaction
from scoreboard.storage.positions import Move
from scoreboard.storage.season_roots import RootedSeason
from scoreboard.usecases.platform import Platform

CONSUMER = "season-roots"
_ENTRIES = 20_000
"""Ledger entries of one statement: some 20 ms, far below statement_timeout."""
_log = structlog.get_logger("scoreboard.seasons")


class RootAltered(Exception):
    """The stored tree of a season's newest root is not the one that was signed: somebody has changed the row."""


class RootSigner:
    """Signs what is due, round after round.

    Args:
        platform: stores and settings.
        step: how many ledger entries are looked through for amendments of closed seasons before roots are signed.
    """

    def __init__(self, platform: Platform, *, step: int = _ENTRIES) -> None:
        self._platform = platform
        self._step = step
        self._seen = 0

    async def round(self) -> bool:
        """Sign every root that is due. Returns whether there may be more to do at once.

        Raises:
            StoreUnavailable: what was signed until then stays.
            RootAltered: one season cannot go on from its newest root; all others are signed.
            ValueError: a signing key cannot be used.
        """
        platform, key = self._platform, platform_keys(self._platform.settings)[0]
        every = platform.settings.season_root_every
        begun = await platform.database.transact(lambda tx: positions.begin(tx, CONSUMER, 0))
        due = await platform.database.transact(lambda tx: season_roots.due(tx, key.id, every))
        amended, through = await self._look(begun)
        signed, altered = await _sign_all(platform, key, sorted(due | amended))
        if altered is None:
            if through > begun:
                await platform.database.transact(lambda tx: positions.move(tx, Move(CONSUMER, begun, through)))
            return bool(signed) or through - begun == self._step
        # The position stays, for what the altered season has to catch up with once it is restored; others do not wait.
        self._seen = max(self._seen, through)
        while True:
            amended, through = await self._look(self._seen)
            if through <= self._seen:
                raise altered
            await _sign_all(platform, key, sorted(amended))
            self._seen = through

    async def _look(self, before: int) -> tuple[set[int], int]:
        """Closed seasons with amendments among the next entries, and the last of these entries."""

        async def work(tx: Transaction) -> tuple[set[int], int]:
            head, _ = await ledger.head(tx)
            through = min(head, before + self._step)
            return (await season_roots.amended(tx, before, through) if through > before else set()), through

        return await self._platform.database.transact(work)


async def sign_seasons(platform: Platform, *, step: int = _ENTRIES) -> bool:
    """One round of :class:`RootSigner`, with what it returns and raises."""
    return await RootSigner(platform, step=step).round()


async def _sign_all(platform: Platform, key: PlatformKey, wanted: Iterable[int]) -> tuple[int, RootAltered | None]:
    """How many were signed, and what kept one from it."""
    signed, altered = 0, None
    for season_id in wanted:
        try:
            root = await platform.database.transact(
                lambda tx, id_=season_id: _sign(tx, key, id_, platform.settings.season_root_every)  # type: ignore[misc]
            )
        except RootAltered as error:
            altered = error
            continue
        if root is not None:
            signed += 1
            _tell(root)
    return signed, altered


async def _sign(tx: Transaction, key: PlatformKey, season_id: int, every: float) -> SeasonRoot | None:
    """Sign a season as it is in one state of the database; None where its newest root says the same already."""
    await tx.fetch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    season = await season_roots.find_season(tx, season_id)
    if season is None:
        return None  # one that was only scheduled can be dropped
    newest, tree, begun = await _go_on(tx, season)
    through, chain = await ledger.head(tx)
    for after in range(begun, through, _ENTRIES):
        for leaf in await season_roots.leaves(tx, season.id, after, min(through, after + _ENTRIES)):
            tree.add(leaf)
    # Asked again: another worker may have signed since.
    due = await season_roots.due(tx, key.id, every)
    if newest is not None and newest.entries == tree.size and season.id not in due:
        return None
    version = 1 if newest is None else newest.version + 1
    checksum, moment = season.checksum, await actions.clock(tx)
    content = RootContent(season.id, season.board_key, version, through, chain, tree.size, tree.root, checksum, moment)
    root = sign_root(key, content, await season_roots.newest(tx))
    await season_roots.add(tx, root, tree.peaks)
    return root


async def _go_on(tx: Transaction, season: RootedSeason) -> tuple[RootContent | None, MerkleTree, int]:
    """The season's newest root, its tree, and the ledger number after which it goes on."""
    try:
        found = await season_roots.newest_of(tx, season.id)
    except ValueError as error:
        raise RootAltered(f"the newest root of season {season.id}: {error}") from error
    if found is None:
        return None, MerkleTree(), 0
    root, tree = found
    if tree.root != root.content.root:
        raise RootAltered(f"the newest root of season {season.id} does not fit its tree")
    return root.content, tree, root.content.through


def _tell(root: SeasonRoot) -> None:
    content = root.content
    _log.info(
        "season root signed",
        number=root.number,
        board=content.board_key,
        season=content.season_id,
        version=content.version,
        closed=content.checksum is not None,
        entries=content.entries,
        through=content.through,
        root=content.root.hex(),
        statement=root.statement.decode(),
        digest=root.digest.hex(),
        key_id=root.key_id,
        signature=root.signature.hex(),
    )
