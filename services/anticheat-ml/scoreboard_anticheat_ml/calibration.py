"""Calibration: what share of windows with a score were cheating, among as many honest as cheating ones."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.isotonic import IsotonicRegression

from scoreboard_anticheat_ml.sequences import F64, I64, Bools
from scoreboard_anticheat_ml.thresholds import length_class
from scoreboard_anticheat_ml.windows import LENGTHS

_LEAST = 1e-4  # no finite sample shows certainty


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """For each length the corners of a rising curve from raw score to probability."""

    knots: tuple[tuple[F64, F64], ...]

    def probability(self, score: F64, length: int) -> F64:
        """(n,) probabilities 0..1 of raw scores."""
        scores, shares = self.knots[length_class(length)]
        found: F64 = np.interp(score, scores, shares)
        return found

    def as_json(self) -> list[dict[str, Any]]:
        """For the sidecar."""
        return [{"score": np.round(x, 6).tolist(), "share": np.round(y, 6).tolist()} for x, y in self.knots]

    @classmethod
    def from_json(cls, found: list[dict[str, Any]]) -> Self:
        """From the sidecar; raises ValueError for another number of lengths."""
        if len(found) != len(LENGTHS):
            raise ValueError(f"calibration for {len(found)} lengths")
        return cls(tuple((np.asarray(each["score"], float), np.asarray(each["share"], float)) for each in found))


def fit(score: F64, cheating: Bools, weight: F64, length: I64) -> Calibration:
    """Isotonic regression for each length; ``weight`` should make honest and cheating windows equally heavy."""
    knots = []
    for of in LENGTHS:
        rows = length == of
        regression = IsotonicRegression(y_min=_LEAST, y_max=1 - _LEAST, out_of_bounds="clip")
        regression.fit(score[rows], cheating[rows], sample_weight=weight[rows])
        knots.append((regression.X_thresholds_.astype(float), regression.y_thresholds_.astype(float)))
    return Calibration(tuple(knots))
