"""Segments: groups of players whose honest scores differ by nature, so that each gets thresholds of its own."""

import numpy as np

from scoreboard_anticheat_ml.sequences import I64
from scoreboard_anticheat_ml.windows import Windows

TEMPO_EDGES_S = (1.0, 5.0, 30.0, 600.0)
TEMPO_WORDS = ("several a second", "seconds apart", "up to half a minute apart", "minutes apart", "slower")
KIND_WORDS = ("one kind", "several kinds")
SEGMENTS = len(TEMPO_WORDS) * len(KIND_WORDS)


def segments(windows: Windows) -> I64:
    """(n,) the segment of each window, 0..``SEGMENTS``-1: its tempo by the median interval, and whether kinds vary."""
    median = np.median(np.diff(windows.t, axis=1), axis=1)
    several = (windows.kind != windows.kind[:, :1]).any(axis=1)
    place: I64 = np.searchsorted(TEMPO_EDGES_S, median, side="right") * len(KIND_WORDS) + several
    return place


def words(segment: int) -> str:
    """What a segment is, for people."""
    return f"{TEMPO_WORDS[segment // len(KIND_WORDS)]}, {KIND_WORDS[segment % len(KIND_WORDS)]}"
