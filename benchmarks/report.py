"""What a benchmark prints and writes, and whether it is good enough."""

import json
import os
import platform
import statistics
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scoreboard_cli.binaries import find_postgres, find_valkey

_GOALS = Path(__file__).with_name("goals.toml")
_JUDGED = "Against benchmarks/goals.toml"
_PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "sqlalchemy", "asyncpg", "redis", "msgspec", "pydantic")


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the least and the greatest value it comes from."""

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{self.median:,.1f} ({self.least:,.1f}–{self.greatest:,.1f})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def tell_machine(*, stores: bool = True) -> dict[str, str]:
    """Print what this runs on, and return it; ``stores``: with the versions of Postgres and of the Redis server."""
    programs = {"postgres": find_postgres().postgres, "valkey": find_valkey()} if stores else {}
    facts = machine(programs)
    print("\n".join(f"{name:10} {value}" for name, value in facts.items()))
    return facts


def machine(servers: Mapping[str, Path]) -> dict[str, str]:
    """What the figures depend on.

    Args:
        servers: names and programs that tell their version.
    """
    facts = {
        "processor": _processor(),
        "cores": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}",
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    for name, program in servers.items():
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        facts[name] = said.strip()
    return facts | {name: version(name) for name in _PACKAGES}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns under their heads, the first to the left and the others to the right; ``write_json`` keeps it."""
    _printed.append({"title": title, "head": list(head), "rows": [list(row) for row in rows]})
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print(f"\n{title}")
    for row in [head, ["-" * width for width in widths], *rows]:
        first = row[0].ljust(widths[0])
        print("  ".join(["", first, *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]))


_printed: list[dict[str, Any]] = []
"""The tables of this run of a benchmark, for the page."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A measured figure beside what it must be and what it should be. ``bound`` is empty where nothing is demanded."""

    figure: str
    about: str
    measured: float
    bound: str
    goal: float
    passed: bool
    reached: bool

    @property
    def word(self) -> str:
        """In one or two words."""
        if not self.passed:
            return "FAILED"
        return "goal reached" if self.reached else "passed" if self.bound else "below goal"


def verdicts(section: str, measured: Mapping[str, float]) -> list[Verdict]:
    """What ``goals.toml`` says to the figures of one of its sections. Raises KeyError for one that it does not know."""
    goals = tomllib.loads(_GOALS.read_text(encoding="utf-8"))[section]
    return [_verdict(name, value, goals[name]) for name, value in measured.items()]


def _verdict(name: str, value: float, goal: Mapping[str, Any]) -> Verdict:
    least, most = goal.get("floor"), goal.get("ceiling")
    good = (least is None or value >= least) and (most is None or value <= most)
    reached = value <= goal["goal"] if most is not None else value >= goal["goal"]
    bound = f"≥ {least:g}" if least is not None else f"≤ {most:g}" if most is not None else ""
    return Verdict(name, goal["about"], value, bound, goal["goal"], good, reached)


def judge(section: str, measured: Mapping[str, float]) -> bool:
    """Print every measured figure beside its goal. False when one misses its floor or ceiling."""
    found = verdicts(section, measured)
    rows = [[one.figure, f"{one.measured:,.2f}", one.bound or "-", f"{one.goal:g}", one.word] for one in found]
    head = ["figure", "measured", "must be", "goal", "verdict"]
    table(_JUDGED, head, rows)
    return all(one.passed for one in found)


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write all figures and the printed tables to ``path``, where one was asked for."""
    if path is not None:
        tables = [one for one in _printed if one["title"] != _JUDGED]
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content | {"tables": tables}, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        print(f"\nWritten to {path}")
