"""The clock that a platform's times were read from: what is finer than it cannot be known and must not be judged."""

from itertools import islice

import numpy as np

from scoreboard_anticheat_ml.sequences import F64, I64, Bools, Sequences

CLOCKS_S = (1.0, 0.0625)  # whole seconds; sixteenths, the tick of some game engines
_SHARED_BY = 0.05  # one account alone on a clock is a script's timer; a twentieth of all accounts share a platform's
_SHARED_BY_PLAYERS = 3  # in a small file one script is a twentieth: so many have to share it that are no clockwork
_CLOCKWORK = 0.9  # of the intervals are the same: a timer's, whatever clock it was read from
_SLACK_S = 2e-6  # what is left of a whole number after sums in floating point


def clock_of(sequences: Sequences) -> F64:
    """The resolution of each sequence in seconds; 0 where the times are finer than any clock known here.

    A clock counts only if many sequences share it, and several of them (all, where there are fewer than three) do more
    than repeat one interval: a script that acts on whole seconds says nothing about the platform's clock.

    Returns:
        (n,) seconds.
    """
    found = np.zeros(len(sequences))
    for clock in CLOCKS_S:
        steps = sequences.t / clock
        off_clock = np.abs(steps - np.round(steps)) * clock > _SLACK_S
        strays = np.concatenate([[0], np.cumsum(off_clock)])
        on_clock = (strays[sequences.off[1:]] == strays[sequences.off[:-1]]) & (sequences.lengths() > 1) & (found == 0)
        if np.mean(on_clock) >= _SHARED_BY and _is_shared(sequences, on_clock, clock):
            found[on_clock] = clock
    return found


def _is_shared(sequences: Sequences, on_clock: Bools, clock: float) -> bool:
    """Whether enough sequences on this clock are no clockwork."""
    wanted = min(_SHARED_BY_PLAYERS, len(sequences))
    varied = (not _is_clockwork(sequences.t[sequences.of(int(index))], clock) for index in np.flatnonzero(on_clock))
    return len(list(islice(filter(None, varied), wanted))) == wanted


def _is_clockwork(t: F64, clock: float) -> bool:
    _, counts = np.unique(np.round(np.diff(t) / clock), return_counts=True)
    return bool(counts.max() >= _CLOCKWORK * (len(t) - 1))


def dithered(sequences: Sequences, *, seed: int = 0) -> F64:
    """The moments with uniform noise of one step of the clock on them, in order again within each sequence.

    The noise depends on the seed and the place in the file only: the same file gives the same scores.

    Returns:
        (events,) seconds.
    """
    steps = np.repeat(clock_of(sequences), sequences.lengths())
    if not steps.any():
        return sequences.t
    noisy = sequences.t + steps * np.random.default_rng(seed).random(len(sequences.t))
    owner: I64 = np.repeat(np.arange(len(sequences)), sequences.lengths())
    in_order: F64 = noisy[np.lexsort((noisy, owner))]
    return in_order
