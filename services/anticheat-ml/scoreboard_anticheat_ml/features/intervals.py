"""The intervals of a batch of windows, prepared once for every feature."""

from dataclasses import dataclass

import numpy as np

from scoreboard_anticheat_ml.features.statistics import quantile, ranks
from scoreboard_anticheat_ml.sequences import F32, F64

FLOOR_S = 0.01  # below it clocks and networks speak, not players; keeps the logarithm of "at once" in bounds


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """(n, M) intervals, M = W - 1.

    Attributes:
        dt: Seconds between neighbouring events.
        x: Their natural logarithm.
        ordered: ``x`` in ascending order.
        middle: (n,) median of ``x``.
        calm: ``x`` cut off at its 5 % and 95 % quantiles: a break or a double click does not rule the rest.
        rank: ranks of ``x``, spread evenly over -1..1.
    """

    dt: F32
    x: F32
    ordered: F32
    middle: F32
    calm: F32
    rank: F32

    @classmethod
    def between(cls, t: F64) -> "Intervals":
        """The intervals of (n, W) moments."""
        dt = np.diff(t, axis=1).astype(np.float32)
        x = np.log(dt + np.float32(FLOOR_S))
        ordered = np.sort(x, axis=1)
        low, high = quantile(ordered, 0.05)[:, None], quantile(ordered, 0.95)[:, None]
        return cls(
            dt=dt, x=x, ordered=ordered, middle=quantile(ordered, 0.5), calm=np.clip(x, low, high), rank=ranks(x)
        )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def count(self) -> int:
        """M."""
        return int(self.x.shape[1])
