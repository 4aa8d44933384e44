"""Labelled players from the simulator: one platform at a time, every platform from its own seed."""

from collections.abc import Callable, Iterable

import numpy as np

from scoreboard_anticheat_ml.sequences import Columns, Sequences
from scoreboard_anticheat_ml.training import Labelled
from scoreboard_cli.simulation.population import Recording, population

Progress = Callable[[str, float], None]


def quiet(_doing: str, _share: float) -> None:
    """Progress that nobody watches."""


def simulated(seed: int, *, humans: int, cheats: int, progress: Progress = quiet) -> Labelled:
    """A platform with so many honest players and so many cheats of each family."""
    return labelled(population(seed, humans=humans, cheats_per_family=cheats, progress=progress))


def labelled(recordings: Iterable[Recording]) -> Labelled:
    """Recordings as the arrays that training reads."""
    given = list(recordings)
    return Labelled(
        sequences=Sequences.gather([each.player for each in given], [_columns(each) for each in given]),
        family=np.array([each.family for each in given]),
        person=np.array([each.player for each in given]),
        cheats_from=np.array([each.cheats_from for each in given], np.int64),
    )


def _columns(recording: Recording) -> Columns:
    given = recording.columns
    return Columns(
        given.t, given.age, given.kind, given.points, given.points_max, [*map(bool, given.ok)], given.cooldown
    )


def joined(parts: list[Labelled]) -> Labelled:
    """Several platforms' players together, for fitting; their times are not to be compared with each other."""
    sequences = [part.sequences for part in parts]
    shifts = np.cumsum([0, *(len(each.t) for each in sequences)])
    off = np.concatenate([each.off[:-1] + shift for each, shift in zip(sequences, shifts, strict=False)])
    events = {name: np.concatenate([getattr(each, name) for each in sequences]) for name in Columns._fields}
    return Labelled(
        sequences=Sequences(
            off=np.append(off, shifts[-1]),
            player=np.concatenate([each.player for each in sequences]),
            **events,
        ),
        family=np.concatenate([part.family for part in parts]),
        person=np.concatenate([np.char.add(f"{place}/", part.person) for place, part in enumerate(parts)]),
        cheats_from=np.concatenate([part.cheats_from for part in parts]),
    )
