"""Every feature by name, with the words in which a moderator reads it."""

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Feature:
    """One number that is measured on a window.

    Attributes:
        name: Stable; models are trained against it.
        words: What it measures, for a moderator.
        low: What a value far below people's says.
        high: What a value far above people's says.
    """

    name: str
    words: str
    low: str
    high: str


def schema_hash(features: tuple[Feature, ...]) -> str:
    """Names and order as one value: a model fits features of the same hash only."""
    return sha256("\n".join(feature.name for feature in features).encode()).hexdigest()
