"""Everything that is found out about a batch of windows, in one call. Verdicts are drawn from it by ``fusion``."""

from dataclasses import dataclass

import numpy as np

from scoreboard_anticheat_ml.detectors import changepoint, rules
from scoreboard_anticheat_ml.detectors.synchrony import HARD_Z
from scoreboard_anticheat_ml.features import extract, first
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.segments import segments
from scoreboard_anticheat_ml.sequences import F32, F64, I64, Bools
from scoreboard_anticheat_ml.thresholds import length_class
from scoreboard_anticheat_ml.windows import Windows

_CERTAIN = 6.0  # log odds; above every threshold, yet among the model's own highest: a proof may be a mistake, too
_TIE = 0.05  # of the raw score orders what is proven


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """(n,) one entry for each window.

    Attributes:
        score: To order by; higher is more suspicious. The model's, or more where a rule is broken or players act
            together.
        raw: The model's score alone.
        probability: Calibrated, of the model alone.
        novelty: Above 1 is unlike 99 % of honest windows.
        rules: Bits of ``rules.RULES``.
        synchrony: z of the player's likeliest partner.
        changed: Whether the window changes from a person's rhythm to a program's.
        limits: (n, 3) thresholds for it in the window's segment, in rising order.
        segment: See ``segments``.
        features: (n, F).
    """

    score: F64
    raw: F64
    probability: F64
    novelty: F64
    rules: I64
    synchrony: F32
    changed: Bools
    limits: F64
    segment: I64
    features: F32

    @property
    def level(self) -> I64:
        """(n,) how many thresholds the model's score passes, 0..3."""
        return self.levels()

    def levels(self, shift: float = 0.0) -> I64:
        """(n,) how many thresholds the model's score passes, 0..3; ``shift`` is added to them."""
        passed: I64 = (self.raw[:, None] > self.limits + shift).sum(axis=1)
        return passed


def assess(windows: Windows, model: Model, synchrony: F32 | None = None) -> Assessment:
    """Measure and judge windows of one length.

    Args:
        windows: What to assess.
        model: Trained on the features of this version.
        synchrony: (n,) z of each window's player, from ``detectors.synchrony``; unknown when left out.
    """
    features = extract(windows)
    raw = model.score(features, windows.length)
    bits = rules.check(windows)
    z = np.zeros(len(windows), np.float32) if synchrony is None else synchrony
    segment = segments(windows)
    return Assessment(
        score=_ranked(raw, bits, z),
        raw=raw,
        probability=model.probability(raw, windows.length),
        novelty=model.novelty(features, windows.length),
        rules=bits,
        synchrony=z,
        changed=changepoint.found(features),
        limits=model.thresholds.limits(windows.length, segment),
        segment=segment,
        features=features,
    )


def screen(windows: Windows, model: Model) -> Bools:
    """The first tier: (n,) which windows are worth ``assess``; the others it would hardly ever flag.

    Costs a twentieth of the whole. Hard rules are looked at here, too; a player who is watched needs no first tier.
    """
    quick = model.first.decision_function(first.measure(windows))
    worth: Bools = (quick >= model.first_limits[length_class(windows.length)]) | (rules.check(windows) > 0)
    return worth


def _ranked(raw: F64, bits: I64, z: F32) -> F64:
    """One order: by the model, and what a rule or a ring proves at ``_CERTAIN`` or above."""
    proven = (bits > 0) | (z >= HARD_Z)
    return np.where(proven, np.maximum(raw, _CERTAIN + _TIE * raw), raw)
