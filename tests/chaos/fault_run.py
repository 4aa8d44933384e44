"""One fault as it is gone through: its rounds, its share of the seed, its figures, and what is recorded of it."""

import json
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.catalogue import SLACK, Fault, Figure, Of

_TIMES = ("s", "ms")


def value_of(samples: list[float], of: Of) -> float:
    """The one of the samples that counts."""
    if of == "p99":
        return sorted(samples)[min(len(samples) - 1, int(len(samples) * 0.99))]
    return {"worst": max, "least": min, "sum": sum, "median": statistics.median}[of](samples)


@dataclass
class FaultRun:
    """What a test of a fault works with.

    ``rng`` is the fault's own part of the seed: what others draw does not move it.
    """

    fault: Fault
    full: bool
    seed: int
    say: Callable[[str], None] = lambda text: None
    done: int = 0
    held: set[str] = field(default_factory=set)
    skipped: str = ""
    _samples: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.seed}:{self.fault.name}")

    @property
    def count(self) -> int:
        """How many rounds (or counted things) this run makes."""
        return self.fault.full if self.full else self.fault.quick

    @property
    def rounds(self) -> Iterator[int]:
        """The rounds, from 1, telling each; a round that breaks off is not counted."""
        for n in range(1, self.count + 1):
            self.say(f"{self.fault.name}: {n} of {self.count}")
            yield n
            self.did(1)

    def did(self, more: int) -> None:
        """Count what was gone through, where it is not gone through round by round."""
        self.done += more

    def note(self, **figures: float) -> None:
        """Add a sample to figures of the catalogue."""
        known = {figure.name for figure in self.fault.figures}
        for name, value in figures.items():
            assert name in known, f"{name} is no figure of {self.fault.name} in the catalogue"
            self._samples[name].append(float(value))

    def limit(self, figure: Figure) -> float | None:
        """What the figure may be at most in this run."""
        if figure.at_most is None or self.full or figure.unit not in _TIMES:
            return figure.at_most
        return figure.at_most * SLACK

    def judge(self) -> list[str]:
        """What is not as the catalogue demands: too few rounds, unchecked invariants, figures beyond their limits."""
        wrong = []
        if self.done < self.count:
            wrong.append(f"{self.done} of {self.count} {self.fault.counted} were gone through")
        unchecked = set(self.fault.holds) - self.held
        if unchecked:
            wrong.append(f"not checked: {', '.join(sorted(unchecked))}")
        for figure in self.fault.figures:
            samples = self._samples[figure.name]
            if not samples:
                wrong.append(f"{figure.name} was not taken")
                continue
            value, most = value_of(samples, figure.of), self.limit(figure)
            if most is not None and value > most:
                wrong.append(f"{figure.name} is {value:.3f} {figure.unit}, at most {most:g} is allowed")
            if figure.at_least is not None and value < figure.at_least:
                wrong.append(f"{figure.name} is {value:.3f} {figure.unit}, at least {figure.at_least:g} is needed")
        return wrong

    def record(self, problems: list[str]) -> dict[str, Any]:
        """All that is worth keeping of the run, as JSON."""
        figures = {
            figure.name: asdict(figure)
            | {
                "at_most": self.limit(figure),
                "value": round(value_of(samples, figure.of), 3),
                "worst": round(max(samples), 3),
                "median": round(statistics.median(samples), 3),
                "samples": len(samples),
            }
            for figure in self.fault.figures
            if (samples := self._samples[figure.name])
        }
        return {
            "name": self.fault.name,
            "full": self.full,
            "seed": self.seed,
            "asked": self.count,
            "done": self.done,
            "held": sorted(self.held, key=lambda name: int(name[1:])),
            "figures": figures,
            "seconds": round(time.monotonic() - self._began, 1),
            "skipped": self.skipped,
            "problems": problems,
        }

    def write(self, folder: Path, problems: list[str]) -> None:
        """Put the record into a file of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.record(problems), indent=1) + "\n"
        (folder / f"{self.fault.name}.json").write_text(text, encoding="utf-8")
