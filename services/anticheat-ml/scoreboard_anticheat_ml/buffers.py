"""The last completions of each player, as arrays that windows are cut from without copying more than the window.

Each player has one row. Events are written behind one another; at the row's end the newest are moved to its beginning,
so the last ``LONGEST`` always lie in one piece. The service keeps a bounded number of players and reads others again.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import numpy as np

from scoreboard_anticheat_ml.sequences import I64
from scoreboard_anticheat_ml.windows import LONGEST, REST_S, Windows

_ROOM = 2 * LONGEST


class Play(NamedTuple):
    """One completion, in the units of ``Windows``."""

    t: float
    age: float
    share: float
    kind: int
    cooldown: float


@dataclass(slots=True)
class Track:
    """A player in memory. ``events`` counts all completions, ``kept`` those in the row before ``cursor``.

    ``woke`` is the moment of the first completion since the player's last rest, ``last`` that of the last one.
    """

    row: int
    woke: float
    events: int = 0
    last: float = 0.0
    cursor: int = 0
    kept: int = 0


class Buffers:
    """Ring buffers of at most ``capacity`` players; the one touched longest ago makes room for another."""

    def __init__(self, capacity: int) -> None:
        self._tracks: OrderedDict[UUID, Track] = OrderedDict()
        self._free = list(range(capacity - 1, -1, -1))
        # Zeroed memory is the system's until a page of it is written: idle players cost nothing.
        self._t = np.zeros((capacity, _ROOM))
        self._age = np.zeros((capacity, _ROOM), np.float32)
        self._share = np.zeros((capacity, _ROOM), np.float32)
        self._kind = np.zeros((capacity, _ROOM), np.int16)
        self._cooldown = np.zeros((capacity, _ROOM), np.float32)

    def __len__(self) -> int:
        return len(self._tracks)

    def __contains__(self, player_id: UUID) -> bool:
        return player_id in self._tracks

    def open(self, player_id: UUID, events: int, plays: Sequence[Play], woke: float | None = None) -> list[UUID]:
        """Take a player in.

        Args:
            player_id: who is not here yet.
            events: how many completions there were so far.
            plays: the last of them.
            woke: when the first one since the player's last rest was; None: those given tell.

        Returns:
            Who had to leave.
        """
        gone = []
        while not self._free:
            oldest = next(iter(self._tracks))
            self.drop(oldest)
            gone.append(oldest)
        track = self._tracks[player_id] = Track(self._free.pop(), 0.0, events - len(plays))
        for play in plays:
            self.add(player_id, play)
        if woke is not None:
            track.woke = woke
        return gone

    def touch(self, player_id: UUID) -> None:
        """Let a player be the last to leave; one who is not there is no matter."""
        if player_id in self._tracks:
            self._tracks.move_to_end(player_id)

    def drop(self, player_id: UUID) -> None:
        """Forget a player; one who is not there is no matter."""
        track = self._tracks.pop(player_id, None)
        if track is not None:
            self._free.append(track.row)

    def clear(self) -> None:
        """Forget everybody."""
        for player_id in list(self._tracks):
            self.drop(player_id)

    def add(self, player_id: UUID, play: Play) -> int:
        """Write one completion behind a known player's others. Returns how many there have been."""
        track = self._tracks[player_id]
        if track.cursor == _ROOM:
            self._rewind(track.row)
            track.cursor = LONGEST
        row, at = track.row, track.cursor
        if not track.kept or play.t - track.last >= REST_S:
            track.woke = play.t
        track.last = play.t
        self._t[row, at] = play.t
        self._age[row, at] = play.age
        self._share[row, at] = play.share
        self._kind[row, at] = play.kind
        self._cooldown[row, at] = play.cooldown
        track.cursor += 1
        track.kept = min(track.kept + 1, LONGEST)
        track.events += 1
        return track.events

    def _rewind(self, row: int) -> None:
        for column in (self._t, self._age, self._share, self._kind, self._cooldown):
            column[row, :LONGEST] = column[row, LONGEST:]

    def window(self, player_id: UUID, length: int) -> Windows:
        """A copy of the last ``length`` completions of a known player, as one window; at most what is kept."""
        track = self._tracks[player_id]
        size = min(length, track.kept)
        row, events = track.row, slice(track.cursor - size, track.cursor)
        one: I64 = np.zeros(1, np.int64)
        return Windows(
            player=one,
            end=one + track.events,
            t=self._t[row, events].copy()[None],
            age=self._age[row, events].copy()[None],
            share=self._share[row, events].copy()[None],
            kind=self._kind[row, events].copy()[None],
            ok=np.ones((1, size), bool),
            cooldown=self._cooldown[row, events].copy()[None],
            awake=np.array([track.last - track.woke], np.float32),
        )
