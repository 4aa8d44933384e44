"""The detection card's content: what the model can and cannot do, measured on players that it has not seen.

The simulated section depends on a seed alone and comes out the same everywhere. The section on real people needs a
file of recordings; without one it stays as it was.
"""

import hashlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from scoreboard_anticheat_ml.artefact import Opened
from scoreboard_anticheat_ml.fusion import Verdict
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.windows import LENGTHS
from scoreboard_cli import simulation
from scoreboard_cli.training import figures
from scoreboard_cli.training.datasets import simulated
from scoreboard_cli.training.figures import share
from scoreboard_cli.training.recordings import ground, read_recordings
from scoreboard_cli.training.trials import SEVERITY, Ground, Table, play
from scoreboard_cli.training.unseen import UNSEEN_PLATFORMS, Unseen, unseen

PROCESSES = 2
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is played. The figures of another plan are other figures.

    Attributes:
        seed: Of the whole section.
        platforms: How many are simulated.
        humans: Honest players of each.
        cheats: Players of each family on each.
        imitations: Cheats of each family that imitate real people.
    """

    seed: int = 20_261_121
    platforms: int = 12
    humans: int = 520
    cheats: int = 12
    imitations: int = 120


def versions(opened: Opened) -> dict[str, str]:
    """What the figures belong to."""
    return {
        "model": opened.model.model_id,
        "features": str(opened.artefact.sidecar["schema"])[:12],
        "simulator": simulator_version(),
    }


def simulator_version() -> str:
    """The beginning of the SHA-256 of the simulator's sources."""
    sources = sorted(Path(simulation.__path__[0]).glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def platforms(plan: Plan, model: Model, numbers: range) -> Iterator[Table]:
    """Simulate and judge platforms, several at once, in the order of their numbers."""
    context = multiprocessing.get_context("spawn")  # a forked process inherits locks of OpenMP and may wait for ever
    with ProcessPoolExecutor(PROCESSES, context, initializer=_prepare, initargs=(plan, model)) as pool:
        yield from pool.map(_platform, numbers)


_given: tuple[Plan, Model]


def _prepare(plan: Plan, model: Model) -> None:
    """Keep what every platform needs, once for each process."""
    global _given  # noqa: PLW0603 - a process of the pool has no other place for it
    _given = plan, model
    threadpool_limits(1)


def _platform(number: int) -> Table:
    plan, model = _given
    return trial(plan, model, number)


def trial(plan: Plan, model: Model, number: int) -> Table:
    """One simulated platform, judged."""
    data = simulated(plan.seed * 1000 + number, humans=plan.humans, cheats=plan.cheats)
    people = np.char.add(f"{number}/", data.sequences.player)  # names begin again on every platform
    return play(Ground(data, people), model, features=number < UNSEEN_PLATFORMS)


def simulated_section(plan: Plan, opened: Opened, progress: Progress) -> tuple[dict[str, Any], Table, Unseen]:
    """Everything about simulated players, the table that it was drawn from, and the models without one family."""
    tables = []
    for table in platforms(plan, opened.model, range(plan.platforms)):
        tables.append(table)
        progress("platforms play", len(tables) / plan.platforms)
    table = Table.join([each.without_features() for each in tables])
    models = unseen(plan.seed, Table.join(tables[:UNSEEN_PLATFORMS]), PROCESSES, progress)
    section = {
        "seed": plan.seed,
        "versions": versions(opened),
        "platforms": [platform_counts(each) for each in tables],
        **section_of(table, plan.seed, progress),
        "unseen": models.figures(),
    }
    return section, table, models


def platform_counts(table: Table) -> dict[str, Any]:
    """One platform in whole numbers: what a quick check compares."""
    found = figures.outcomes(table)
    flagged = table.take(table.level >= SEVERITY[Verdict.FLAG])
    names, counts = np.unique(flagged.family, return_counts=True)
    return {
        "windows": len(table.end),
        "honest": figures.counted(found, True),
        "cheats": figures.counted(found, False),
        "over_flag_threshold": dict(zip(names.tolist(), counts.tolist(), strict=True)),
    }


def real_section(
    path: Path, plan: Plan, opened: Opened, models: Unseen, progress: Progress
) -> tuple[dict[str, Any], Table]:
    """Everything about real people and the cheats that imitate them."""
    progress("real people play", 0.0)
    stretches = read_recordings(path, plan.seed)
    given = ground(stretches, plan.imitations, plan.seed)
    table = play(given, opened.model, features=True)
    users = sorted({stretch.user for stretch in stretches})
    sources, counts = np.unique([user.partition("/")[0] for user in users], return_counts=True)
    section = {
        "versions": versions(opened),
        "file": hashlib.sha256(path.read_bytes()).hexdigest()[:12],
        "people": dict(zip(sources.tolist(), counts.tolist(), strict=True)),
        **section_of(table.without_features(), plan.seed, progress),
        "sources": {source: _source(table, source) for source in sources.tolist()},
        "unseen": models.on(table).figures(),
    }
    return section, table.without_features()


def _source(table: Table, source: str) -> dict[str, Any]:
    """Honest people of one source: how often one was ever flagged or held."""
    own = table.take(table.honest & np.char.startswith(table.person, f"{source}/"))
    return honest_figures(by_person(own))


def section_of(table: Table, seed: int, progress: Progress) -> dict[str, Any]:
    """What both sections have in common."""
    curve = figures.calibration(table)
    parts = figures.segments(table)
    found = figures.outcomes(table)
    lengths = {}
    for place, length in enumerate(LENGTHS):
        progress("counting", place / len(LENGTHS))
        lengths[str(length)] = length_figures(table.compared(length), seed)
    return {
        "lengths": lengths,
        "calibration": {
            "error": share(curve.error),
            "said": [share(value) for value in curve.said],
            "was": [share(value) for value in curve.was],
        },
        "segments": [[each.words, each.windows, each.watched, each.flagged] for each in parts],
        "segment_ratio": share(figures.segment_ratio(parts)),
        "until_flag": figures.until_flag(found),
        "outcomes": {"honest": figures.counted(found, True), "cheats": figures.counted(found, False)},
        "honest": honest_figures(by_person(table.take(table.honest))),
    }


def by_person(table: Table) -> Table:
    """The same rows with one number for each person instead of one for each sequence."""
    _, person = np.unique(table.person, return_inverse=True)
    order = np.argsort(person, kind="stable")
    return table.renumbered(person.astype(np.int64)).take(order)


def honest_figures(table: Table) -> dict[str, Any]:
    """Honest people who were ever flagged or held, with what the true share lies below."""
    counts = figures.counted(figures.outcomes(table), True)
    of = sum(counts.values())
    flagged = counts["mark"] + counts["review"]
    return {
        "people": of,
        "flagged": flagged,
        "flagged_at_most": round(figures.at_most(flagged, of), 5),
        "held": counts["mark"],
        "held_at_most": round(figures.at_most(counts["mark"], of), 5),
    }


def length_figures(table: Table, seed: int) -> dict[str, Any]:
    """Figures of windows of one length."""
    rates = {}
    for rate in figures.RATES:
        found = figures.caught(table.score, table.family, rate)
        low, high = figures.macro_interval(table, rate, seed)
        alone = figures.caught(table.raw, table.family, rate)
        rates[str(rate)] = {
            "macro": share(figures.macro(found)),
            "low": share(low),
            "high": share(high),
            "model_alone": share(figures.macro(alone)),
            "families": {name: [each.caught, each.windows] for name, each in found.items()},
        }
    shipped = figures.flagged(table)
    return {
        "honest_windows": int(table.honest.sum()),
        "pr_auc": share(figures.precision(table)),
        "rates": rates,
        "shipped": {
            "macro": share(figures.macro(shipped)),
            "families": {name: [each.caught, each.windows] for name, each in shipped.items()},
        },
    }
