"""A player's ledger entries told again from the first: what every other row about the player has to say.

``usecases.check_players`` holds the stored rows against it. It decides nothing: what is impossible is noted, and the
telling goes on.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from scoreboard.domain.action import ActionStatus
from scoreboard.domain.board import Board
from scoreboard.domain.errors import Refusal
from scoreboard.domain.events import EntryType, LedgerEntry
from scoreboard.domain.refold import Effective, amended_status, counts_after, refold, settle
from scoreboard.domain.score import Total, advance

_FIRST = {EntryType.APPLIED: ActionStatus.COMPLETED, EntryType.HELD: ActionStatus.HELD}
Numbered = tuple[int, LedgerEntry]
"""An entry with its ledger number."""


@dataclass(frozen=True, slots=True)
class ActionTold:
    """What the ledger says of an action: the state it is in, and its first entry."""

    status: ActionStatus
    seq: int
    first: LedgerEntry

    @property
    def row(self) -> tuple[str, int, datetime, int, UUID, str]:
        """What the action's row has to hold: status, ledger number, moment, points, player, kind."""
        entry = self.first
        return str(self.status), self.seq, entry.at, entry.points, entry.player_id, entry.kind_key


@dataclass(slots=True)
class Replay:
    """What a player's entries come to. ``faults``: (ledger number, what is impossible about it)."""

    boards: Mapping[int, Board]
    player_id: UUID
    actions: dict[UUID, ActionTold] = field(default_factory=dict)
    keys: set[tuple[UUID, str, int, int]] = field(default_factory=set)
    totals: dict[int, Total] = field(default_factory=dict)
    completed: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    _turns: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    _counting: dict[int, dict[UUID, Effective]] = field(default_factory=lambda: defaultdict(dict))

    def tell(self, entries: Iterable[Numbered]) -> None:
        """Take the player's entries, in the order of their numbers."""
        # Entries of one amendment are neighbours of one moment, and the last about a total tells its step.
        for _, group in groupby(entries, key=lambda one: one[0] if one[1].entry_type in _FIRST else one[1].at):
            self._take(list(group))

    def _take(self, group: Sequence[Numbered]) -> None:
        last = {season: seq for seq, entry in group for season in entry.season_ids}
        was = {season: self._standing(season) for season in last}
        for seq, entry in group:
            self._live(seq, entry)
            about = (entry.action_id, str(entry.entry_type))
            self.keys.add((*about, self._turns[about], seq))
            self._turns[about] += 1
        for season in last:
            self._settle(season, group)
        for seq, entry in group:
            for season, before, after in zip(entry.season_ids, entry.previous, entry.current, strict=True):
                if season not in self.boards:
                    continue
                if before != was[season]:
                    self.faults.append((seq, f"it goes on from {before} in season {season}, where {was[season]} was"))
                expected = self._standing(season) if last[season] == seq else was[season]
                if after != expected:
                    self.faults.append((seq, f"it leads to {after} in season {season}, and its points to {expected}"))

    def _standing(self, season: int) -> int | None:
        total = self.totals.get(season)
        return None if total is None else total.standing

    def _live(self, seq: int, entry: LedgerEntry) -> None:
        """What becomes of the entry's action, and whether it counts from here on."""
        known = self.actions.get(entry.action_id)
        if entry.entry_type in _FIRST:
            if known is not None:
                self.faults.append((seq, f"its action was recorded before, by entry {known.seq}"))
                return
            self.actions[entry.action_id] = ActionTold(_FIRST[entry.entry_type], seq, entry)
            self.completed[entry.kind_key] += 1
            counts, first = entry.entry_type is EntryType.APPLIED, (seq, entry)
        elif known is None:
            self.faults.append((seq, "its action was never recorded before"))
            return
        else:
            if _about(known.first) != _about(entry):
                self.faults.append((seq, f"it speaks of something else than entry {known.seq} of its action"))
            try:
                status = amended_status(known.status, entry.entry_type)
            except Refusal:
                self.faults.append((seq, f"its action is {known.status} and cannot be {entry.entry_type}"))
                return
            self.actions[entry.action_id] = replace(known, status=status)
            counts, first = counts_after(entry.entry_type), (known.seq, known.first)
        self._count(entry, *first, counts=counts)

    def _count(self, entry: LedgerEntry, seq: int, first: LedgerEntry, *, counts: bool) -> None:
        for season in entry.season_ids:
            if counts:
                one = Effective(seq, first.action_id, first.at, first.points)
                self._counting[season][entry.action_id] = one
            else:
                self._counting[season].pop(entry.action_id, None)

    def _settle(self, season: int, group: Sequence[Numbered]) -> None:
        board, known, (seq, entry) = self.boards.get(season), self.totals.get(season), group[0]
        if board is None:
            self.faults.append((seq, f"it speaks of season {season}, which is not there"))
            return
        try:
            if entry.entry_type is EntryType.APPLIED:
                after: Total | None = advance(
                    board, season, self.player_id, known, entry.points, entry.at, entry.action_id
                )
            elif entry.entry_type is EntryType.HELD:
                return
            else:
                after = settle(known, refold(board, season, self.player_id, self._counting[season].values()))
        except Refusal:
            self.faults.append((seq, f"season {season} cannot hold what it leads to"))
            return
        if after is not None:
            self.totals[season] = after


def _about(entry: LedgerEntry) -> tuple[UUID, str, int, tuple[int, ...]]:
    return entry.player_id, entry.kind_key, entry.points, entry.season_ids
