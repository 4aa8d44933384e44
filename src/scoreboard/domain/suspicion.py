"""How suspicious a player is: signals add up, time takes them away again.

Suspicion lies between 0 and 1. A signal of weight w moves it from s to 1 - (1 - s)(1 - w), as independent pieces of
evidence do (noisy or), so it never passes 1. It halves in a half-life without new signals.
"""

import math
from enum import StrEnum

from scoreboard.domain.errors import ErrorCode, Refusal


class Signal(StrEnum):
    """One measured oddity that a refused request tells of."""

    IMPOSSIBLE_POINTS = "impossible_points"
    IMPOSSIBLY_FAST = "impossibly_fast"
    ANOTHER_PLAYERS_ACTION = "another_players_action"
    SPENT_TOKEN = "spent_token"  # noqa: S105 - a name, not a secret


_SIGNALS = {
    ErrorCode.INVALID_SCORE: Signal.IMPOSSIBLE_POINTS,
    ErrorCode.ACTION_TOO_EARLY: Signal.IMPOSSIBLY_FAST,
    ErrorCode.UNAUTHORIZED: Signal.ANOTHER_PLAYERS_ACTION,
    ErrorCode.TOKEN_ALREADY_USED: Signal.SPENT_TOKEN,
}
_WEIGHTS = {
    Signal.IMPOSSIBLE_POINTS: 0.3,
    Signal.IMPOSSIBLY_FAST: 0.3,
    Signal.ANOTHER_PLAYERS_ACTION: 0.3,
    Signal.SPENT_TOKEN: 0.15,
}
"""Nine impossible results within a few minutes reach the default threshold of a suspension: 1 - 0.7^9 = 0.96."""
_CLOCK_S = 0.25
"""Too early by less than this is a countdown on a clock that runs a little fast, not a script."""


def signal_of(refusal: Refusal) -> Signal | None:
    """What a refusal tells about who was refused; None for what happens to honest players every day."""
    signal = _SIGNALS.get(refusal.code)
    if signal is Signal.IMPOSSIBLY_FAST and (refusal.retry_after or 0) < _CLOCK_S:
        return None
    return signal


def weight_of(signal: Signal) -> float:
    """How much a signal adds to the suspicion of somebody who was not suspected before."""
    return _WEIGHTS[signal]


def grown(suspicion: float, seconds: float, weight: float, half_life: float) -> float:
    """The suspicion after a signal of this weight, so many seconds after the one before."""
    left = suspicion * math.pow(0.5, max(seconds, 0) / half_life)
    return 1 - (1 - left) * (1 - weight)
