"""How honest people's features are distributed: what an explanation compares a player with."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from scoreboard_anticheat_ml.features import NAMES
from scoreboard_anticheat_ml.sequences import F32, F64, I64
from scoreboard_anticheat_ml.thresholds import length_class
from scoreboard_anticheat_ml.windows import LENGTHS

SHARES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
HISTOGRAM_EDGES = np.linspace(-3, 3, 25)  # logarithm of interval / own median: a factor of 20 to either side


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Quantiles of honest people's features, and the shape of their intervals.

    Attributes:
        quantiles: (lengths, SHARES, F); NaN where nobody's could be known.
        intervals: Share of honest intervals in each class of ``HISTOGRAM_EDGES``, the outermost ones taking the rest.
    """

    quantiles: F64
    intervals: F64

    def median(self, length: int) -> F64:
        """(F,) honest people's medians."""
        found: F64 = self.quantiles[length_class(length), SHARES.index(0.5)]
        return found

    def percentile(self, feature: int, value: float, length: int) -> float:
        """Where a value lies among honest people's, 0..100."""
        known = self.quantiles[length_class(length), :, feature]
        if not np.isfinite(known).all() or not np.isfinite(value):
            return 50.0
        rising = known + np.arange(len(known)) * 1e-12
        return float(100 * np.interp(value, rising, SHARES, left=0.0, right=1.0))

    def filled(self, features: F32) -> F32:
        """Unknown features replaced by honest people's medians at the longest length."""
        middle = np.nan_to_num(self.median(LENGTHS[-1])).astype(np.float32)
        return np.where(np.isfinite(features), features, middle)

    def as_json(self) -> dict[str, Any]:
        """For the sidecar; NaN becomes null."""
        known = [[[None if np.isnan(v) else round(v, 6) for v in row] for row in of] for of in self.quantiles.tolist()]
        return {"shares": list(SHARES), "quantiles": known, "intervals": np.round(self.intervals, 6).tolist()}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """From the sidecar; raises ValueError for another shape."""
        quantiles = np.array(found["quantiles"], np.float64)
        if quantiles.shape != (len(LENGTHS), len(SHARES), len(NAMES)):
            raise ValueError(f"reference of shape {quantiles.shape}")
        return cls(quantiles, np.asarray(found["intervals"], np.float64))


def histogram(dt: F64) -> F64:
    """(classes,) share of (M,) or (n, M) intervals in each class around their own median."""
    relative = np.log((dt + 1e-3) / (np.median(dt, axis=-1, keepdims=True) + 1e-3))
    inside = np.clip(relative, HISTOGRAM_EDGES[0], HISTOGRAM_EDGES[-1])
    counts, _ = np.histogram(inside, HISTOGRAM_EDGES)
    shares: F64 = counts / max(1, counts.sum())
    return shares


def fit(features: F32, length: I64, intervals: F64) -> Reference:
    """From honest windows: (n, F) features, (n,) lengths; ``intervals`` as ``histogram`` gives them."""
    quantiles = np.full((len(LENGTHS), len(SHARES), len(NAMES)), np.nan)
    for place, of in enumerate(LENGTHS):
        rows = features[length == of]
        for column in range(len(NAMES)):
            known = rows[:, column][np.isfinite(rows[:, column])]
            if len(known):
                quantiles[place, :, column] = np.quantile(known, SHARES)
    return Reference(quantiles, intervals)
