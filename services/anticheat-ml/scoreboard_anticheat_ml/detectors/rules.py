"""Hard rules: what a person cannot do. Each holds by itself, without a model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scoreboard_anticheat_ml.features.conduct import lateness
from scoreboard_anticheat_ml.features.spread import tightest
from scoreboard_anticheat_ml.sequences import F32, I64, Bools
from scoreboard_anticheat_ml.windows import Windows

_METRONOME_SHARE = 0.9
_METRONOME_WIDTH = 0.02  # of the interval; a trained drummer scatters by 2 to 4 % about a beat that is played to him
_METRONOME_S = 0.004
SLEEPLESS_S = 48 * 3600.0  # nobody acts every four hours for two days and nights
_SNIPED_S = 0.25  # the quickest reaction to a sign that one sees, again and again
_SNIPED_SHARE = 0.8
_FINISHED_SHARE = 0.8
_FINISHED_S = 0.06
_OVERREACHES = 2
_FEWEST = 12


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a person cannot do.

    Attributes:
        name: Stable.
        words: What was seen, for a moderator.
        broken: (n,) which windows show it.
    """

    name: str
    words: str
    broken: Callable[[Windows], Bools]


def _metronome(given: Windows) -> Bools:
    dt = np.sort(np.diff(given.t, axis=1), axis=1)
    width = tightest(dt.astype(np.float32), _METRONOME_SHARE)
    middle = dt[:, dt.shape[1] // 2]
    found: Bools = (middle > 0) & (width <= np.maximum(_METRONOME_WIDTH * middle, _METRONOME_S))
    return found & (middle > 5 * _METRONOME_S)


def _sleepless(given: Windows) -> Bools:
    found: Bools = given.awake >= SLEEPLESS_S
    return found


def _sniper(given: Windows) -> Bools:
    late = lateness(given)
    known = np.isfinite(late).sum(axis=1)
    sniped = ((late < _SNIPED_S) & (late > -_SNIPED_S)).sum(axis=1)
    found: Bools = (known >= _FEWEST) & (sniped >= _SNIPED_SHARE * known)
    return found


def _instant(given: Windows) -> Bools:
    known = np.isfinite(given.age) & (given.age > 0)
    counts = known.sum(axis=1)
    rows = np.flatnonzero(counts >= _FEWEST)
    found = np.zeros(len(given), bool)
    if len(rows):
        ordered = np.sort(np.where(known, given.age, np.inf)[rows], axis=1)
        found[rows] = _narrow(ordered, counts[rows])
    return found


def _narrow(ordered: F32, counts: I64) -> Bools:
    """Whether most known values lie in one narrow range, for any number of values."""
    within = np.ceil(_FINISHED_SHARE * counts).astype(np.int64)
    above = np.arange(ordered.shape[1])[None, :] + within[:, None] - 1
    reachable = above < counts[:, None]
    top = np.take_along_axis(ordered, np.minimum(above, ordered.shape[1] - 1), axis=1)
    with np.errstate(invalid="ignore"):
        found: Bools = (reachable & (top - ordered <= _FINISHED_S)).any(axis=1)
    return found


def _overreach(given: Windows) -> Bools:
    with np.errstate(invalid="ignore"):
        found: Bools = (given.share > 1 + 1e-4).sum(axis=1) >= _OVERREACHES
    return found


RULES = (
    Rule("metronome", "nine of ten intervals are the same to within 2 %", _metronome),
    Rule("sleepless", "has not rested for four hours in two days and nights", _sleepless),
    Rule("sniper", "takes what has a cooldown within a quarter of a second of its end, again and again", _sniper),
    Rule("instant", "finishes every action after the same time, to within a twentieth of a second", _instant),
    Rule("overreach", "claims more points than the action can give", _overreach),
)


def check(given: Windows) -> I64:
    """(n,) bits: the rule at place k of ``RULES`` is broken where bit k is set."""
    bits = np.zeros(len(given), np.int64)
    for place, rule in enumerate(RULES):
        bits |= rule.broken(given).astype(np.int64) << place
    return bits


def broken(bits: int) -> list[Rule]:
    """The rules that these bits stand for."""
    return [rule for place, rule in enumerate(RULES) if bits >> place & 1]
