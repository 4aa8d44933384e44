"""How suspicious a player is: signals add up, time takes them away again, and the policy says what that leads to.

Suspicion lies between 0 and 1. A signal of weight w moves it from s to 1 - (1 - s)(1 - w), as independent pieces of
evidence do (noisy or), so it never passes 1. It halves in a half-life without new signals. ``domain/completion`` weighs
what is accepted, ``usecases/weigh_refusal`` what is refused; both on the row of the player that they have locked.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import Verdict
from scoreboard.domain.pace import noted_in, with_noted
from scoreboard.domain.policy import AntiCheatPolicy, verdict_at
from scoreboard.domain.signals import BIT, Measured, Signal, ceiling_of

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
_FORGOTTEN = 0.05
"""Below this nothing is suspected any more: what is seen next is noted as new."""


class Memory(NamedTuple):
    """What is remembered of a player: the row that every completion locks.

    ``suspicion`` is that of the moment ``at``; ``recent`` are the last completions (``domain/pace``). While ``holding``
    everything the player completes is held. ``cleared_signals`` weigh nothing until ``cleared_until``: a person looked
    at them and found nothing.
    """

    suspicion: float = 0.0
    at: datetime | None = None
    recent: bytes = b""
    holding: bool = False
    cleared_signals: tuple[str, ...] = ()
    cleared_until: datetime | None = None


class Weighed(NamedTuple):
    """What signals came to.

    ``verdict`` is what the policy says to the suspicion, in shadow mode too. ``counted`` are the signals that weighed
    something, ``news`` those that a reviewer should hear of: all where the verdict became graver, else what was not
    told before.
    """

    memory: Memory
    verdict: Verdict
    counted: tuple[Measured, ...] = ()
    news: tuple[Measured, ...] = ()


def signal_of(refusal: Refusal) -> Signal | None:
    """What a refusal tells about who was refused; None for what happens to honest players every day."""
    signal = _SIGNALS.get(refusal.code)
    if signal is Signal.IMPOSSIBLY_FAST and (refusal.retry_after or 0) < _CLOCK_S:
        return None
    return signal


def weight_of(signal: Signal) -> float:
    """How much the signal of a refused request adds to the suspicion of somebody who was not suspected before."""
    return _WEIGHTS[signal]


def faded(suspicion: float, seconds: float, half_life: float) -> float:
    """What is left of a suspicion after so many seconds without a signal."""
    return suspicion * math.pow(0.5, max(seconds, 0) / half_life)


def grown(suspicion: float, weight: float, ceiling: float = 1.0) -> float:
    """The suspicion after a signal of this weight, which does not lead above the ceiling by itself."""
    return max(suspicion, min(1 - (1 - suspicion) * (1 - weight), ceiling))


def weigh(memory: Memory, measured: Sequence[Measured], policy: AntiCheatPolicy, at: datetime) -> Weighed:
    """Add signals to a player's suspicion.

    Args:
        memory: before them; ``recent`` holds the completion that they tell of.
        measured: the signals.
        policy: the policy that counts here.
        at: the moment; one before the last counts as the same.
    """
    if not measured and not memory.suspicion:
        return Weighed(memory, Verdict.ALLOW)
    since = 0.0 if memory.at is None else (at - memory.at).total_seconds()
    before = faded(memory.suspicion, since, policy.half_life_s)
    cleared = memory.cleared_signals if memory.cleared_until is not None and at < memory.cleared_until else ()
    counted = tuple(one for one in measured if one.signal not in cleared)
    if not counted:
        return Weighed(memory, verdict_at(policy, before))
    after = before
    for one in counted:
        after = grown(after, one.weight, ceiling_of(one.signal))
    noted = noted_in(memory.recent) if before >= _FORGOTTEN else 0
    verdict = verdict_at(policy, after)
    if verdict is not verdict_at(policy, before):
        news = counted
    else:
        news = tuple(one for one in counted if not noted & BIT[one.signal])
    for one in counted:
        noted |= BIT[one.signal]
    changed = memory._replace(suspicion=after, at=at, recent=with_noted(memory.recent, noted))
    return Weighed(changed, verdict, counted, news)
