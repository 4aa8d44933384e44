"""Why a window is suspicious, in words and numbers that a moderator can check."""

from dataclasses import dataclass

import numpy as np

from scoreboard_anticheat_ml.features import FEATURES
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.reference import HISTOGRAM_EDGES, histogram
from scoreboard_anticheat_ml.sequences import F32, F64

_LEAST = 0.05  # log odds; less than that is no reason


@dataclass(frozen=True, slots=True)
class Contribution:
    """One reason.

    Attributes:
        name: The feature.
        words: What was measured, and what the value says.
        value: The player's.
        human_median: Half of honest people have less.
        percentile: Share of honest people with less, 0..100.
        weight: How many points of raw score the window would lose if the player had the honest median here.
    """

    name: str
    words: str
    value: float
    human_median: float
    percentile: float
    weight: float

    def sentence(self) -> str:
        """For a moderator."""
        return f"{self.words} ({self.value:.3g}; half of people have less than {self.human_median:.3g})"


@dataclass(frozen=True, slots=True, eq=False)
class IntervalHistogram:
    """Shares of intervals around the own median; ``edges`` (k+1,) are factors, ``player`` and ``people`` (k,)."""

    edges: F64
    player: F64
    people: F64


def explain(model: Model, features: F32, length: int, *, top: int = 5) -> list[Contribution]:
    """The features that raise the score of one window most, the strongest first.

    A feature's weight is what the score loses when it alone takes the honest median.

    Args:
        model: What scored the window.
        features: (F,) of the window.
        length: Events in the window.
        top: How many at most.
    """
    return explain_all(model, features[None, :], length, top=top)[0]


def explain_all(model: Model, features: F32, length: int, *, top: int = 5) -> list[list[Contribution]]:
    """As ``explain`` for (n, F) windows of one length; one call costs far less than n."""
    count = features.shape[1]
    medians = model.reference.median(length).astype(np.float32)
    variants = np.repeat(features[:, None, :], count + 1, axis=1)
    places = np.arange(count)
    variants[:, places + 1, places] = np.where(np.isfinite(features), medians, np.nan)
    scores = model.score(variants.reshape(-1, count), length).reshape(-1, count + 1)
    weights = scores[:, :1] - scores[:, 1:]
    return [_strongest(model, row, length, own, top) for row, own in zip(features, weights, strict=True)]


def _strongest(model: Model, features: F32, length: int, weights: F64, top: int) -> list[Contribution]:
    chosen = [int(place) for place in np.argsort(-weights)[:top] if weights[place] > _LEAST]
    return [_contribution(model, features, place, length, float(weights[place])) for place in chosen]


def _contribution(model: Model, features: F32, place: int, length: int, weight: float) -> Contribution:
    value = float(features[place])
    median = float(model.reference.median(length)[place])
    feature = FEATURES[place]
    side = feature.low if value < median else feature.high
    percentile = model.reference.percentile(place, value, length)
    return Contribution(feature.name, f"{feature.words}: {side}", value, median, percentile, weight)


def compare(model: Model, t: F64) -> IntervalHistogram:
    """One window's intervals beside honest people's; ``t`` (W,) its moments."""
    return IntervalHistogram(np.exp(HISTOGRAM_EDGES), histogram(np.diff(t)), model.reference.intervals)
