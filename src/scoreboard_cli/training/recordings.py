"""Real people's intervals, from a file that somebody names: sequences of honest players and of cheats imitating them.

The file is a numpy archive without pickles: ``off`` (n+1 offsets), ``dt`` (seconds since the event before), ``typ``
(kind of action), ``domain``, ``user``, ``label`` (0 a person). It belongs to whoever has it; nothing of it is stored.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.random import Generator

from scoreboard_anticheat_ml.sequences import F64, I64, Columns, Sequences
from scoreboard_anticheat_ml.training import HUMAN, Labelled
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.training.imitators import IMITATORS, Model, cooldown_of, imitate
from scoreboard_cli.training.trials import Ground

_CLOCKS_S = {"click": 0.001, "rts": 0.0625}  # what each source was rounded to
_CLOCK_S = 1.0
_FEWEST = 20  # events: below that there is no window
_STRETCH = 400
_STRETCHES = 4  # of one person at most, so that nobody counts more than four times
_RING = 4
_HALVES = (10, 25, 50, 100)  # so that windows of every length are half a person's and half a program's
_BEGIN = 1_700_000_000.0
_SPAN_S = 86400.0  # everybody begins within a day


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Some of one person's events on end.

    Attributes:
        user: Who, with the source before it.
        t: Seconds from an arbitrary moment, ascending.
        kind: Kinds of action.
    """

    user: str
    t: F64
    kind: I64


def read_recordings(path: Path, seed: int) -> list[Stretch]:
    """Honest people's stretches, noise of one step of the source's clock on their times.

    Raises:
        ExpectedError: The file cannot be read, or is another.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            off, dt, kind, domain, user, label = (file[n] for n in ("off", "dt", "typ", "domain", "user", "label"))
    except (OSError, ValueError, KeyError, EOFError, AttributeError, BadZipFile) as error:
        raise ExpectedError(f"{path} holds no recordings of people: {error}") from error
    rng = np.random.default_rng(seed)
    taken: dict[str, list[Stretch]] = {}
    for index in np.flatnonzero(label == 0).tolist():
        events = slice(int(off[index]), int(off[index + 1]))
        name = f"{domain[index]}/{user[index]}"
        moments = np.cumsum(dt[events].astype(np.float64))
        moments = np.sort(moments + rng.uniform(0, _CLOCKS_S.get(str(domain[index]), _CLOCK_S), len(moments)))
        for first in range(0, len(moments), _STRETCH):
            part = slice(first, first + _STRETCH)
            taken.setdefault(name, []).append(Stretch(name, moments[part], kind[events][part].astype(np.int64)))
    return [each for name in sorted(taken) for each in _some(taken[name], rng)]


def _some(stretches: list[Stretch], rng: Generator) -> list[Stretch]:
    long_enough = [stretch for stretch in stretches if len(stretch.t) >= _FEWEST]
    chosen = rng.permutation(len(long_enough))[:_STRETCHES]
    return [long_enough[int(place)] for place in sorted(chosen)]


def ground(stretches: list[Stretch], cheats: int, seed: int) -> Ground:
    """The people, and ``cheats`` players of each family that imitate them, on one platform.

    A cheat imitates a person of a random source, so that each source counts as much as its people. Points are made up
    for all in the same way, the recordings have none; only inflation claims more.
    """
    rng = np.random.default_rng([seed, len(stretches)])
    players, columns, families, people, since, rhythm = [], [], [], [], [], []
    for number, stretch in enumerate(stretches):
        players.append(f"{stretch.user}#{number}")
        columns.append(_columns(stretch.t - stretch.t[0] + rng.uniform(0, _SPAN_S), stretch.kind, _points(rng)))
        families.append(HUMAN)
        people.append(stretch.user)
        rhythm.append(stretch.user)
        since.append(0)
    for family in IMITATORS:
        for number in range(cheats):
            imitated = _imitated(stretches, family, number, rng, seed)
            begin = rng.uniform(0, _SPAN_S) if family != "sync_ring" else _begin(seed, number)
            players.append(f"{family}#{number}")
            half = _HALVES[number % len(_HALVES)] if family == "half_human_half_bot" else 0
            columns.append(_cheat(family, imitated, half, begin, rng))
            since.append(half)
            families.append(family)
            people.append(players[-1])
            rhythm.append(imitated.user)
    sequences = Sequences.gather(players, columns)
    data = Labelled(sequences, np.array(families), np.array(since, np.int64), np.array(rhythm))
    return Ground(data, np.array(people))


def _begin(seed: int, number: int) -> float:
    return float(np.random.default_rng([seed, number // _RING, 1]).uniform(0, _SPAN_S))


def _imitated(stretches: list[Stretch], family: str, number: int, rng: Generator, seed: int) -> Stretch:
    """Somebody at random; one and the same for the accounts of a ring."""
    if family == "sync_ring":
        rng = np.random.default_rng([seed, number // _RING, 0])
    sources = sorted({stretch.user.partition("/")[0] for stretch in stretches})
    source = str(rng.choice(sources))
    candidates = [each for each in stretches if each.user.startswith(f"{source}/")]
    return candidates[int(rng.integers(len(candidates)))]


def _cheat(family: str, imitated: Stretch, takes_over: int, begin: float, rng: Generator) -> Columns:
    model = Model(np.diff(imitated.t), _STRETCH, takes_over)
    moments = begin + np.cumsum(imitate(family, rng, model))
    claims = rng.uniform(0.97, 1.0, _STRETCH) if family == "score_inflation" else _points(rng)
    cooldown = cooldown_of(model) if family == "cooldown_sniper" else 0.0
    return _columns(moments, np.resize(imitated.kind, _STRETCH), claims, cooldown)


def _points(rng: Generator) -> F64:
    """(events,) shares of the most possible, with a person's skill and form as in ``simulation.play``."""
    skill, scatter = rng.beta(2.5, 2.5), 0.05 + 0.25 * rng.uniform(0.2, 0.8)
    form, shares = 0.0, np.empty(_STRETCH)
    for event in range(_STRETCH):
        form = 0.8 * form + rng.normal(0, scatter * 0.4)
        shares[event] = 0.1 + 0.7 * skill + form + rng.normal(0, scatter)
    return np.clip(shares, 0.0, 1.0)


def _columns(t: F64, kind: I64, shares: F64, cooldown: float = 0.0) -> Columns:
    count = len(t)
    return Columns(
        t=(_BEGIN + t).tolist(),
        age=[math.nan] * count,
        kind=kind.tolist(),
        points=np.round(100 * shares[:count]).tolist(),
        points_max=[100.0] * count,
        ok=[True] * count,
        cooldown=[cooldown] * count,
    )
