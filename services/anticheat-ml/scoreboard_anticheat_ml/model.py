"""The trained model: raw score, probability and novelty of measured windows. Fitted by ``training``."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest

from scoreboard_anticheat_ml.calibration import Calibration
from scoreboard_anticheat_ml.features import NAMES, SCHEMA_HASH, conduct
from scoreboard_anticheat_ml.reference import Reference
from scoreboard_anticheat_ml.sequences import F32, F64
from scoreboard_anticheat_ml.thresholds import Thresholds, length_class

TIMING = len(NAMES) - len(conduct.FEATURES)  # novelty looks at timing only: the rest differs from platform to platform


class ModelMismatch(ValueError):
    """These parts are not a model of this version; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Everything that scoring needs.

    Attributes:
        boosters: Gradient boosting, the same data with different seeds; their mean is the score.
        first: A small one over the cheap features: it lets most honest windows pass unread.
        first_limits: (lengths,) the first one's score from which a window is read in full.
        forest: What is unlike all honest windows seen in training.
        forest_limits: (lengths,) the forest's score that 1 % of honest windows exceed.
        calibration: From raw score to probability.
        thresholds: Scores that a given share of honest windows exceeds.
        reference: How honest people's features are distributed.
        model_id: Names this training; part of every verdict.
        facts: Seeds, data and figures, for the record.
    """

    boosters: tuple[HistGradientBoostingClassifier, ...]
    first: HistGradientBoostingClassifier
    first_limits: F64
    forest: IsolationForest
    forest_limits: F64
    calibration: Calibration
    thresholds: Thresholds
    reference: Reference
    model_id: str
    facts: dict[str, Any]

    def score(self, features: F32, length: int) -> F64:
        """(n,) raw scores (log odds) of (n, F) features of windows of one length; higher is more suspicious."""
        given = with_length(features, length)
        total = np.zeros(len(features))
        for booster in self.boosters:
            total += booster.decision_function(given)
        return total / len(self.boosters)

    def probability(self, score: F64, length: int) -> F64:
        """(n,) share of cheating windows among those of such a score, were half of all windows cheating."""
        return self.calibration.probability(score, length)

    def novelty(self, features: F32, length: int) -> F64:
        """(n,) how unlike honest windows; above 1 is beyond 99 % of them."""
        strange = -self.forest.score_samples(self.reference.filled(features)[:, :TIMING])
        found: F64 = strange / self.forest_limits[length_class(length)]
        return found

    def estimators(self) -> dict[str, Any]:
        """The scikit-learn objects, to be stored beside ``sidecar``."""
        return {"boosters": list(self.boosters), "first": self.first, "forest": self.forest}

    def sidecar(self) -> dict[str, Any]:
        """Everything else, as JSON."""
        return {
            "model_id": self.model_id,
            "schema_hash": SCHEMA_HASH,
            "features": list(NAMES),
            "first_limits": self.first_limits.tolist(),
            "forest_limits": self.forest_limits.tolist(),
            "calibration": self.calibration.as_json(),
            "thresholds": self.thresholds.as_json(),
            "reference": self.reference.as_json(),
            "facts": self.facts,
        }

    @classmethod
    def assemble(cls, estimators: dict[str, Any], sidecar: dict[str, Any]) -> Self:
        """A model from its stored parts.

        Raises:
            ModelMismatch: It measures other features, or a part is missing.
        """
        if sidecar.get("schema_hash") != SCHEMA_HASH:
            raise ModelMismatch("The model was trained on other features than this version measures. Train it again.")
        try:
            return cls(
                boosters=tuple(estimators["boosters"]),
                first=estimators["first"],
                first_limits=np.asarray(sidecar["first_limits"], float),
                forest=estimators["forest"],
                forest_limits=np.asarray(sidecar["forest_limits"], float),
                calibration=Calibration.from_json(sidecar["calibration"]),
                thresholds=Thresholds.from_json(sidecar["thresholds"]),
                reference=Reference.from_json(sidecar["reference"]),
                model_id=sidecar["model_id"],
                facts=sidecar["facts"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelMismatch(f"A part of the model is missing or has another form: {error}") from error


def with_length(features: F32, length: int) -> F32:
    """(n, F+1) the features and the length of their windows."""
    return np.column_stack([features, np.full(len(features), length, np.float32)])
