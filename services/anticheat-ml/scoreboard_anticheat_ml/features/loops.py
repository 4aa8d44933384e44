"""Repetition: recordings played again, timers, round numbers, waves."""

import numpy as np

from scoreboard_anticheat_ml.features.catalogue import Feature
from scoreboard_anticheat_ml.features.intervals import Intervals
from scoreboard_anticheat_ml.features.memory import entropy, frequencies
from scoreboard_anticheat_ml.features.statistics import quantile
from scoreboard_anticheat_ml.sequences import F32

TICKS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0, 60.0)
_SYMBOLS = 5
_LIKE = 0.05
_LEAST = np.float32(1e-4)

FEATURES = (
    Feature("loop", "step to the best repetition against the whole spread", "repeats a recording", "no repetition"),
    Feature("loop_share", "share of intervals that repeat at the best lag", "no repetition", "repeats a recording"),
    Feature("loop_stands_out", "how far the best repetition stands out", "no repetition", "repeats a recording"),
    Feature("round_numbers", "closeness to whole ticks of a clock", "no timer", "a coarse timer"),
    Feature("round_share", "share on whole ticks of a clock beyond chance", "no timer", "a coarse timer"),
    Feature("wave", "strength of the strongest wave", "no wave", "speeds up and slows down on a schedule"),
    Feature("slow_share", "share of slow waves", "no moods", "one long wave"),
    Feature("quick_share", "share of the quickest waves", "smooth", "zigzag"),
    Feature("conditional_entropy", "what the last intervals leave open of the next", "predictable", "by lot"),
)


def measure(given: Intervals) -> list[F32]:
    """(n,) each of ``FEATURES``, in their order."""
    return [*_loops(given), *_ticks(given), *_waves(given), conditional_entropy(given)]


def _loops(given: Intervals) -> list[F32]:
    """Every lag from 2 to what still leaves a third of the window to compare."""
    x = given.calm
    lags = range(2, max(3, given.count * 2 // 3))
    spread = np.maximum(x.std(axis=1), 1e-3)
    steps = np.empty((len(lags), len(x)), np.float32)
    alike = np.empty((len(lags), len(x)), np.float32)
    for place, lag in enumerate(lags):
        step = np.abs(x[:, lag:] - x[:, :-lag])
        chance = np.float32(1 - 1 / np.sqrt(step.shape[1]))  # fewer comparisons are luckier
        steps[place] = step.mean(axis=1) / chance
        alike[place] = (step < _LIKE).mean(axis=1) * chance
    best, usual = steps.min(axis=0), np.median(steps, axis=0)
    return [best / spread, alike.max(axis=0) - np.median(alike, axis=0), np.log((usual + _LEAST) / (best + _LEAST))]


def _ticks(given: Intervals) -> list[F32]:
    """The strongest tick; one that is no finer than the intervals' own spread cannot be told from it."""
    dt = given.dt
    quarter, half, three = (np.exp(quantile(given.ordered, share)) for share in (0.25, 0.5, 0.75))
    fine = (three - quarter) / 2
    closeness = np.zeros(len(dt), np.float32)
    share = np.zeros(len(dt), np.float32)
    for tick in TICKS_S:
        usable = (tick <= fine) & (tick >= half / 2000)
        if not usable.any():
            continue
        steps = dt[usable] / np.float32(tick)
        off = np.abs(steps - np.round(steps))
        closeness[usable] = np.maximum(closeness[usable], 1 - 4 * off.mean(axis=1))
        share[usable] = np.maximum(share[usable], (off < _LIKE).mean(axis=1) - 2 * _LIKE)
    return [closeness, share]


def _waves(given: Intervals) -> list[F32]:
    rank = given.rank
    power = np.abs(np.fft.rfft(rank, axis=1)[:, 1:]).astype(np.float32) ** 2
    total = np.maximum(power.sum(axis=1), 1e-6)
    slow, quick = max(1, power.shape[1] // 20), max(1, power.shape[1] // 4)
    return [power.max(axis=1) / total, power[:, :slow].sum(axis=1) / total, power[:, -quick:].sum(axis=1) / total]


def conditional_entropy(given: Intervals) -> F32:
    """(n,) corrected conditional entropy: Porta et al. 1998, Biol. Cybern. 78, 71; five symbols of equal frequency."""
    symbol = np.minimum((given.rank + 1) * np.float32(_SYMBOLS / 2), _SYMBOLS - 1).astype(np.int64)
    before = entropy(frequencies(symbol, _SYMBOLS))
    first, least = before, before
    word = symbol
    for length in (2, 3):
        word = word[:, :-1] * _SYMBOLS + symbol[:, length - 1 :]
        counts = frequencies(word, _SYMBOLS**length)
        together = entropy(counts)
        alone = (counts == 1).sum(axis=1) / word.shape[1]
        least = np.minimum(least, together - before + alone * first)
        before = together
    return (least / np.maximum(first, 1e-6)).astype(np.float32)
