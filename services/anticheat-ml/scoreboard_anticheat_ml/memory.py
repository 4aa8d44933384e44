"""What later windows of a player depend on: the levels of those before, and what reviewers know. For each model.

Read from the stored windows when a player comes into memory, so that a restart changes no verdict.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from scoreboard.domain.events import Verdict
from scoreboard.domain.model import Found, Told
from scoreboard.storage import model_windows
from scoreboard.storage.database import Transaction
from scoreboard_anticheat_ml.fusion import PlayerState

_REMEMBERED = 3


@dataclass(slots=True)
class Remembered:
    """Of one player, by one model. ``watched`` players are scored more often."""

    state: PlayerState = field(default_factory=PlayerState)
    watched: bool = False
    told: Told | None = None


class Memory:
    """Of every player in the buffers."""

    def __init__(self) -> None:
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
        told = await model_windows.told(tx, missing, model_id, until)
        for player_id in missing:
            rows = past.get(player_id, [])
            last = told.get(player_id)
            known[player_id] = Remembered(
                PlayerState(tuple(row.level for row in rows)),
                bool(rows) and rows[-1].found is not Found.NONE,
                # What it led to is not stored, and might have been limited then: a graver verdict is told once more.
                None if last is None else Told(Verdict.FLAG, frozenset(last.detectors), last.at),
            )

    def drop(self, player_id: UUID) -> None:
        """Forget a player."""
        for known in self._known.values():
            known.pop(player_id, None)

    def clear(self) -> None:
        """Forget everybody."""
        self._known.clear()
