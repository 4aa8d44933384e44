"""What players did, as flat arrays: the input of scoring and of training."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I16 = NDArray[np.int16]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
Names = NDArray[np.str_]


class BadSequences(ValueError):
    """The file is not what scoring reads; the message says what is wrong with it."""


class Columns(NamedTuple):
    """One player's events in order of time; all of one length. See ``Sequences`` for the meaning."""

    t: Sequence[float]
    age: Sequence[float]
    kind: Sequence[int]
    points: Sequence[float]
    points_max: Sequence[float]
    ok: Sequence[bool]
    cooldown: Sequence[float]


_TYPES: dict[str, type[np.generic]] = {
    "t": np.float64,
    "age": np.float32,
    "kind": np.int16,
    "points": np.float32,
    "points_max": np.float32,
    "ok": np.bool_,
    "cooldown": np.float32,
}


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """The events of many players, one sequence each, all on one platform.

    Attributes:
        off: (n+1,) where each sequence begins in the arrays of events.
        t: Moment of completion in unix seconds, ascending within a sequence.
        age: Seconds from create to complete; NaN where unknown.
        kind: Kind of action, as a number.
        points: Points given or claimed.
        points_max: The most that the kind gives; NaN where unknown.
        ok: Whether the action succeeded.
        cooldown: Cooldown of that kind in seconds; 0 for none.
        player: (n,) who played each sequence.
    """

    off: I64
    t: F64
    age: F32
    kind: I16
    points: F32
    points_max: F32
    ok: Bools
    cooldown: F32
    player: Names

    def __len__(self) -> int:
        return len(self.player)

    def of(self, index: int) -> slice:
        """Where the events of one sequence are."""
        return slice(int(self.off[index]), int(self.off[index + 1]))

    def lengths(self) -> I64:
        """(n,) the number of events of each sequence."""
        return np.diff(self.off)

    def take(self, indices: Sequence[int] | I64) -> "Sequences":
        """These sequences, in this order."""
        parts = [self.of(int(index)) for index in indices]
        events = {
            name: np.concatenate([getattr(self, name)[part] for part in parts] or [getattr(self, name)[:0]])
            for name in _TYPES
        }
        off = np.concatenate([[0], np.cumsum([part.stop - part.start for part in parts])]).astype(np.int64)
        return Sequences(off=off, player=self.player[np.asarray(indices, np.int64)], **events)

    @classmethod
    def gather(cls, players: Iterable[str], columns: Iterable[Columns]) -> Self:
        """Put the events of several players together."""
        given = list(columns)
        events: dict[str, Any] = {
            name: np.concatenate([np.asarray(getattr(each, name), of) for each in given] or [np.zeros(0, of)], dtype=of)
            for name, of in _TYPES.items()
        }
        off = np.concatenate([[0], np.cumsum([len(each.t) for each in given])]).astype(np.int64)
        return cls(off=off, player=np.asarray(list(players), np.str_), **events)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read an ``.npz`` file with arrays of these names.

        Raises:
            BadSequences: It cannot be read, an array is missing, or the arrays do not fit each other.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                found = {name: file[name] for name in ("off", "player", *_TYPES) if name in file}
        except (OSError, ValueError, EOFError, AttributeError, TypeError, BadZipFile, zlib.error) as error:
            raise BadSequences(f"{path} cannot be read as an .npz file: {error}") from error
        missing = [name for name in ("off", "player", *_TYPES) if name not in found]
        if missing:
            raise BadSequences(f"{path} has no array {', '.join(missing)}.")
        try:
            events: dict[str, Any] = {name: found[name].astype(of, copy=False) for name, of in _TYPES.items()}
            loaded = cls(off=found["off"].astype(np.int64), player=found["player"].astype(np.str_), **events)
        except (TypeError, ValueError) as error:
            raise BadSequences(f"{path}: an array has the wrong type: {error}") from error
        loaded._check(path)
        return loaded

    def save(self, path: Path | IO[bytes]) -> None:
        """Write the file that ``load`` reads."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in ("off", "player", *_TYPES)}
        np.savez_compressed(path, **arrays)

    def _check(self, path: Path) -> None:
        if self.player.ndim != 1:
            raise BadSequences(f"{path}: player has to be a list of names, one for each sequence.")
        if self.off.shape != (len(self.player) + 1,) or self.off[0] != 0 or np.any(np.diff(self.off) < 0):
            raise BadSequences(f"{path}: off has to rise from 0, with one entry more than there are players.")
        events = int(self.off[-1])
        wrong = [name for name in _TYPES if getattr(self, name).shape != (events,)]
        if wrong:
            raise BadSequences(f"{path}: {', '.join(wrong)} should hold {events} events, as off says.")
        if not np.all(np.isfinite(self.t)):
            raise BadSequences(f"{path}: t holds a moment that is not a number.")
        inner = np.ones(events, bool)
        inner[self.off[:-1][self.off[:-1] < events]] = False
        if np.any(np.diff(self.t, prepend=self.t[:1])[inner] < 0):
            raise BadSequences(f"{path}: t goes backwards within a sequence.")
