"""Thresholds: the scores that a given share of honest windows exceeds, for each length and segment."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from scoreboard_anticheat_ml.segments import SEGMENTS
from scoreboard_anticheat_ml.sequences import F64, I64
from scoreboard_anticheat_ml.windows import LENGTHS

RATES = (0.01, 0.001, 0.0001)  # watch, flag, suspend
MARGIN = 1.5  # log odds; real people are more varied than simulated ones. To suspend takes proof and time instead
_ENOUGH = 3.0  # honest windows that should lie above a threshold before it is a segment's own


def length_class(length: int) -> int:
    """Which of ``LENGTHS`` speaks for a window: the longest that is not longer."""
    return max(0, int(np.searchsorted(LENGTHS, length, side="right")) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """``scores``: raw scores, (lengths, segments, rates)."""

    scores: F64

    def limits(self, length: int, segment: I64) -> F64:
        """(n, rates) the thresholds of windows of one length in their segments."""
        found: F64 = self.scores[length_class(length)][segment]
        return found

    def as_json(self) -> dict[str, Any]:
        """For the sidecar."""
        return {"lengths": list(LENGTHS), "rates": list(RATES), "scores": np.round(self.scores, 6).tolist()}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """From the sidecar; raises ValueError for another shape."""
        scores = np.asarray(found["scores"], np.float64)
        if scores.shape != (len(LENGTHS), SEGMENTS, len(RATES)):
            raise ValueError(f"thresholds of shape {scores.shape}")
        return cls(scores)


def fit(score: F64, length: I64, segment: I64) -> Thresholds:
    """Thresholds from the scores of honest windows; that to flag by with a margin, that to suspend by at least as high.

    A segment with too few windows for a rate takes the larger of its own and everybody's; beyond what was seen the
    tail is continued as an exponential through the 1 % and 0.1 % points.
    """
    fitted = np.empty((len(LENGTHS), SEGMENTS, len(RATES)))
    for place, of in enumerate(LENGTHS):
        everybody, segments = score[length == of], segment[length == of]
        pooled = _limits(everybody)
        for number in range(SEGMENTS):
            fitted[place, number] = _segment_limits(everybody[segments == number], pooled)
    fitted[:, :, 1] += MARGIN
    return Thresholds(np.maximum.accumulate(fitted, axis=2))


def _limits(score: F64) -> F64:
    if not len(score):
        raise ValueError("no honest windows to set thresholds by")
    limits = np.quantile(score, [1 - rate for rate in RATES], method="higher")
    if len(score) * RATES[2] < _ENOUGH:
        limits[2] = max(limits[2], limits[1] + (limits[1] - limits[0]))
    return limits


def _segment_limits(own: F64, pooled: F64) -> F64:
    limits = pooled.copy()
    for place, rate in enumerate(RATES):
        expected = len(own) * rate
        if expected >= _ENOUGH:
            limits[place] = np.quantile(own, 1 - rate, method="higher")
        elif expected >= 1:
            limits[place] = max(pooled[place], own.max())
    return np.maximum.accumulate(limits)
