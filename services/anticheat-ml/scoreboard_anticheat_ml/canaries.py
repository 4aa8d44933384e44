"""Canaries: sequences with known scores that travel with a model. A score that changes shows a fault of the machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from scoreboard_anticheat_ml.features import extract
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.sequences import F64, Columns, Sequences
from scoreboard_anticheat_ml.windows import cut


@dataclass(frozen=True, slots=True, eq=False)
class Canaries:
    """A few players and what the model gave them where it was trained.

    Attributes:
        sequences: Their events.
        expected: The raw score of every scheduled window, in the order of ``windows.cut``.
    """

    sequences: Sequences
    expected: F64

    @classmethod
    def of(cls, sequences: Sequences, model: Model) -> Self:
        """Sequences with the scores that this model gives them now."""
        return cls(sequences, _scores(sequences, model))

    def scores(self, model: Model) -> F64:
        """What a model gives them here and now."""
        return _scores(self.sequences, model)

    def to_json(self) -> dict[str, Any]:
        """For the sidecar; unknown values become null."""
        players = []
        for index, name in enumerate(self.sequences.player):
            events = self.sequences.of(index)
            columns = {field: getattr(self.sequences, field)[events].tolist() for field in Columns._fields}
            known = {
                field: [None if value != value else value for value in column] for field, column in columns.items()
            }
            players.append({"player": str(name), **known})
        return {"players": players, "expected": self.expected.tolist()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """From the sidecar. Raises KeyError, TypeError or ValueError for anything else."""
        players = list(found["players"])
        columns = [Columns(**{field: _known(player[field]) for field in Columns._fields}) for player in players]
        sequences = Sequences.gather([player["player"] for player in players], columns)
        return cls(sequences, np.asarray(found["expected"], np.float64))


def _known(column: list[Any]) -> list[Any]:
    return [np.nan if value is None else value for value in column]


def _scores(sequences: Sequences, model: Model) -> F64:
    found = [model.score(extract(windows), windows.length) for windows in cut(sequences)]
    return np.concatenate([np.zeros(0), *found])
