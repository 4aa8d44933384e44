"""A whole file of sequences, judged batch by batch: what ``score``, the detection card and the benchmark share."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scoreboard_anticheat_ml.assess import Assessment, assess
from scoreboard_anticheat_ml.detectors import synchrony
from scoreboard_anticheat_ml.fusion import Decision, PlayerState, Policy, judge
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.sequences import I64, Sequences
from scoreboard_anticheat_ml.windows import EVERY, Windows, cut


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Windows of one length, what was found in them, and the verdict of each."""

    windows: Windows
    assessment: Assessment
    decisions: list[Decision]


def judged(sequences: Sequences, model: Model, policy: Policy, *, every: int = EVERY) -> Iterator[Judged]:
    """Judge every scheduled window, equal lengths together, each player's in the order of their ends.

    Args:
        sequences: Everything that happened on one platform: its players' times are compared with each other.
        model: Scores.
        policy: Draws the verdicts.
        every: Events between two windows after the first fifty.
    """
    if not len(sequences.t):
        return
    owner: I64 = np.repeat(np.arange(len(sequences)), sequences.lengths())
    z = synchrony.find(sequences.t, owner, len(sequences)).z
    states: dict[int, PlayerState] = {}
    for windows in cut(sequences, every=every):
        found = assess(windows, model, z[windows.player])
        yield Judged(windows, found, judge(found, windows, policy, states))
