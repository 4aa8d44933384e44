"""How a window changes within itself: calm stretches, wild stretches, halves of different nature."""

import itertools

import numpy as np

from scoreboard_anticheat_ml.features.catalogue import Feature
from scoreboard_anticheat_ml.features.intervals import Intervals
from scoreboard_anticheat_ml.features.spread import tightest
from scoreboard_anticheat_ml.features.statistics import quantile, ratio, rolling_sd
from scoreboard_anticheat_ml.sequences import F32

_STRETCH = 8

FEATURES = (
    Feature("calmest_stretch", "variation in the calmest stretch", "a stretch of clockwork", "never calm"),
    Feature("calm_stretches", "variation in calm stretches (tenth of all)", "stretches of clockwork", "never calm"),
    Feature("usual_stretch", "variation in a usual stretch", "clockwork", "wild"),
    Feature("wild_stretches", "variation in wild stretches (tenth of all)", "never wild", "very wild stretches"),
    Feature("calm_to_usual", "calmest against usual stretch", "one stretch far calmer", "even throughout"),
    Feature("wild_to_calm", "wild against calm stretches", "even throughout", "two natures"),
    Feature("calmest_quarter", "width of the calmest quarter", "a quarter of clockwork", "no calm quarter"),
    Feature("wildest_quarter", "width of the wildest quarter", "no wild quarter", "a very wild quarter"),
    Feature("quarters_apart", "wildest against calmest quarter", "all alike", "two natures"),
    Feature("calmest_half_tight", "tightest core of any quarter", "a quarter on one value", "no usual value"),
    Feature("halves_moved", "shift of the median between halves", "same pace", "another pace"),
    Feature("halves_spread", "change of variation between halves", "same variation", "another variation"),
    Feature("break_point", "strength of the sharpest change inside the window", "one nature", "two natures"),
    Feature("break_to_calm", "how much calmer the calmer side of that change is", "equally calm", "far calmer"),
    Feature("calmest_side", "variation on the calmer side of that change", "clockwork", "wild"),
)


def measure(given: Intervals) -> list[F32]:
    """(n,) each of ``FEATURES``, in their order."""
    x = given.calm
    rolling = np.sort(rolling_sd(x, _STRETCH), axis=1)
    least, calm, usual, wild = rolling[:, 0], *(quantile(rolling, share) for share in (0.1, 0.5, 0.9))
    quarters = _quarters(x)
    widths = [quantile(part, 0.8) - quantile(part, 0.2) for part in quarters]
    narrow, broad = np.min(widths, axis=0), np.max(widths, axis=0)
    tight = np.min([tightest(part, 0.5) for part in quarters], axis=0)
    middle = given.count // 2
    first, second = np.sort(x[:, :middle], axis=1), np.sort(x[:, middle:], axis=1)
    whole = np.maximum(quantile(given.ordered, 0.75) - quantile(given.ordered, 0.25), 1e-4)
    return [
        least,
        calm,
        usual,
        wild,
        ratio(least, usual),
        np.log(ratio(wild + 1e-4, calm + 1e-4)),
        narrow,
        broad,
        np.log(ratio(broad + 1e-4, narrow + 1e-4)),
        tight,
        np.abs(quantile(first, 0.5) - quantile(second, 0.5)) / whole,
        np.abs(np.log(ratio(first.std(axis=1) + 1e-4, second.std(axis=1) + 1e-4))),
        *split(x),
    ]


def _quarters(x: F32) -> list[F32]:
    """The four quarters, each in ascending order."""
    edges = np.linspace(0, x.shape[1], 5).astype(int)
    return [np.sort(x[:, a:b], axis=1) for a, b in itertools.pairwise(edges)]


def split(x: F32) -> tuple[F32, F32, F32]:
    """The best place to cut a window into two normal distributions of their own mean and variance.

    Returns:
        (n,) log likelihood ratio for an interval against no cut; (n,) logarithm of the ratio of the sides' standard
        deviations, the calmer one's above; (n,) the calmer side's standard deviation.
    """
    count = x.shape[1]
    edge = max(5, count // 10)
    at = np.arange(edge, count - edge + 1)
    left = at.astype(np.float32)
    right = count - left
    sums, squares = np.cumsum(x, axis=1, dtype=np.float64), np.cumsum(x * x, axis=1, dtype=np.float64)
    low = _variance(sums[:, at - 1], squares[:, at - 1], left)
    high = _variance(sums[:, -1:] - sums[:, at - 1], squares[:, -1:] - squares[:, at - 1], right)
    whole = _variance(sums[:, -1:], squares[:, -1:], np.float32(count))
    gain = (count * np.log(whole) - left * np.log(low) - right * np.log(high)) / (2 * count)
    best = gain.argmax(axis=1)[:, None]
    one, other = np.take_along_axis(low, best, axis=1)[:, 0], np.take_along_axis(high, best, axis=1)[:, 0]
    strength = np.take_along_axis(gain, best, axis=1)[:, 0].astype(np.float32)
    return (
        strength,
        np.abs(np.log(one / other) / 2).astype(np.float32),
        np.sqrt(np.minimum(one, other)).astype(np.float32),
    )


def _variance(total: np.ndarray, square: np.ndarray, count: np.ndarray | np.float32) -> np.ndarray:
    """Variance from sums; never below that of a 1 % jitter, so that three equal values are no discovery."""
    middle = total / count
    return np.maximum(square / count - middle * middle, 1e-4)
