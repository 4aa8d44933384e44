"""Row-wise statistics that several features need; every array is (n, M), one window a row."""

import numpy as np

from scoreboard_anticheat_ml.sequences import F32, F64

TINY = 1e-9


def ratio(above: F32, below: F32, *, least: float = 1e-6) -> F32:
    """A ratio that stays finite."""
    return (above / np.maximum(below, np.float32(least))).astype(np.float32)


def quantile(ordered: F32, share: float) -> F32:
    """(n,) a quantile of rows in ascending order, between neighbours as numpy's ``linear`` does."""
    place = share * (ordered.shape[1] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[1] - 1)
    part = np.float32(place - below)
    return ordered[:, below] * (1 - part) + ordered[:, above] * part


def correlation(values: F32, others: F32) -> F32:
    """(n,) Pearson's correlation by row; 0 where one side does not vary."""
    a = values - values.mean(axis=1, keepdims=True)
    b = others - others.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
    return np.where(spread > TINY, np.einsum("ij,ij->i", a, b) / np.maximum(spread, TINY), 0).astype(np.float32)


def rolling_sums(values: F32, width: int) -> F64:
    """(n, M-width+1) sums of ``width`` neighbours."""
    total = np.cumsum(values, axis=1, dtype=np.float64)
    sums: F64 = total[:, width - 1 :].copy()
    sums[:, 1:] -= total[:, :-width]
    return sums


def rolling_sd(values: F32, width: int) -> F32:
    """(n, M-width+1) standard deviation of ``width`` neighbours."""
    middle = rolling_sums(values, width) / width
    square = rolling_sums(values * values, width) / width
    return np.sqrt(np.maximum(square - middle * middle, 0)).astype(np.float32)


def ranks(values: F32) -> F32:
    """(n, M) ranks by row, spread evenly over -1..1."""
    order = np.argsort(values, axis=1)
    placed = np.empty(values.shape, np.float32)
    steps = np.linspace(-1, 1, values.shape[1], dtype=np.float32)
    np.put_along_axis(placed, order, np.broadcast_to(steps, values.shape), axis=1)
    return placed
