"""One training from beginning to end: players, model, figures on players it has not seen, artefact, report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from scoreboard_anticheat_ml.artefact import Artefact, Opened, open_pinned, pack, write_folder
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.sequences import Columns, Sequences
from scoreboard_anticheat_ml.sides import TooFewPlayers
from scoreboard_anticheat_ml.training import FULL, HUMAN, Effort, Labelled, train
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.training.card import Plan, platforms, section_of, simulator_version
from scoreboard_cli.training.datasets import joined, simulated
from scoreboard_cli.training.recordings import ground, read_recordings
from scoreboard_cli.training.report import write_report
from scoreboard_cli.training.trials import Table

PEOPLE = 4000
_PEOPLE_TO_A_FAMILY = 20
_TRIAL = Plan(platforms=4)
_CANARIES = (
    (HUMAN, 225),
    ("fixed_interval", 75),
    ("replay_loop", 225),
    ("shuffled_human", 225),
    ("gaussian_jitter", 75),
)
_CANARIES_EACH = 2
_LONGEST_CANARY = 225
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """What a model is trained on.

    Attributes:
        seed: Of everything.
        people: Simulated honest players; 0 for none. A twentieth of that cheats in each family.
        recordings: A file with real people's intervals, or None.
        reviewed: Players whom reviewers decided about, or None.
        effort: How much boosting.
        trial: Whom the model plays against afterwards, with a seed of their own.
    """

    seed: int
    people: int = PEOPLE
    recordings: Path | None = None
    reviewed: Labelled | None = None
    effort: Effort = FULL
    trial: Plan = _TRIAL


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gave: a model that can be loaded, and what it can do."""

    opened: Opened
    figures: Mapping[str, Any]
    table: Table


def run_training(sources: Sources, progress: Progress) -> Trained:
    """Train, load the result as the service will, and let it play against other simulated players.

    The same sources give the same artefact, to the byte, on one machine.

    Raises:
        ExpectedError: The file of recordings cannot be read, or there are too few players.
    """
    with threadpool_limits(1):  # sums in several threads round differently from run to run
        data = _labelled(sources, progress)
        try:
            model = train(data, seed=sources.seed, progress=progress, effort=sources.effort)
        except TooFewPlayers as error:
            raise ExpectedError(f"There are too few players to train on. {error}", "Add --simulate.") from error
        found, table = _tried(sources, model, progress)
        artefact = pack(model, _canaries(data), trained=_trained(sources, data), metrics=_metrics(found))
        opened = open_pinned(artefact, artefact.digest.hex())
    return Trained(opened, found, table)


def _labelled(sources: Sources, progress: Progress) -> Labelled:
    parts = []
    if sources.people:
        cheats = max(1, sources.people // _PEOPLE_TO_A_FAMILY)
        parts.append(simulated(sources.seed, humans=sources.people, cheats=cheats, progress=progress))
    if sources.recordings is not None:
        progress("reading recordings", 0.0)
        stretches = read_recordings(sources.recordings, sources.seed)
        people = len({stretch.user for stretch in stretches})
        parts.append(ground(stretches, max(1, people // _PEOPLE_TO_A_FAMILY), sources.seed).data)
    if sources.reviewed is not None:
        parts.append(sources.reviewed)
    return parts[0] if len(parts) == 1 else joined(parts)


def _tried(sources: Sources, model: Model, progress: Progress) -> tuple[dict[str, Any], Table]:
    plan = replace(sources.trial, seed=sources.seed + 1)
    tables = []
    for table in platforms(plan, model, range(plan.platforms)):
        tables.append(table.without_features())
        progress("playing against others", len(tables) / plan.platforms)
    table = Table.join(tables)
    return section_of(table, plan.seed, progress), table


def _canaries(data: Labelled) -> Sequences:
    """A few players of several kinds, cut to a length; where none of these kinds is there, whoever played longest."""
    chosen = [
        (int(index), events)
        for family, events in _CANARIES
        for index in np.flatnonzero((data.family == family) & (data.sequences.lengths() >= events))[:_CANARIES_EACH]
    ]
    given = data.sequences
    if not chosen:
        longest = np.argsort(-given.lengths(), kind="stable")[: len(_CANARIES)]
        chosen = [(int(index), min(int(given.lengths()[index]), _LONGEST_CANARY)) for index in longest]
    parts = [slice(int(given.off[index]), int(given.off[index]) + events) for index, events in chosen]
    columns = [Columns(*(getattr(given, name)[part].tolist() for name in Columns._fields)) for part in parts]
    return Sequences.gather((str(given.player[index]) for index, _ in chosen), columns)


def _trained(sources: Sources, data: Labelled) -> dict[str, Any]:
    named = {"simulator": simulator_version()} if sources.people else {}
    if sources.recordings is not None:
        named["recordings"] = sources.recordings.name
    if sources.reviewed is not None:
        named["reviews"] = str(len(sources.reviewed.sequences))
    names, counts = np.unique(data.family, return_counts=True)
    return {
        "seed": sources.seed,
        "sources": named,
        "data_sha256": data.digest(),
        "players": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "events": len(data.sequences.t),
    }


def _metrics(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the promotion gate reads."""
    strict = {length: each["rates"]["0.001"] for length, each in found["lengths"].items()}
    people = found["honest"]["people"]
    return {
        "tpr": {
            length: {
                "macro": each["macro"],
                "families": {name: round(caught / of, 3) for name, (caught, of) in each["families"].items()},
            }
            for length, each in strict.items()
        },
        "tpr_unseen_at_1pct": None,
        "segment_ratio": found["segment_ratio"],
        "honest_held": round(found["honest"]["held"] / people, 5),
        "honest_flagged": round(found["honest"]["flagged"] / people, 5),
        "calibration_error": found["calibration"]["error"],
    }


def write_training(trained: Trained, folder: Path, now: datetime) -> Artefact:
    """The artefact, not signed, and the report beside it."""
    write_folder(trained.opened.artefact, folder)
    write_report(trained.opened.artefact, trained.figures, trained.table, folder, now)
    return trained.opened.artefact
