"""How intervals are spread: width, shape and edges of their distribution, whatever the tempo."""

import numpy as np
from scipy.special import ndtr

from scoreboard_anticheat_ml.features.catalogue import Feature
from scoreboard_anticheat_ml.features.intervals import Intervals
from scoreboard_anticheat_ml.features.statistics import quantile, ratio
from scoreboard_anticheat_ml.sequences import F32

_NORMAL_MIDDLE_HALF = 1.349  # interquartile range of a normal distribution, in standard deviations

FEATURES = (
    Feature("log_sd", "variation of the intervals", "hardly varies", "varies wildly"),
    Feature("middle_half", "width of the middle half of the intervals", "half of all are alike", "very wide"),
    Feature("wide_80", "width of the middle 80 % of the intervals", "nearly all are alike", "very wide"),
    Feature("wide_90", "width of the middle 90 % of the intervals", "nearly all are alike", "very wide"),
    Feature("tightest_half", "width of the tightest half of the intervals", "half fall on one value", "no usual value"),
    Feature("tightest_fifth", "width of the tightest fifth of the intervals", "many fall on one value", "none alike"),
    Feature("burstiness", "burstiness (-1 clockwork, 0 chance, 1 bursts)", "like clockwork", "long silences"),
    Feature("lopsided", "lopsidedness of the distribution", "more quick ones than usual", "more slow ones than usual"),
    Feature("lopsided_tails", "lopsidedness of the tails", "quick outliers", "slow outliers"),
    Feature("upper_tail", "length of the upper tail", "stops at a hard edge", "very long pauses"),
    Feature("lower_tail", "length of the lower tail", "stops at a hard edge", "very quick repeats"),
    Feature("tail_weight", "weight of both tails", "flat, without tails", "heavy tails"),
    Feature("upper_edge", "how far the longest stands out", "a hard upper limit", "one very long pause"),
    Feature("lower_edge", "how far the shortest stands out", "a hard lower limit", "one very short interval"),
    Feature("off_lognormal", "distance to a lognormal distribution", "drawn from a formula", "no smooth shape"),
    Feature("off_normal", "distance to a bell curve", "a bell curve", "no bell curve"),
    Feature("off_uniform", "distance to a flat distribution", "flat between two limits", "not flat"),
    Feature("off_exponential", "distance to waits of pure chance", "waits of pure chance", "not pure chance"),
    Feature("near_pairs", "share of intervals that have a twin within 0.5 %", "few twins", "many twins"),
    Feature("nearest_pairs", "share of intervals that have a twin within 0.05 %", "no twins", "exact twins"),
    Feature("widest_gap", "widest gap inside the distribution", "no gaps", "clusters with nothing between"),
)


def measure(given: Intervals) -> list[F32]:
    """(n,) each of ``FEATURES``, in their order.

    Burstiness: Kim & Jo 2016, Phys. Rev. E 94, 032311, the measure for finite sequences.
    """
    s = given.ordered
    q05, q10, q25, q50, q75, q90, q95 = (quantile(s, share) for share in (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95))
    half = q75 - q25
    wide = q90 - q10
    rises = np.diff(s, axis=1)
    return [
        s.std(axis=1),
        half,
        wide,
        q95 - q05,
        tightest(s, 0.5),
        tightest(s, 0.2),
        burstiness(np.exp(given.calm)),
        ratio(q75 + q25 - 2 * q50, half),
        ratio(q95 + q05 - 2 * q50, q95 - q05),
        ratio(q95 - q50, q75 - q50),
        ratio(q50 - q05, q50 - q25),
        ratio(q95 - q05, half),
        ratio(s[:, -1] - q75, half),
        ratio(q25 - s[:, 0], half),
        *_distances(s, q05, q25, q50, q75, q95),
        (rises < 0.005).mean(axis=1),
        (rises < 0.0005).mean(axis=1),
        ratio(_inner(rises).max(axis=1), half),
    ]


def tightest(ordered: F32, share: float) -> F32:
    """(n,) width of the narrowest range that holds this share of the values."""
    within = max(2, round(share * ordered.shape[1]))
    width: F32 = (ordered[:, within - 1 :] - ordered[:, : ordered.shape[1] - within + 1]).min(axis=1)
    return width


def burstiness(values: F32) -> F32:
    """(n,) Kim & Jo's burstiness for finite sequences, -1..1."""
    n = values.shape[1]
    r = ratio(values.std(axis=1), values.mean(axis=1))
    a, b = np.float32(np.sqrt(n + 1)), np.float32(np.sqrt(n - 1))
    return (a * r - b) / ((a - 2) * r + b)


def _inner(rises: F32) -> F32:
    """Rises without the outermost tenth on either side."""
    outer = max(1, rises.shape[1] // 10)
    return rises[:, outer:-outer]


def _distances(s: F32, q05: F32, q25: F32, q50: F32, q75: F32, q95: F32) -> list[F32]:
    """Kolmogorov-Smirnov distances to four shapes, each fitted by quantiles so that outliers do not move it."""
    count = s.shape[1]
    seen = ((np.arange(count) + 0.5) / count).astype(np.float32)
    lognormal = ndtr((s - q50[:, None]) / np.maximum((q75 - q25) / _NORMAL_MIDDLE_HALF, 1e-4)[:, None])
    v = np.exp(s - q50[:, None])
    v05, v25, v75, v95 = (np.exp(q - q50)[:, None] for q in (q05, q25, q75, q95))
    normal = ndtr((v - (v25 + v75) / 2) / np.maximum((v75 - v25) / _NORMAL_MIDDLE_HALF, 1e-4))
    flat = np.clip(0.05 + 0.9 * (v - v05) / np.maximum(v95 - v05, 1e-4), 0, 1)
    chance = 1 - np.exp(-v * np.float32(np.log(2)))
    return [np.abs(shape - seen).max(axis=1).astype(np.float32) for shape in (lognormal, normal, flat, chance)]
