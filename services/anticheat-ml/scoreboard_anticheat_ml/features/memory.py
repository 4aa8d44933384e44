"""What one interval says of the next: people remember, scripts draw each wait for itself."""

from functools import reduce

import numpy as np
from scipy.signal import lfilter

from scoreboard_anticheat_ml.features.catalogue import Feature
from scoreboard_anticheat_ml.features.intervals import Intervals
from scoreboard_anticheat_ml.features.statistics import correlation, ratio
from scoreboard_anticheat_ml.sequences import F32, I64

_NO_ORDER = "in no order, as if drawn by lot"

FEATURES = (
    Feature("memory_1", "likeness of an interval to the one before", "alternates", "follows the one before"),
    Feature("memory_2", "likeness to the second before", "alternates", "slow waves"),
    Feature("memory_3", "likeness to the third before", "alternates", "slow waves"),
    Feature("memory_5", "likeness to the fifth before", "alternates", "slow waves"),
    Feature("memory_long", "likeness to the ten before, together", _NO_ORDER, "long moods"),
    Feature("rank_memory", "likeness of ranks over three neighbours", _NO_ORDER, "moods"),
    Feature("steadiness", "steps between neighbours against the whole spread", "changes slowly", _NO_ORDER),
    Feature("steadiness_2", "steps over two against the whole spread", "changes slowly", _NO_ORDER),
    Feature("steadiness_5", "steps over five against the whole spread", "changes slowly", _NO_ORDER),
    Feature("turning_points", "share of intervals that are a peak or a dip", "smooth waves", "zigzag"),
    Feature("side_runs", "how often it changes between quick and slow", "long runs", "changes all the time"),
    Feature("mood_5", "variation of means over five", _NO_ORDER, "phases"),
    Feature("mood_10", "variation of means over ten", _NO_ORDER, "phases"),
    Feature("restless", "likeness of one deviation's size to the next", "even restlessness", "calm and wild phases"),
    Feature("pattern_entropy", "variety of rising and falling patterns", "few patterns", "all patterns alike"),
    Feature("trend", "drift over the window", "becomes quicker", "becomes slower"),
    Feature("foretold_quick", "how well the last few intervals foretell the next", _NO_ORDER, "follows the last few"),
    Feature("foretold", "how well the last ten intervals foretell the next", _NO_ORDER, "follows its mood"),
    Feature("foretold_slow", "how well the last thirty intervals foretell the next", _NO_ORDER, "follows its mood"),
    Feature("foretold_size", "how well deviations foretell the size of the next", _NO_ORDER, "calm and wild phases"),
    Feature("pair_bond", "what an interval tells of the next, in any way", _NO_ORDER, "bound to the one before"),
    Feature(
        "pair_bond_2", "what an interval tells of the second next, in any way", _NO_ORDER, "bound to the second before"
    ),
    Feature("after_pause", "haste after a long pause", "quick after a pause", "slow after a pause"),
)

_ORDER_CODES = 6
_THIRDS = 3


def measure(given: Intervals) -> list[F32]:
    """(n,) each of ``FEATURES``, in their order.

    Memory at a lag: Goh & Barabási 2008, EPL 81, 48002, on logarithms. Steadiness: von Neumann's ratio with absolute
    differences, 1 for independent values. Pattern entropy: Bandt & Pompe 2002, order 3.
    """
    x = given.calm
    rank = given.rank
    lags = {lag: correlation(x[:, :-lag], x[:, lag:]) for lag in (1, 2, 3, 5)}
    rank_lags = [_lag(rank, lag) for lag in range(1, min(11, given.count // 2))]
    away = np.abs(x - given.middle[:, None])
    expected = expected_step(given.ordered)
    return [
        *lags.values(),
        reduce(np.add, rank_lags),
        reduce(np.add, rank_lags[:3]),
        *(ratio(np.abs(given.x[:, lag:] - given.x[:, :-lag]).mean(axis=1), expected) for lag in (1, 2, 5)),
        _turning_points(given.x),
        _side_changes(given),
        _mood(rank, 5),
        _mood(rank, 10),
        correlation(away[:, :-1], away[:, 1:]),
        pattern_entropy(given.x),
        correlation(rank, np.broadcast_to(np.linspace(-1, 1, given.count, dtype=np.float32), rank.shape)),
        *(_foretold(rank, share) for share in (0.5, 0.2, 0.07)),
        _foretold(np.abs(rank) - np.abs(rank).mean(axis=1, keepdims=True), 0.2),
        *(_bond(rank, lag) for lag in (1, 2)),
        _after_pause(rank),
    ]


def _foretold(values: F32, share: float) -> F32:
    """Correlation of each value with the running mean of those before; ``share`` is the newest one's weight."""
    running = lfilter([share], [1, share - 1], values, axis=1).astype(np.float32)
    return correlation(running[:, 2:-1], values[:, 3:])


def _bond(rank: F32, lag: int) -> F32:
    """Mutual information of thirds at a lag, less what chance gives (Miller & Madow), in nats."""
    third = np.minimum((rank + 1) * (_THIRDS / 2), _THIRDS - 1).astype(np.int64)
    before, after = third[:, :-lag], third[:, lag:]
    together = entropy(frequencies(before * _THIRDS + after, _THIRDS**2))
    chance = (_THIRDS - 1) ** 2 / (2 * before.shape[1])
    alone = entropy(frequencies(before, _THIRDS)) + entropy(frequencies(after, _THIRDS))
    return alone - together - np.float32(chance)


def _variance_of_ranks(count: int) -> float:
    """Of so many values spread evenly over -1..1."""
    return (count + 1) / (3 * (count - 1))


def _lag(rank: F32, lag: int) -> F32:
    """Correlation of ranks at a lag; ranks have one known mean and variance."""
    alike: F32 = np.einsum("ij,ij->i", rank[:, :-lag], rank[:, lag:]) / np.float32(
        rank.shape[1] * _variance_of_ranks(rank.shape[1])
    )
    return alike


def expected_step(ordered: F32) -> F32:
    """(n,) Gini's mean difference: the mean step if these values, given in ascending order, came in random order."""
    count = ordered.shape[1]
    weights = (2 * np.arange(1, count + 1) - count - 1).astype(np.float32) * np.float32(2 / (count * (count - 1)))
    step: F32 = np.einsum("ij,j->i", ordered, weights)  # not BLAS: a row's sum must not depend on its batch
    return step


def _turning_points(x: F32) -> F32:
    rising = np.diff(x, axis=1) > 0
    turned: F32 = np.mean(rising[:, 1:] != rising[:, :-1], axis=1, dtype=np.float32)
    return turned


def _side_changes(given: Intervals) -> F32:
    above = given.x > given.middle[:, None]
    changed: F32 = np.mean(above[:, 1:] != above[:, :-1], axis=1, dtype=np.float32)
    return changed


def _mood(rank: F32, width: int) -> F32:
    """Variance of block means against that of independent values; 1 for no memory."""
    blocks = rank.shape[1] // width
    if blocks < 2:
        return np.full(len(rank), np.nan, np.float32)
    means = reduce(np.add, (rank[:, place : blocks * width : width] for place in range(width))) / np.float32(width)
    moods: F32 = means.var(axis=1, ddof=1) / np.float32(_variance_of_ranks(rank.shape[1]) / width)
    return moods


def pattern_entropy(x: F32) -> F32:
    """(n,) permutation entropy of order 3, 0..1."""
    a, b, c = x[:, :-2], x[:, 1:-1], x[:, 2:]
    code = (a < b).astype(np.int64) * 4 + (b < c) * 2 + (a < c)
    counts = frequencies(code, 8)
    return entropy(counts) / np.float32(np.log(_ORDER_CODES))


def frequencies(code: I64, codes: int) -> F32:
    """(n, codes) how often each code occurs in each row."""
    rows = len(code)
    flat = (code + np.arange(rows)[:, None] * codes).ravel()
    return np.bincount(flat, minlength=rows * codes).reshape(rows, codes).astype(np.float32)


def entropy(counts: F32) -> F32:
    """(n,) Shannon entropy of rows of counts, in nats."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    nats: F32 = -np.sum(share * np.log(np.maximum(share, np.float32(1e-12))), axis=1)
    return nats


def _after_pause(rank: F32) -> F32:
    """Mean rank of what follows the longest tenth."""
    long = rank[:, :-1] > 0.8
    after: F32 = (rank[:, 1:] * long).sum(axis=1) / np.maximum(long.sum(axis=1), 1).astype(np.float32)
    return after
