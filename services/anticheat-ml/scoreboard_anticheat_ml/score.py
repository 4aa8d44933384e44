"""``python -m scoreboard_anticheat_ml.score IN.npz OUT.csv [--policy FILE]``: judge recorded sequences.

Needs no database, no network and no settings. Scores with the model of the package; the same file gives the same
output. Exit code 2 and one sentence when something is wrong with what was given.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from threadpoolctl import threadpool_limits

from scoreboard_anticheat_ml.artefact import ArtefactRefused
from scoreboard_anticheat_ml.batches import Judged, judged
from scoreboard_anticheat_ml.detectors import rules
from scoreboard_anticheat_ml.explain import explain
from scoreboard_anticheat_ml.fusion import BadPolicy, Policy, Verdict
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.sequences import BadSequences, Sequences
from scoreboard_anticheat_ml.shipped import shipped
from scoreboard_anticheat_ml.windows import schedule

COLUMNS = ("player", "end_index", "window", "score", "probability", "verdict", "detectors", "reasons")
_EXPLAINED = (Verdict.FLAG, Verdict.HOLD, Verdict.SUSPEND)
_REASONS = 3
_TELL_S = 0.5

Row = tuple[int, int, int, str, str, str, str, str]


def rows(judgement: Judged, reasons: "Reasons") -> Iterator[Row]:
    """The lines of one batch, with the place of the player instead of the name."""
    found, windows = judgement.assessment, judgement.windows
    columns = (windows.player.tolist(), windows.end.tolist(), found.score.tolist(), found.probability.tolist())
    for row, (player, end, score, probability) in enumerate(zip(*columns, strict=True)):
        decision = judgement.decisions[row]
        why = reasons.of(judgement, row) if decision.verdict in _EXPLAINED else ""
        detectors = ";".join(decision.detectors)
        yield player, end, windows.length, f"{score:.6f}", f"{probability:.4f}", decision.verdict, detectors, why


class Reasons:
    """What speaks against players. An explanation takes a hundred times as long as a score, so each player gets one
    at the first flag and one whenever the verdict gets worse; the windows between refer to it.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._given: dict[int, tuple[Verdict, int]] = {}

    def of(self, judgement: Judged, row: int) -> str:
        """The reasons for a window that is at least flagged; call it in the order of a player's windows."""
        player, end = int(judgement.windows.player[row]), int(judgement.windows.end[row])
        verdict, at = self._given.get(player, (Verdict.NONE, 0))
        if _EXPLAINED.index(judgement.decisions[row].verdict) <= (_EXPLAINED.index(verdict) if at else -1):
            return f"as at event {at}"
        self._given[player] = judgement.decisions[row].verdict, end
        return "; ".join(self._explained(judgement, row))

    def _explained(self, judgement: Judged, row: int) -> Iterator[str]:
        """What is certain first."""
        found = judgement.assessment
        yield from (rule.words for rule in rules.broken(int(found.rules[row])))
        if "synchrony" in judgement.decisions[row].detectors:
            yield "acts at the same moments as another account"
        contributions = explain(self._model, found.features[row], judgement.windows.length, top=_REASONS)
        yield from (each.sentence() for each in contributions)


def score(sequences: Sequences, model: Model, policy: Policy, told: TextIO) -> list[Row]:
    """All lines, by player and then by the window's end; progress goes to ``told``."""
    total = sum(len(schedule(int(events))) for events in sequences.lengths())
    lines: list[Row] = []
    reasons = Reasons(model)
    last = began = time.monotonic()
    for batch in judged(sequences, model, policy):
        lines.extend(rows(batch, reasons))
        if time.monotonic() - last > _TELL_S:
            last = time.monotonic()
            print(f"{len(lines):,} of {total:,} windows", file=told, flush=True)
    lines.sort(key=lambda line: line[:2])
    spent = time.monotonic() - began
    print(f"{len(sequences):,} players, {total:,} windows, {spent:.1f} s", file=told, flush=True)
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, score, write. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scoreboard_anticheat_ml.score", description=__doc__.split("\n")[0])
    parser.add_argument("sequences", metavar="IN.npz", type=Path, help="off, t, age, kind, points, …, player")
    parser.add_argument("table", metavar="OUT.csv", type=Path, help=", ".join(COLUMNS))
    parser.add_argument("--policy", type=Path, help="JSON that replaces parts of the standing policy")
    asked = parser.parse_args(arguments)
    try:
        policy = Policy() if asked.policy is None else Policy.load(asked.policy)
        sequences = Sequences.load(asked.sequences)
        model = shipped().model
        with threadpool_limits(1), asked.table.open("w", newline="", encoding="utf-8") as file:
            lines = score(sequences, model, policy, sys.stderr)
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows((sequences.player[player], *rest) for player, *rest in lines)
    except (BadSequences, BadPolicy, ArtefactRefused, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
