"""Labelled players from the platform itself: what reviewers decided, and a sample of players whom nobody noticed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoreboard.domain.action import ActionKind
from scoreboard.storage.timings import Timing
from scoreboard.usecases.collect_labels import Labels, collect_labels
from scoreboard_anticheat_ml.sequences import Columns, Sequences
from scoreboard_anticheat_ml.training import HUMAN, Labelled
from scoreboard_cli.commands import on_platform
from scoreboard_cli.failures import ExpectedError

REVIEWED = "reviewed"
"""The family of everybody whom reviewers found cheating."""
_DAYS = 365.0
_AUDITED = 200
_NAN = float("nan")


def load_reviews(data: Path, *, audited: int = _AUDITED, seed: int = 1) -> Labelled:
    """Labelled players of the platform that runs in a folder, or whose stores the environment names.

    Args:
        data: folder of the platform.
        audited: how many unnoticed players at most are taken as honest ones.
        seed: chooses them.

    Raises:
        ExpectedError: nothing runs, a store cannot be reached, or nobody has decided anything yet.
    """
    labels = on_platform(
        data, "train", lambda platform: collect_labels(platform, days=_DAYS, audited=audited, seed=seed)
    )
    if not any(not play.audited for play in labels.plays):
        raise ExpectedError(
            "Reviewers have not decided about anybody with enough completions yet.", "Train without --from-reviews."
        )
    return labelled(labels)


def labelled(labels: Labels) -> Labelled:
    """Recorded play as the arrays that training reads."""
    numbers: dict[str, int] = {}
    columns = [_columns(play.completions, labels.kinds, numbers) for play in labels.plays]
    return Labelled(
        sequences=Sequences.gather([str(play.player_id) for play in labels.plays], columns),
        family=np.array([REVIEWED if play.cheat else HUMAN for play in labels.plays]),
        cheats_from=np.zeros(len(labels.plays), np.int64),
        person=np.array([str(play.player_id) for play in labels.plays]),
    )


def _columns(
    completions: Sequence[Timing], kinds: dict[tuple[str, int], ActionKind], numbers: dict[str, int]
) -> Columns:
    known = [kinds.get((row.kind_key, row.kind_version)) for row in completions]
    return Columns(
        t=[row.at.timestamp() for row in completions],
        age=[_age(row, kind) for row, kind in zip(completions, known, strict=True)],
        kind=[numbers.setdefault(row.kind_key, len(numbers)) for row in completions],
        points=[float(row.points) for row in completions],
        points_max=[_NAN if kind is None or kind.points is not None else float(kind.max_points) for kind in known],
        ok=[True] * len(completions),
        cooldown=[0.0 if kind is None else kind.cooldown_s for kind in known],
    )


def _age(row: Timing, kind: ActionKind | None) -> float:
    """Seconds from beginning to completion; unknown for what is begun and completed in one call."""
    if row.begun_at is None or kind is None or kind.direct:
        return _NAN
    return (row.at - row.begun_at).total_seconds()
