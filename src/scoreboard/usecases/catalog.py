"""Boards, action kinds, policies and seasons as this process knows them: read from Postgres, kept for a moment.

The write path takes seasons from its own transaction; what is cached here only says which boards and kinds there are.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.policy import AntiCheatPolicy, Policies
from scoreboard.domain.season import Season, counts_at
from scoreboard.storage import catalog as catalog_rows
from scoreboard.storage import seasons as season_rows
from scoreboard.storage.database import Database, StoreUnavailable, Transaction
from scoreboard.telemetry import utc_now

# Names that clients make up cost Postgres one look in this many seconds at most.
_LOOK_AGAIN = 0.1
# Past this share of its time a snapshot that is in use is read again by itself, so that nobody has to wait for it.
_AHEAD = 0.5


@dataclass(frozen=True, slots=True)
class _Snapshot:
    boards: dict[str, Board]
    retired: frozenset[str]
    kinds: dict[str, ActionKind]
    seasons: dict[str, list[Season]]
    policies: Policies


@dataclass(slots=True)
class Catalog:
    """The cached catalogue of one process. While Postgres is away, or does not answer, the last known state goes on.

    Attributes:
        ttl: seconds after which it is read again.
        wait: seconds that somebody waits for that where there is a known state.
        stale_since: since when nothing newer could be read; None while it can.
    """

    database: Database
    ttl: float
    wait: float
    fallback_policy: AntiCheatPolicy
    stale_since: datetime | None = None
    _snapshot: _Snapshot | None = None
    _read_at: float = float("-inf")
    _looked_at: float = float("-inf")
    _invalid: bool = False
    _reading: asyncio.Task[None] | None = None
    _look: asyncio.Task[_Snapshot] | None = None
    _late: bool = False
    _versions: dict[tuple[str, int], ActionKind] = field(default_factory=dict)

    def invalidate(self) -> None:
        """Read again at the next use, even if a read is under way now."""
        self._invalid = True

    async def boards(self) -> dict[str, Board]:
        """Current boards by key, retired ones too. Raises StoreUnavailable when nothing was ever read."""
        return (await self._current()).boards

    async def shown_boards(self) -> list[Board]:
        """Boards that are not retired, by key. Raises StoreUnavailable when nothing was ever read."""
        known = await self._current()
        return [board for key, board in known.boards.items() if key not in known.retired]

    def known_boards(self) -> dict[str, Board]:
        """Boards by key as they were read last, without looking; empty when nothing was ever read."""
        return {} if self._snapshot is None else self._snapshot.boards

    async def kinds(self, wanted: Iterable[str] = ()) -> dict[str, ActionKind]:
        """Current action kinds by key; looks once more for ``wanted`` ones that are not there.

        Not oftener than every tenth of a second, and nobody waits for that to pass: a batch of completions asks here,
        and one client's made-up kind must not hold up the others.

        Raises:
            StoreUnavailable: nothing was ever read.
        """
        known = await self._current()
        if not set(wanted) <= known.kinds.keys() and self._next_look() <= 0:
            known = await self._read_for_a_name()
        return known.kinds

    async def policies(self) -> dict[str, AntiCheatPolicy]:
        """Declared anti-cheat policies by key. Raises StoreUnavailable when nothing was ever read."""
        return (await self._current()).policies.declared

    async def policy_choice(self) -> Policies:
        """Which policy counts where. Raises StoreUnavailable when nothing was ever read."""
        return (await self._current()).policies

    async def board(self, key: str) -> Board:
        """One board. Raises Refusal NOT_FOUND when there was none when this was asked, or StoreUnavailable.

        What is not there may have been declared a moment ago, so it is looked for once more. Whoever asks soon after a
        look waits for the next one, together with all others.
        """
        board = (await self._current()).boards.get(key)
        if board is None:
            if self._look is None:
                self._look = asyncio.get_running_loop().create_task(self._look_again())
            board = (await asyncio.shield(self._look)).boards.get(key)
        if board is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no board of this name.")
        return board

    async def seasons(self, board_key: str) -> list[Season]:
        """The newest hundred seasons of a board, newest first."""
        return (await self._current()).seasons.get(board_key, [])

    async def season(self, board_key: str, season_id: int | None, at: datetime | None = None) -> Season:
        """The season asked for, or the one that counted at a moment (None: now), or else the newest begun by then.

        Raises:
            Refusal: NOT_FOUND when the board has no such season.
            StoreUnavailable: nothing was ever read.
        """
        known = await self.seasons(board_key)
        if season_id is not None:
            found = next((season for season in known if season.id == season_id), None)
            if found is None:
                found = await self.database.transact(lambda tx: season_rows.find(tx, season_id))
                found = found if found is not None and found.board_key == board_key else None
        else:
            now = at or utc_now()
            running = next((season for season in known if counts_at(season, now)), None)
            begun = next((season for season in known if season.starts_at <= now), None)
            found = running or begun or (known[-1] if known else None)
        if found is None:
            raise Refusal(ErrorCode.NOT_FOUND, "This board has no such season.")
        return found

    async def kind_versions(self, tx: Transaction, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], ActionKind]:
        """Kinds in given versions. A version never changes, so each is read once."""
        missing = {pair for pair in wanted if pair not in self._versions}
        if missing:
            self._versions |= await catalog_rows.kind_versions(tx, missing)
        return {pair: self._versions[pair] for pair in wanted if pair in self._versions}

    async def _look_again(self) -> _Snapshot:
        """A task of its own, as a read is: whoever asked may give up, and others wait for it too."""
        await asyncio.sleep(self._next_look())
        self._look = None  # who asks from here on asks for a later look
        return await self._read_for_a_name()

    async def _read_for_a_name(self) -> _Snapshot:
        self._looked_at = asyncio.get_running_loop().time()
        self.invalidate()
        return await self._current()

    def _next_look(self) -> float:
        """Seconds until a name that is not there may cost a look; none when negative."""
        return max(self._read_at, self._looked_at) + _LOOK_AGAIN - asyncio.get_running_loop().time()

    async def _current(self) -> _Snapshot:
        """The snapshot, read again when it is too old; while one caller reads, the others go on with what there is.

        So does everybody once a read takes longer than ``wait``: a Postgres that hangs must not take the boards along.
        """
        while True:
            known, reading = self._snapshot, self._reading
            idle = reading is None or reading.done()
            if known is not None and self._fresh():
                if idle and self._age() > self.ttl * _AHEAD:
                    self._begin_read()
                return known
            if reading is None or idle:
                reading = self._begin_read()
            elif known is not None and (self._late or not self._invalid):
                return known
            done, _ = await asyncio.wait({reading}, timeout=None if known is None else self.wait)
            if not done and known is not None:
                self._grow_late()
                return known
            reading.result()
            if self._snapshot is None:
                raise StoreUnavailable("Postgres has not answered since this process began")
            if not self._invalid:
                return self._snapshot

    def _begin_read(self) -> asyncio.Task[None]:
        # Cleared before reading: whatever is invalidated meanwhile is read once more.
        self._invalid = self._late = False
        self._reading = asyncio.get_running_loop().create_task(self._read_again())
        return self._reading

    def _grow_late(self) -> None:
        self._late = True
        self.stale_since = self.stale_since or utc_now()

    async def _read_again(self) -> None:
        """A task of its own: whoever asked for it may give up, and others wait for it too."""
        loop = asyncio.get_running_loop()
        late = loop.call_later(self.wait, self._grow_late) if self._snapshot is not None else None
        try:
            self._snapshot = await self.database.transact(lambda tx: _read(tx, self.fallback_policy))
            self.stale_since = None
        except StoreUnavailable:
            if self._snapshot is not None:
                self.stale_since = self.stale_since or utc_now()
        finally:
            if late is not None:
                late.cancel()
        self._read_at = loop.time()

    async def close(self) -> None:
        """Give up what is under way."""
        under_way: list[asyncio.Task[Any]] = [task for task in (self._look, self._reading) if task is not None]
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)

    def _fresh(self) -> bool:
        return not self._invalid and self._age() < self.ttl

    def _age(self) -> float:
        return asyncio.get_running_loop().time() - self._read_at


async def _read(tx: Transaction, fallback: AntiCheatPolicy) -> _Snapshot:
    boards = {board.key: board for board in await catalog_rows.current_boards(tx)}
    kinds = {kind.key: kind for kind in await catalog_rows.current_kinds(tx)}
    seasons = await season_rows.of_boards(tx, boards)
    declared = {policy.key: policy for policy in await catalog_rows.current_policies(tx)}
    return _Snapshot(boards, await catalog_rows.retired_boards(tx), kinds, seasons, Policies(declared, fallback))
