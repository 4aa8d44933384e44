"""What is measured on a window: scale-free numbers that separate people from programs whatever their tempo.

- ``intervals``: the intervals of a batch, prepared once; ``statistics``: row-wise arithmetic.
- ``spread``, ``memory``, ``phases``, ``loops``: what the timing shows; ``conduct``: everything beside it.
- ``first``: a few cheap numbers for the first tier.
- ``catalogue``: what a feature is.
"""

import numpy as np

from scoreboard_anticheat_ml.features import conduct, loops, memory, phases, spread
from scoreboard_anticheat_ml.features.catalogue import Feature, schema_hash
from scoreboard_anticheat_ml.features.intervals import Intervals
from scoreboard_anticheat_ml.sequences import F32
from scoreboard_anticheat_ml.windows import Windows

FEATURES: tuple[Feature, ...] = (
    *spread.FEATURES,
    *memory.FEATURES,
    *phases.FEATURES,
    *loops.FEATURES,
    *conduct.FEATURES,
)
NAMES = tuple(feature.name for feature in FEATURES)
SCHEMA_HASH = schema_hash(FEATURES)


def extract(windows: Windows) -> F32:
    """Measure everything.

    Returns:
        (n, F) in the order of ``FEATURES``; NaN where a number cannot be known for a window.
    """
    given = Intervals.between(windows.t)
    columns = [
        *spread.measure(given),
        *memory.measure(given),
        *phases.measure(given),
        *loops.measure(given),
        *conduct.measure(windows, given.rank),
    ]
    return np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")
