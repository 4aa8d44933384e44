"""The model plays against labelled players: every window that it scores becomes a row of a table."""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from scoreboard_anticheat_ml.batches import Judged, judged
from scoreboard_anticheat_ml.fusion import Policy, Verdict
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.sequences import F32, F64, I64, Bools, Names
from scoreboard_anticheat_ml.training import HUMAN, Labelled
from scoreboard_anticheat_ml.windows import LONGEST

SEVERITY = {verdict: place for place, verdict in enumerate(Verdict)}
_IN_PLAY = 10  # events of cheating before a window is counted as a cheat's


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Players of one platform.

    Attributes:
        data: What they did, and their labels.
        person: (n,) who is behind each sequence: several may be one person's.
    """

    data: Labelled
    person: Names


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """(n,) one row for each window, by player and then by its end.

    Attributes:
        player: Number of the sequence; unique over all tables put together.
        person: Who is behind it.
        family: ``HUMAN`` or the family of cheats.
        since: After how many events the player begins to cheat.
        end: Events seen.
        length: Events in the window.
        score: To order by.
        raw: The model's alone, without the detectors beside it.
        probability: Calibrated.
        level: Thresholds passed, 0..3.
        verdict: Place in ``Verdict``.
        segment: See ``segments``.
        features: (n, F); (n, 0) when they were not asked for.
    """

    player: I64
    person: Names
    family: Names
    since: I64
    end: I64
    length: I64
    score: F64
    raw: F64
    probability: F64
    level: I64
    verdict: I64
    segment: I64
    features: F32

    @property
    def honest(self) -> Bools:
        """(n,) whether the row is an honest player's."""
        found: Bools = self.family == HUMAN
        return found

    def take(self, rows: I64 | Bools) -> "Table":
        """These rows."""
        return Table(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def without_features(self) -> "Table":
        """The same rows, smaller."""
        return replace(self, features=self.features[:, :0])

    def renumbered(self, player: I64) -> "Table":
        """The same rows of other players' numbers."""
        return replace(self, player=player)

    def compared(self, length: int) -> "Table":
        """The windows of one length that figures are drawn from: they do not overlap, and a cheat cheats in them.

        Where a person begins and a script goes on, the window holds something of both: later ones are the script's.
        """
        rows = (self.length == length) & ((length < LONGEST) | (self.end % length == 0))
        mixed = (self.since == 0) | (self.end - self.length < self.since)
        return self.take(rows & (self.honest | ((self.end >= self.since + _IN_PLAY) & mixed)))

    @classmethod
    def join(cls, tables: list["Table"]) -> Self:
        """Several platforms' tables as one."""
        joined = {field.name: np.concatenate([getattr(each, field.name) for each in tables]) for field in fields(cls)}
        starts = np.cumsum([0, *(int(each.player.max(initial=-1)) + 1 for each in tables)])
        joined["player"] = np.concatenate([each.player + start for each, start in zip(tables, starts, strict=False)])
        return cls(**joined)


def play(ground: Ground, model: Model, *, policy: Policy | None = None, features: bool = False) -> Table:
    """Judge every window of every player, and keep what figures need.

    Args:
        ground: The players.
        model: What is tried.
        policy: Draws verdicts; the standing one when left out.
        features: Keep them too.
    """
    parts = [_rows(ground, batch, features) for batch in judged(ground.data.sequences, model, policy or Policy())]
    table = Table(**{field.name: np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Table)})
    return table.take(np.lexsort((table.end, table.player)))


def _rows(ground: Ground, batch: Judged, features: bool) -> Table:
    windows, found = batch.windows, batch.assessment
    return Table(
        player=windows.player,
        person=ground.person[windows.player],
        family=ground.data.family[windows.player],
        since=ground.data.cheats_from[windows.player],
        end=windows.end,
        length=np.full(len(windows), windows.length),
        score=found.score,
        raw=found.raw,
        probability=found.probability,
        level=found.level,
        verdict=np.array([SEVERITY[decision.verdict] for decision in batch.decisions]),
        segment=found.segment,
        features=found.features[:, : None if features else 0],
    )
