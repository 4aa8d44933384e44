"""A window in which a person stops and a program goes on: a sharp change, and clockwork on one side of it."""

import numpy as np

from scoreboard_anticheat_ml.features import NAMES
from scoreboard_anticheat_ml.sequences import F32, Bools

_STRENGTH, _CALMER, _SIDE = (NAMES.index(name) for name in ("break_point", "break_to_calm", "calmest_side"))
_STRONG = 0.35  # log likelihood ratio for an interval
_FAR_CALMER = 1.2  # the wild side varies more than three times as much
_CLOCKWORK = 0.16  # standard deviation of the logarithm on the calm side
WORDS = "the rhythm changes at one point from a person's to a program's"


def found(features: F32) -> Bools:
    """(n,) which measured windows change from a person's rhythm to a program's or back; see ``phases.split``."""
    with np.errstate(invalid="ignore"):
        sharp: Bools = (features[:, _STRENGTH] > _STRONG) & (features[:, _CALMER] > _FAR_CALMER)
        return sharp & (features[:, _SIDE] < _CLOCKWORK)
