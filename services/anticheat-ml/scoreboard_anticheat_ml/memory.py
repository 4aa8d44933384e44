"""What later windows of a player depend on: the levels of those before, and what reviewers know. For each model.

Read from the stored windows when a player comes into memory, so that a restart changes no verdict.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from scoreboard.domain.events import Verdict
from scoreboard.domain.model import Found, Told, told_now
from scoreboard.storage import model_windows
from scoreboard.storage.database import Transaction
from scoreboard.storage.model_windows import PastWindow
from scoreboard_anticheat_ml.fusion import PlayerState

_REMEMBERED = 3
_TOLD = 12  # within one pause each detector is told once, and each graver verdict


@dataclass(slots=True)
class Remembered:
    """Of one player, by one model. ``watched`` players are scored more often."""

    state: PlayerState = field(default_factory=PlayerState)
    watched: bool = False
    told: Told | None = None


class Memory:
    """Of every player in the buffers. Reviewers are told the same again after ``pause_s`` seconds."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._known: dict[str, dict[UUID, Remembered]] = {}

    def of(self, model_id: str, player_id: UUID) -> Remembered:
        """What is remembered; it may be changed. A player who was not read in has no past."""
        return self._known.setdefault(model_id, {}).setdefault(player_id, Remembered())

    async def read(self, tx: Transaction, model_id: str, player_ids: Iterable[UUID], until: int) -> None:
        """Read in those of these players who are not known to this model yet, as of a ledger number."""
        known = self._known.setdefault(model_id, {})
        missing = [player_id for player_id in player_ids if player_id not in known]
        if not missing:
            return
        past = await model_windows.last_of(tx, missing, model_id, until, _REMEMBERED)
        told = await model_windows.told(tx, missing, model_id, until, _TOLD)
        for player_id in missing:
            rows = past.get(player_id, [])
            known[player_id] = Remembered(
                PlayerState(tuple(row.level for row in rows)),
                bool(rows) and rows[-1].found is not Found.NONE,
                self._told(told.get(player_id, [])),
            )

    def _told(self, windows: Iterable[PastWindow]) -> Told | None:
        """What they led to is not stored, and might have been limited then: a graver verdict is told once more."""
        told: Told | None = None
        for window in windows:
            told = told_now(Verdict.FLAG, window.detectors, window.at, told, self._pause_s)
        return told

    def drop(self, player_id: UUID) -> None:
        """Forget a player."""
        for known in self._known.values():
            known.pop(player_id, None)

    def clear(self) -> None:
        """Forget everybody."""
        self._known.clear()
