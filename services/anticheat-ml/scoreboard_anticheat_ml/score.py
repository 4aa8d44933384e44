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
from scoreboard_anticheat_ml.explain import explain_all
from scoreboard_anticheat_ml.fusion import BadPolicy, Policy, Verdict
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.sequences import BadSequences, Sequences
from scoreboard_anticheat_ml.shipped import shipped
from scoreboard_anticheat_ml.windows import schedule

COLUMNS = ("player", "end_index", "window", "score", "probability", "verdict", "detectors", "reasons")
_SAID = {Verdict.FLAG: 1, Verdict.HOLD: 2, Verdict.SUSPEND: 3}
_REASONS = 3
_TELL_S = 0.5

Row = tuple[int, int, int, str, str, str, str, str]


def rows(judgement: Judged, reasons: "Reasons") -> Iterator[Row]:
    """The lines of one batch, with the place of the player instead of the name."""
    found, windows = judgement.assessment, judgement.windows
    columns = (windows.player.tolist(), windows.end.tolist(), found.score.tolist(), found.probability.tolist())
    said = zip(*columns, judgement.decisions, reasons.of(judgement), strict=True)
    for player, end, score, probability, decision, why in said:
        detectors = ";".join(decision.detectors)
        yield player, end, windows.length, f"{score:.6f}", f"{probability:.4f}", decision.verdict, detectors, why


class Reasons:
    """What speaks against players. An explanation takes a hundred times as long as a score, so each player gets one
    at the first flag and one whenever the verdict gets worse; the windows between refer to it.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._given: dict[int, tuple[int, int]] = {}

    def of(self, judgement: Judged) -> list[str]:
        """A text for each window, empty where nothing is said; batches have to come in their order."""
        said, fresh = [], []
        windows = judgement.windows
        ends = zip(windows.player.tolist(), windows.end.tolist(), judgement.decisions, strict=True)
        for row, (player, end, decision) in enumerate(ends):
            severity = _SAID.get(decision.verdict, 0)
            most, at = self._given.get(player, (0, 0))
            if severity > most:
                fresh.append(row)
                self._given[player] = severity, end
            said.append(f"as at event {at}" if severity else "")
        for row, text in zip(fresh, self._explained(judgement, fresh), strict=True):
            said[row] = text
        return said

    def _explained(self, judgement: Judged, fresh: list[int]) -> list[str]:
        """What is certain first."""
        if not fresh:
            return []
        found, length = judgement.assessment, judgement.windows.length
        texts = []
        for row, contributions in zip(
            fresh, explain_all(self._model, found.features[fresh], length, top=_REASONS), strict=True
        ):
            proofs = [rule.words for rule in rules.broken(int(found.rules[row]))]
            if "synchrony" in judgement.decisions[row].detectors:
                proofs.append("acts at the same moments as another account")
            texts.append("; ".join([*proofs, *(each.sentence() for each in contributions)]))
        return texts


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


def score_file(source: Path, table: Path, model: Model, policy: Policy, told: TextIO) -> None:
    """From a file of sequences to a file of verdicts.

    Raises:
        BadSequences: The source is no such file.
        OSError: The table cannot be written.
    """
    sequences = Sequences.load(source)
    with table.open("w", newline="", encoding="utf-8") as file:
        lines = score(sequences, model, policy, told)
        written = csv.writer(file)
        written.writerow(COLUMNS)
        written.writerows((sequences.player[player], *rest) for player, *rest in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, score, write. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scoreboard_anticheat_ml.score", description=__doc__.split("\n")[0])
    parser.add_argument("sequences", metavar="IN.npz", type=Path, help="off, t, age, kind, points, …, player")
    parser.add_argument("table", metavar="OUT.csv", type=Path, help=", ".join(COLUMNS))
    parser.add_argument("--policy", type=Path, help="JSON that replaces parts of the standing policy")
    asked = parser.parse_args(arguments)
    try:
        policy = Policy() if asked.policy is None else Policy.load(asked.policy)
        with threadpool_limits(1):
            score_file(asked.sequences, asked.table, shipped().model, policy, sys.stderr)
    except (BadSequences, BadPolicy, ArtefactRefused, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
