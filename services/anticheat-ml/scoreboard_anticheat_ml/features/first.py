"""The first tier: a few cheap numbers that tell most honest windows from those that are worth measuring in full."""

import numpy as np

from scoreboard_anticheat_ml.features.intervals import FLOOR_S
from scoreboard_anticheat_ml.features.memory import expected_step
from scoreboard_anticheat_ml.features.spread import tightest
from scoreboard_anticheat_ml.features.statistics import quantile, ratio
from scoreboard_anticheat_ml.sequences import F32
from scoreboard_anticheat_ml.windows import Windows

_TWINS = 0.005
COLUMNS = 14  # how many numbers ``measure`` gives
CONDUCT = (11, 12)  # those that are not about timing


def measure(windows: Windows) -> F32:
    """(n, COLUMNS) numbers of windows of one length; NaN where unknown. For ``Model.first`` only."""
    x = np.log(np.diff(windows.t, axis=1).astype(np.float32) + np.float32(FLOOR_S))
    ordered = np.sort(x, axis=1)
    low, below, middle, above, high = (quantile(ordered, share) for share in (0.05, 0.25, 0.5, 0.75, 0.95))
    half = above - below
    columns = [
        half,
        high - low,
        tightest(ordered, 0.5),
        tightest(ordered, 0.2),
        ratio(above + below - 2 * middle, half),
        ratio(high - middle, above - middle),
        ratio(middle - low, middle - below),
        ratio(ordered[:, -1] - above, half),
        ratio(below - ordered[:, 0], half),
        (np.diff(ordered, axis=1) < _TWINS).mean(axis=1),
        ratio(np.abs(np.diff(x, axis=1)).mean(axis=1), expected_step(ordered)),
        *_conduct(windows),
        np.full(len(x), windows.length, np.float32),
    ]
    return np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")


def _conduct(windows: Windows) -> tuple[F32, F32]:
    """Variation of the time to finish, mean share of the points."""
    unknown = np.full(len(windows), np.nan, np.float32)
    varied, claimed = unknown, unknown
    if np.isfinite(windows.age).any():
        known = np.isfinite(windows.age)
        age = np.where(known, windows.age, 0)
        count = known.sum(axis=1, dtype=np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = age.sum(axis=1) / count
            spread = np.sqrt(np.maximum((age * age).sum(axis=1) / count - mean * mean, 0))
            varied = (spread / mean).astype(np.float32)
    if np.isfinite(windows.share).any():
        known = np.isfinite(windows.share)
        with np.errstate(invalid="ignore", divide="ignore"):
            claimed = (np.where(known, windows.share, 0).sum(axis=1) / known.sum(axis=1)).astype(np.float32)
    return varied, claimed
