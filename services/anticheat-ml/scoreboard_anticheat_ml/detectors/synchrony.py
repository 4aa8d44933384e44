"""Accounts that act together: one operator, several players. Seen across accounts only; alone each may look honest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scoreboard_anticheat_ml.sequences import F32, F64, I64

HARD_Z = 8.0  # chance does this once in 10^15; what people share (a match, an hour of day) is in the comparison already
_WIDTHS_S = (0.05, 0.15, 0.5, 2.0, 8.0)
_WIDTHS_IN_TEMPO = 1.5  # a width serves players whose median interval is at least so many of it
_CROWD = 24  # a moment with more players in it says nothing about any two of them
_HITS = 3
_PARTNERS = 4
_FEWEST = 10
_SHARE = 0.25
_SAME_S = 0.005
_SAME_SHARE = 0.5
_COPY_S = 0.0625  # the step of a coarse clock: two copies of a recording, each smeared, are no further apart
_COPY_SHARE = 0.99
_CLOCKWORK = 0.1  # of the median interval
_SHIFTS = np.array([-23, -19, -17, -13, -11, -9, -7, -5, 5, 7, 9, 11, 13, 17, 19, 23])  # widths; primes avoid a beat


@dataclass(frozen=True, slots=True, eq=False)
class Synchrony:
    """(players,) what was found for each player.

    Attributes:
        z: How far the common moments with the second likeliest partner exceed chance, in standard deviations; 0 for
            nobody. Two accounts alone may be one recording under two names; a ring has at least three.
        partner: The likeliest partner; -1 for nobody.
        matches: Number of common moments with them.
        ring: Everybody with whom a player acts together beyond ``HARD_Z``, the likeliest first, and the number of
            common moments with each; at most ``_PARTNERS`` for each width.
    """

    z: F32
    partner: I64
    matches: I64
    ring: tuple[tuple[tuple[int, int], ...], ...]


def find(t: F64, player: I64, players: int) -> Synchrony:
    """Look for players who act at the same moments.

    Candidates share a bucket of time and of the interval that follows, several times. For each pair the matches within
    the bucket's width are compared with those after shifting one of them by a few widths: a common evening or match
    makes shifted matches, too, so that only common moments count.

    Args:
        t: (e,) moments in unix seconds, in any order.
        player: (e,) whose they are, 0..players-1.
        players: How many there are.
    """
    order = np.lexsort((t, player))
    t, player = t[order], player[order]
    starts = np.searchsorted(player, np.arange(players + 1))
    tempo = np.array([_tempo(t[a:b]) for a, b in _pairs_of(starts)])
    partners: list[dict[int, tuple[float, int]]] = [{} for _ in range(players)]
    for width in _WIDTHS_S:
        for one, other in _candidates(t, player, starts, tempo, width):
            compared = _compared(t[starts[one] : starts[one + 1]], t[starts[other] : starts[other + 1]], width)
            partners[one][other] = max(compared, partners[one].get(other, compared))
            partners[other][one] = max(compared, partners[other].get(one, compared))
    return _summary(partners)


def _summary(partners: Sequence[Mapping[int, tuple[float, int]]]) -> Synchrony:
    """From each player's partners, with z and matches."""
    players = len(partners)
    z, partner, matches = np.zeros(players, np.float32), np.full(players, -1), np.zeros(players, np.int64)
    rings: list[tuple[tuple[int, int], ...]] = []
    for who, theirs in enumerate(partners):
        ranked = sorted(theirs.items(), key=lambda each: each[1], reverse=True)
        if ranked:
            partner[who], (_, matches[who]) = ranked[0]
        if len(ranked) > 1:
            z[who] = ranked[1][1][0]
        rings.append(tuple((other, common) for other, (sure, common) in ranked if sure >= HARD_Z))
    return Synchrony(z, partner, matches, tuple(rings))


def _tempo(t: F64) -> float:
    """The median interval; 0, which no width serves, for too few events and for clockwork.

    Clocks of one period meet at all moments or at none, which says nothing, and they are found without a partner.
    """
    if len(t) <= _FEWEST:
        return 0.0
    low, middle, high = np.quantile(np.diff(t), (0.25, 0.5, 0.75))
    return float(middle) if high - low > _CLOCKWORK * middle else 0.0


def _pairs_of(starts: I64) -> list[tuple[int, int]]:
    return list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))


def _candidates(t: F64, player: I64, starts: I64, tempo: F64, width: float) -> list[tuple[int, int]]:
    """Pairs that share enough buckets; at most a few for each player, the likeliest."""
    following = np.append(np.diff(t), np.inf)
    following[starts[1:][starts[1:] > 0] - 1] = np.inf
    usable = np.flatnonzero((tempo[player] >= _WIDTHS_IN_TEMPO * width) & np.isfinite(following))
    if not len(usable):
        return []
    bucket = np.floor((t[usable] - t[usable].min()) / width).astype(np.int64)
    gap = np.minimum(np.log1p(following[usable] / width) * 4, 255).astype(np.int64)
    hits = _shared(bucket * 256 + gap, player[usable])
    return _likeliest(*hits) if len(hits[0]) else []


def _shared(key: I64, player: I64) -> tuple[I64, I64, I64]:
    """(pairs,) first player, second player, number of keys that they share."""
    order = np.lexsort((player, key))
    key, player = key[order], player[order]
    fresh = np.append(True, (np.diff(key) != 0) | (np.diff(player) != 0))
    key, player = key[fresh], player[fresh]
    size = np.diff(np.append(np.flatnonzero(np.append(True, np.diff(key) != 0)), len(key)))
    crowded = np.repeat(size > _CROWD, size)
    key, player = key[~crowded], player[~crowded]
    codes = []
    for step in range(1, _CROWD):
        same = key[step:] == key[:-step]
        if not same.any():
            break
        codes.append(player[:-step][same] << 32 | player[step:][same])
    pairs, count = np.unique(np.concatenate(codes) if codes else np.zeros(0, np.int64), return_counts=True)
    enough = count >= _HITS
    return pairs[enough] >> 32, pairs[enough] & 0xFFFFFFFF, count[enough]


def _likeliest(one: I64, other: I64, count: I64) -> list[tuple[int, int]]:
    taken: dict[int, int] = {}
    chosen = []
    for place in np.argsort(-count, kind="stable").tolist():
        pair = int(one[place]), int(other[place])
        if min(taken.get(who, 0) for who in pair) < _PARTNERS:
            chosen.append(pair)
            for who in pair:
                taken[who] = taken.get(who, 0) + 1
    return chosen


def _compared(one: F64, other: F64, width: float) -> tuple[float, int]:
    """Z and matches of two players' moments where both were there."""
    start, stop = max(one[0], other[0]) - width, min(one[-1], other[-1]) + width
    one, other = (each[(each >= start) & (each <= stop)] for each in (one, other))
    if len(one) < _FEWEST or len(other) < _FEWEST:
        return 0.0, 0
    matches = _matches(one, other, width)
    if _is_copy(one, other, matches):
        return 0.0, matches
    if matches < max(_FEWEST, _SHARE * len(one)):
        return 0.0, matches
    shifted = np.array([_matches(one + shift * width, other, width) for shift in _SHIFTS])
    expected = shifted.mean()
    return float((matches - expected) / np.sqrt(max(shifted.var(), expected, 1.0))), matches


def _is_copy(one: F64, other: F64, matches: int) -> bool:
    """Whether this is one recording under two names: accounts of a ring never meet so closely time after time."""
    if _matches(one, other, 2 * _SAME_S) > _SAME_SHARE * matches:
        return True
    return _matches(one, other, 2 * _COPY_S) >= _COPY_SHARE * max(len(one), len(other))


def _matches(one: F64, other: F64, width: float) -> int:
    """How many of one's moments have one of the other's within half a width to either side."""
    place = np.searchsorted(other, one)
    before = np.abs(one - other[np.maximum(place - 1, 0)])
    after = np.abs(one - other[np.minimum(place, len(other) - 1)])
    return int((np.minimum(before, after) <= width / 2).sum())
