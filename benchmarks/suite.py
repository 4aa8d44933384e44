"""Every benchmark, one after the other, and the page about them: ``python -m benchmarks.suite`` (``make bench``).

Each runs as a process of its own, as its own ``make bench-…`` would, and leaves its figures in ``dist/benchmarks``.
``docs/benchmarks.md`` is written from those. The exit code is 1 when one fails, or misses a floor or a ceiling.
"""

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import page
from benchmarks.ground import ROOT

FIGURES = ROOT / "dist" / "benchmarks"
_DOCS = ROOT / "docs"
_LATE = 3.0  # times the usual minutes after which a benchmark hangs
_STOP_PATIENCE = 60.0
_BUSY = 0.35  # load for each core before anything began, from which on something else is running


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of them: its module, what it takes in minutes, and its arguments in a short run."""

    name: str
    minutes: float
    quick: tuple[str, ...]
    full: tuple[str, ...] = ()


ALL = (
    Benchmark("write", 6, ("--pairs", "1", "--seconds", "3", "--players", "500", "--soak", "0.3"), ("--soak", "1.5")),
    Benchmark("reads", 4, ("--sizes", "5000", "50000", "--seconds", "1", "--rounds", "1")),
    Benchmark(
        "fanout",
        7,
        ("--repeats", "1", "--sizes", "1000", "--deliveries", "20000", "--scores", "20"),
        ("--repeats", "2"),
    ),
    Benchmark("live", 1.5, ("--sockets", "200", "--scores", "15")),
    Benchmark("defence", 0.5, ("--rounds", "5")),
    Benchmark("anticheat", 1, ("--people", "100", "--rounds", "1")),
    Benchmark("telemetry", 4, ("--pairs", "1", "--seconds", "3"), ("--pairs", "9")),
    Benchmark("start", 2, ("--rounds", "1", "--settle", "3")),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a benchmark ended: seconds, and a word where it did not end well. ``missed``: only a floor or a ceiling."""

    name: str
    seconds: float
    fault: str = ""
    missed: bool = False


def _is_here(name: str) -> bool:
    return importlib.util.find_spec(f"benchmarks.{name}") is not None


def _run(benchmark: Benchmark, figures: Path, *, quick: bool) -> Outcome:
    """Run one and let it print."""
    target = figures / f"{benchmark.name}.json"
    arguments = benchmark.quick if quick else benchmark.full
    command = [sys.executable, "-u", "-m", f"benchmarks.{benchmark.name}", *arguments, "--json", str(target)]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        code = process.wait(benchmark.minutes * 60 * _LATE)
    except subprocess.TimeoutExpired:
        _interrupt(process)
        return Outcome(benchmark.name, time.monotonic() - began, "hung")
    except KeyboardInterrupt:
        process.wait(_STOP_PATIENCE)  # it was interrupted as well, and tidies up
        raise
    took = time.monotonic() - began
    if not target.exists():
        return Outcome(benchmark.name, took, f"ended with exit code {code} and left no figures")
    return Outcome(benchmark.name, took, "a floor or a ceiling was missed" if code else "", missed=code != 0)


def _interrupt(process: "subprocess.Popen[bytes]") -> None:
    """As Ctrl-C would: it stops its own processes."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run_all(chosen: list[Benchmark], figures: Path, *, quick: bool) -> list[Outcome]:
    found: list[Outcome] = []
    for number, benchmark in enumerate(chosen, 1):
        expected = "" if quick else f", about {benchmark.minutes:g} min"
        print(f"\n━━ {number} of {len(chosen)}: {benchmark.name}{expected}", flush=True)
        if not _is_here(benchmark.name):
            found.append(Outcome(benchmark.name, 0, "is not here"))
            continue
        found.append(_run(benchmark, figures, quick=quick))
        print(f"━━ {benchmark.name}: {found[-1].seconds:.0f} s, {found[-1].fault or 'passed'}", flush=True)
    return found


def _arguments() -> argparse.Namespace:
    names = [benchmark.name for benchmark in ALL]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short runs; floors and ceilings do not count")
    parser.add_argument("--only", choices=names, action="append", help="may be given again; the page stays as it is")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page from the last figures")
    return parser.parse_args()


def main() -> None:
    """Run, write, sum up."""
    asked = _arguments()
    if asked.page:
        sys.exit(0 if page.write(_read(FIGURES), _DOCS) else 1)
    chosen = [benchmark for benchmark in ALL if not asked.only or benchmark.name in asked.only]
    figures = ROOT / "dist" / "benchmarks-quick" if asked.quick else FIGURES
    for benchmark in chosen:
        (figures / f"{benchmark.name}.json").unlink(missing_ok=True)
    load = os.getloadavg()[0] / len(os.sched_getaffinity(0))
    if load > _BUSY:
        print(f"Something else is running here (load {load:.1f} for each core): ratios hold, latencies hardly.")
    outcomes = _run_all(chosen, figures, quick=asked.quick)
    print("\n━━ all")
    for one in outcomes:
        print(f"  {one.name:10} {one.seconds:6.0f} s   {one.fault or 'passed'}")
    if not asked.quick and not asked.only:
        page.write(_read(FIGURES), _DOCS)
    counts = [one for one in outcomes if one.fault and _is_here(one.name) and not (asked.quick and one.missed)]
    sys.exit(1 if counts else 0)


def _read(figures: Path) -> dict[str, page.Figures | None]:
    """The figures of each benchmark, None where there are none. Raises SystemExit when there are none at all."""
    found: dict[str, page.Figures | None] = {}
    for benchmark in ALL:
        path = figures / f"{benchmark.name}.json"
        found[benchmark.name] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if not any(found.values()):
        raise SystemExit(f"There are no figures in {figures.relative_to(ROOT)}: run make bench first.")
    return found


if __name__ == "__main__":
    main()
