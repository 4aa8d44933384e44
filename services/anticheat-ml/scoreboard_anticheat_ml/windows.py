"""Windows over sequences: the last events of a player, many windows of one length in one batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from scoreboard_anticheat_ml.clock import dithered
from scoreboard_anticheat_ml.sequences import F32, F64, I16, I64, Bools, Sequences

LENGTHS = (20, 50, 100, 200)  # those with thresholds of their own; lengths between take the nearest shorter one's
LONGEST = LENGTHS[-1]
EVERY = 25
ROWS = 2048  # a batch of the longest windows then fits a processor's cache beside its features
REST_S = 4 * 3600.0  # the shortest night
_SAME_SHARE = 1e-6
_CLAIMED_BY = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """(n, W) arrays: the last W events of each of n players.

    Attributes:
        player: (n,) index of the sequence.
        end: (n,) how many events the player had when the window was cut.
        t: Moment of completion in unix seconds, ascending.
        age: Seconds from create to complete; NaN where unknown.
        share: Points as a share of the most that the kind gives; NaN where the kind's worth is fixed or unknown.
        kind: Kind of action.
        ok: Whether it succeeded.
        cooldown: Cooldown of the kind in seconds; 0 for none.
        awake: (n,) seconds from the end of the player's last rest (``REST_S`` without an event) to the window's
            end; what came before the first event counts as rest.
    """

    player: I64
    end: I64
    t: F64
    age: F32
    share: F32
    kind: I16
    ok: Bools
    cooldown: F32
    awake: F32

    def __len__(self) -> int:
        return len(self.player)

    @property
    def length(self) -> int:
        """W, the events in each window."""
        return int(self.t.shape[1])

    def take(self, rows: I64 | Bools | slice) -> "Windows":
        """These rows."""
        return Windows(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def stack(parts: Sequence[Windows]) -> Windows:
    """Several batches of the same length as one; at least one."""
    return Windows(**{field.name: np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Windows)})


def schedule(events: int, *, every: int = EVERY) -> list[tuple[int, int]]:
    """When a player with so many events was scored: (events seen, length of the window)."""
    ends = [end for end in (20, 50) if end <= events]
    ends.extend(range(50 + every, events + 1, every))
    return [(end, min(end, LONGEST)) for end in ends]


def claimed_share(sequences: Sequences) -> F32:
    """(events,) points as a share of the most possible; NaN where that says nothing.

    Somebody whose share of a kind never changes is known only where most players' shares of it do: anywhere else the
    kind is worth a fixed number of points, and everybody is always at the top.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(sequences.points_max > 0, sequences.points / sequences.points_max, np.nan).astype(np.float32)
    kinds, kind = np.unique(sequences.kind, return_inverse=True)
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths())
    place = owner * len(kinds) + kind
    top, bottom = np.full((2, len(sequences) * len(kinds)), np.nan)
    np.fmax.at(top, place, share)
    np.fmin.at(bottom, place, share)
    used = np.bincount(place, minlength=len(top)).reshape(-1, len(kinds)) > 0
    varies = (top - bottom > _SAME_SHARE).reshape(-1, len(kinds))
    claimed = varies.sum(axis=0) >= _CLAIMED_BY * used.sum(axis=0)
    share[~(varies | claimed).ravel()[place]] = np.nan
    return share


def awake(sequences: Sequences) -> F32:
    """(events,) seconds from the end of the player's last rest to each event."""
    fresh = np.diff(sequences.t, prepend=-np.inf) >= REST_S
    fresh[sequences.off[:-1][sequences.lengths() > 0]] = True
    began = sequences.t[np.maximum.accumulate(np.where(fresh, np.arange(len(fresh)), 0))]
    return (sequences.t - began).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Sequences with what windows need of every event."""

    sequences: Sequences
    t: F64
    share: F32
    awake: F32

    @classmethod
    def of(cls, sequences: Sequences) -> "Prepared":
        """Dither the clock, and look at each event's place in its sequence and on its platform."""
        return cls(sequences, dithered(sequences), claimed_share(sequences), awake(sequences))

    def windows(self, player: I64, end: I64, length: int) -> Windows:
        """The windows of one length of these sequences that end after so many events."""
        given = self.sequences
        at = (given.off[player] + end - length)[:, None] + np.arange(length)
        return Windows(
            player=player,
            end=end,
            t=self.t[at],
            age=given.age[at],
            share=self.share[at],
            kind=given.kind[at],
            ok=given.ok[at],
            cooldown=given.cooldown[at],
            awake=self.awake[at[:, -1]],
        )


def cut(sequences: Sequences, *, every: int = EVERY, rows: int = ROWS) -> Iterator[Windows]:
    """All scheduled windows of all sequences, equal lengths together, at most ``rows`` in a batch."""
    prepared = Prepared.of(sequences)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for index, events in enumerate(sequences.lengths()):
        for end, length in schedule(int(events), every=every):
            wanted.setdefault(length, []).append((index, end))
    for length, places in sorted(wanted.items()):
        for first in range(0, len(places), rows):
            player, end = np.array(places[first : first + rows], np.int64).T
            yield prepared.windows(player, end, length)
