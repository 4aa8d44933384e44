"""Whether today's play still looks like that on which the model was trained: what it measured of late, in numbers."""

from collections import deque
from collections.abc import Iterable

import numpy as np

from scoreboard_anticheat_ml.features import NAMES
from scoreboard_anticheat_ml.judging import Measured
from scoreboard_anticheat_ml.reference import SHARES, Reference
from scoreboard_anticheat_ml.sequences import F32, F64
from scoreboard_anticheat_ml.thresholds import length_class

_WINDOWS = 5_000
_FEWEST = 200
_FLOOR = 1e-3  # an empty class would make the index infinite
_EDGES = tuple(SHARES.index(share) for share in (0.1, 0.25, 0.5, 0.75, 0.9))
_QUANTILES = (0.5, 0.9, 0.99, 0.999)


class Drift:
    """The latest windows of the model in use. Another model begins anew."""

    def __init__(self) -> None:
        self._model_id = ""
        self._measured: deque[Measured] = deque(maxlen=_WINDOWS)

    def add(self, model_id: str, measured: Iterable[Measured]) -> None:
        """Remember what a model measured."""
        if model_id != self._model_id:
            self._model_id = model_id
            self._measured.clear()
        self._measured.extend(measured)

    def __len__(self) -> int:
        return len(self._measured)

    def index(self, reference: Reference) -> dict[str, float]:
        """Population stability index of each feature against honest people; {} while too little was seen.

        The sum over six classes of (share - expected) * ln(share / expected), the classes being cut at honest people's
        quantiles for the length of each window. Below 0.1 nothing has changed, above 0.25 the model should be trained
        again (Siddiqi 2006). Features that are known for too few windows are left out.
        """
        if len(self._measured) < _FEWEST:
            return {}
        features: F32 = np.stack([window.features for window in self._measured])
        lengths = np.array([length_class(window.length) for window in self._measured])
        found = {}
        for column, name in enumerate(NAMES):
            psi = _psi(features[:, column], reference.quantiles[lengths, :, column][:, _EDGES])
            if psi is not None:
                found[name] = psi
        return found

    def scores(self) -> dict[str, float]:
        """Quantiles of the latest raw scores; {} while too little was seen."""
        if len(self._measured) < _FEWEST:
            return {}
        scores = np.array([window.score for window in self._measured])
        return {f"{share:g}": float(np.quantile(scores, share)) for share in _QUANTILES}


def _psi(values: F32, edges: F64) -> float | None:
    """(n,) values, (n, 5) honest quantiles for each. None where too few are known."""
    known = np.isfinite(values) & np.isfinite(edges).all(axis=1)
    if known.sum() < _FEWEST:
        return None
    values, edges = values[known, None], edges[known]
    expected = np.diff([0.0, *(SHARES[place] for place in _EDGES), 1.0])
    # A value that many people share can be the edge of several classes: it counts in each by what is expected there.
    first, last = (values > edges).sum(axis=1), (values >= edges).sum(axis=1)
    classes = np.arange(len(expected))
    weight = np.where((classes >= first[:, None]) & (classes <= last[:, None]), expected, 0.0)
    share = np.maximum((weight / weight.sum(axis=1, keepdims=True)).mean(axis=0), _FLOOR)
    return float(((share - expected) * np.log(share / expected)).sum())
