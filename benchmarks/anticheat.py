"""How fast players are judged: the model end to end, its parts, one verdict, and the inline rules.

``python -m benchmarks.anticheat``. Processor time of one process with one thread, so that the figures are for a core;
the best of the rounds counts, since what disturbs a round only ever adds to it. Nineteen of twenty players are honest.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import anticheat_inline, report
from scoreboard_anticheat_ml.assess import assess, screen
from scoreboard_anticheat_ml.batches import judged
from scoreboard_anticheat_ml.features import extract
from scoreboard_anticheat_ml.fusion import Policy
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.score import score_file
from scoreboard_anticheat_ml.sequences import Sequences
from scoreboard_anticheat_ml.shipped import shipped
from scoreboard_anticheat_ml.windows import LONGEST, Windows, cut, stack
from scoreboard_cli.training.datasets import simulated

_SEED = 31
_OFTEN = 10  # events between two scores, where a player is watched
_MICRO_BATCH = 64


def _spent(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _longest(sequences: Sequences) -> Windows:
    """A batch of the longest windows, as they come."""
    return stack([windows for windows in cut(sequences, every=_OFTEN) if windows.length == LONGEST][:2])


def _latencies(windows: Windows, model: Model) -> list[float]:
    """Milliseconds of wall-clock time from a micro-batch of windows to what was found in them."""
    found = []
    for first in range(0, len(windows) - _MICRO_BATCH, _MICRO_BATCH):
        began = time.perf_counter()
        assess(windows.take(slice(first, first + _MICRO_BATCH)), model)
        found.append((time.perf_counter() - began) * 1e3)
    return found


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=400, help="honest simulated players")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    facts = report.tell_machine(stores=False)
    with threadpool_limits(1):
        sys.exit(_measure(asked.people, asked.rounds, asked.json, facts))


def _measure(people: int, rounds: int, json: Path | None, facts: dict[str, str]) -> int:
    model = shipped().model
    sequences = simulated(_SEED, humans=people, cheats=max(1, people // 400)).sequences
    events, windows = len(sequences.t), _longest(sequences)
    features = extract(windows)
    rescored = len(windows) * _OFTEN
    quiet = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        source, table = Path(folder) / "in.npz", Path(folder) / "out.csv"
        sequences.save(source)
        steps: dict[str, tuple[int, Callable[[], object]]] = {
            "file to table (score), each 25 events": (
                events,
                lambda: score_file(source, table, model, Policy(), quiet),
            ),
            "first tier, then the rest (tried here only), each 10 events": (events, lambda: _tiered(sequences, model)),
            "everything, each 10 events": (events, lambda: _all(sequences, model)),
            "features of the longest windows": (rescored, lambda: extract(windows)),
            "model on the longest windows": (rescored, lambda: model.score(features, LONGEST)),
        }
        rates = {name: [of / _spent(work) for _ in range(rounds)] for name, (of, work) in steps.items()}
    latencies = _latencies(windows, model)
    inline = anticheat_inline.measure(rounds=60)
    rows = [[name, str(report.spread(values))] for name, values in rates.items()]
    report.table(
        f"Events a second and core ({events:,} events of {len(sequences)} players)", ["what", "events/s"], rows
    )
    print(
        f"\nVerdicts on {_MICRO_BATCH} windows: {statistics.median(latencies):.1f} ms, at most {max(latencies):.1f} ms"
    )
    print(f"Inline rules: {min(inline):.1f} µs an item")
    best = [max(values) for values in rates.values()]
    measured = {
        "events_per_s": best[0],
        "tiered_events_per_s": best[1],
        "verdict_p99_ms": float(np.quantile(latencies, 0.99)),
    }
    rules = {"inline_us": min(inline)}
    passed = report.judge("anticheat_speed", measured)
    passed = report.judge("anticheat_inline", rules) and passed
    written = {"machine": facts, "rates": rates, "latencies_ms": latencies, "inline_us": inline}
    report.write_json(json, written | {"measured": measured | rules})
    return 0 if passed else 1


def _tiered(sequences: Sequences, model: Model) -> None:
    """Windows that the cheap first tier clears are not looked at further.

    Neither the service nor ``score`` does that: both keep a probability of every window, and that takes the model. It
    shows what a platform would gain that scores everybody each 10 events and wants no more than suspects.
    """
    for windows in cut(sequences, every=_OFTEN):
        worth = screen(windows, model)
        if worth.any():
            assess(windows.take(worth), model)


def _all(sequences: Sequences, model: Model) -> None:
    for _ in judged(sequences, model, Policy(), every=_OFTEN):
        pass


if __name__ == "__main__":
    main()
