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

_GOALS = Path(__file__).with_name("goals.toml")
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
    """Print columns under their heads, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print(f"\n{title}")
    for row in [head, ["-" * width for width in widths], *rows]:
        first = row[0].ljust(widths[0])
        print("  ".join(["", first, *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]))


def judge(section: str, measured: Mapping[str, float]) -> bool:
    """Print every measured figure beside its goal. False when one misses its floor or ceiling."""
    goals = tomllib.loads(_GOALS.read_text(encoding="utf-8"))[section]
    rows, passed = [], True
    for name, value in measured.items():
        goal = goals[name]
        least, most = goal.get("floor"), goal.get("ceiling")
        good = (least is None or value >= least) and (most is None or value <= most)
        reached = value <= goal["goal"] if most is not None else value >= goal["goal"]
        bound = f"≥ {least:g}" if least is not None else f"≤ {most:g}" if most is not None else "-"
        verdict = "FAILED" if not good else "goal reached" if reached else "passed" if bound != "-" else "below goal"
        rows.append([name, f"{value:,.2f}", bound, f"{goal['goal']:g}", verdict])
        passed = passed and good
    table("Against benchmarks/goals.toml", ["figure", "measured", "must be", "goal", "verdict"], rows)
    return passed


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write all figures to ``path``, where one was asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"\nWritten to {path}")
