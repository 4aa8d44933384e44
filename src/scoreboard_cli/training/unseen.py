"""How well the model knows a family of cheats that it was never shown: trained once without each, and tried on it."""

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from scoreboard_anticheat_ml.model import with_length
from scoreboard_anticheat_ml.sequences import F64
from scoreboard_anticheat_ml.training import APART, HUMAN, Measured, boosters, mask, measure
from scoreboard_cli.training.datasets import quiet, simulated
from scoreboard_cli.training.figures import Caught, caught, share
from scoreboard_cli.training.trials import Table

UNSEEN_PLATFORMS = 5
LENGTHS = (50, 200)
RATE = 0.01
_HUMANS = 1200
_CHEATS = 60
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Unseen:
    """The models that each miss one family, and the table that they are tried on.

    Attributes:
        models: By the family that was left out; one booster each, where the real model takes the mean of several.
        table: Windows with features.
    """

    models: Mapping[str, HistGradientBoostingClassifier]
    table: Table

    def on(self, table: Table) -> "Unseen":
        """The same models on other players."""
        return Unseen(self.models, table)

    def figures(self) -> dict[str, Any]:
        """For each length what each family's own absence leaves of its detection, at a false positive rate of 1 %."""
        return {str(length): self._at(length) for length in LENGTHS}

    def _at(self, length: int) -> dict[str, Any]:
        table = self.table.compared(length)
        present = sorted(set(table.family.tolist()) & self.models.keys())
        found = {family: _of_one(table, family, self.models[family], length) for family in present}
        rates = {family: each.rate for family, each in found.items()}
        return {
            "mean": share(float(np.mean(list(rates.values())))),
            "worst": share(min(rates.values())),
            "families": {family: [each.caught, each.windows] for family, each in found.items()},
        }


def _of_one(table: Table, family: str, booster: HistGradientBoostingClassifier, length: int) -> Caught:
    """As the platform orders windows: this model's score, and before it what the detectors prove."""
    own = table.take(table.honest | (table.family == family))
    raw: F64 = booster.decision_function(with_length(own.features, length))
    return caught(raw + (own.score - own.raw), own.family, RATE)[family]


def unseen(seed: int, table: Table, processes: int, progress: Progress) -> Unseen:
    """Train without each family in turn; families that no training shows anyway are left to their detector."""
    progress("training without one family", 0.0)
    data = simulated(seed + 1, humans=_HUMANS, cheats=_CHEATS)
    with threadpool_limits(1):
        measured = mask(measure(data, seed=seed, progress=quiet), np.random.default_rng(seed))
    measured = measured.take(~np.isin(measured.family, APART))
    families = sorted(set(measured.family.tolist()) - {HUMAN})
    models: dict[str, HistGradientBoostingClassifier] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=threadpool_limits, initargs=(1,)) as pool:
        parts = (measured.take(measured.family != family) for family in families)
        for family, model in zip(families, pool.map(_fitted, parts, [seed] * len(families)), strict=True):
            models[family] = model
            progress("training without one family", len(models) / len(families))
    return Unseen(models, table)


def _fitted(measured: Measured, seed: int) -> HistGradientBoostingClassifier:
    return boosters(measured, seed=seed, count=1, progress=quiet)[0]
