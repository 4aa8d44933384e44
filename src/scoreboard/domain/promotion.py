"""The gate between a model's stages: what has to be true before it may do more. Decided by people, checked here.

``usecases/promote_model`` gathers the evidence and refuses with these sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scoreboard.domain.model import ModelStage

NEXT = {
    ModelStage.CANDIDATE: ModelStage.SHADOW,
    ModelStage.SHADOW: ModelStage.CANARY,
    ModelStage.CANARY: ModelStage.HOLD,
    ModelStage.HOLD: ModelStage.SUSPEND,
}
"""One step at a time."""

TPR_FLOORS = {"20": 0.51, "50": 0.68, "200": 0.72}
"""Cheats found at a false-positive rate of 0.1 %, mean over the families, by length of window: what gradient boosting
reached before anything was tuned. A model below it has learned nothing that counts."""
FAMILY_FLOOR = 0.20
"""The same for each family by itself, at the longest windows: no hole that one kind of cheat could live in."""
BORROWED = frozenset({"exponential_waits", "grinder", "lognormal_jitter", "shuffled_human"})
"""Families that no floor is set for: they borrow a person's intervals and leave out only memory or breaks, which 200 of
them do not tell from some people (ADR 0019). They count in the mean."""
SEGMENT_RATIO = 2.0
"""The worst segment's share of honest players who are flagged, over the mean: slow regular people are no cheats."""
FLAG_BUDGET = 0.004
"""Share of players whom a model may flag."""
HONEST_BUDGET = 0.1
"""Share of people whom reviewers cleared and a model in shadow would flag again."""
LEAST_LABELS = 5
PRECISION_FLOOR = 0.8
"""Confirmed by reviewers, of what the model brought up, before it may hold and before it may suspend."""
LEAST_PLAYERS = 20
REPORT_AGE = timedelta(minutes=10)
"""An older report comes from a process that no longer asks the model: they are written every few seconds."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What reviewers decided about players whom a model had looked at, and how many of them it had flagged."""

    cheats: int = 0
    cheats_flagged: int = 0
    honest: int = 0
    honest_flagged: int = 0

    @property
    def found(self) -> float | None:
        """Share of confirmed cheats that the model flagged; None where there are too few."""
        return None if self.cheats < LEAST_LABELS else self.cheats_flagged / self.cheats

    @property
    def wronged(self) -> float | None:
        """Share of cleared players whom the model flagged; None where there are too few."""
        return None if self.honest < LEAST_LABELS else self.honest_flagged / self.honest


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a model that shall do more.

    Attributes:
        stage_since: Since when it does what it does now.
        metrics: What its training measured.
        players: How many players it has looked at in this stage.
        flagged: How many of them it flagged, or would have.
        cheats_flagged: How many of those reviewers confirmed in this stage.
        days: On how many days of this stage it looked at anybody; none go by while models are switched off.
        labels: Reviewers' decisions about players it looked at.
        rival: The same for the model that it would replace; None where there is none.
        confirmed: Of the cases that it brought up or added to in this stage, how many reviewers confirmed.
        decided: How many they decided.
        canaries_equal: Whether its known windows still score the same; None where nobody has looked yet.
        reported_at: When the process that asks it last said so; None where none ever did.
    """

    stage_since: datetime
    metrics: Mapping[str, Any]
    players: int
    flagged: int
    cheats_flagged: int
    days: int
    labels: Labels
    rival: Labels | None
    confirmed: int
    decided: int
    canaries_equal: bool | None
    reported_at: datetime | None


@dataclass(frozen=True, slots=True)
class Patience:
    """Days in shadow before a model may flag, and days as a canary, and holding, before it may do more.

    So much time has to go by, and on so many days the model has to have looked at somebody.
    """

    shadow_days: float
    canary_days: float


def objections(stage: ModelStage, evidence: Evidence, patience: Patience, now: datetime) -> list[str]:
    """Why a model may not take the step from this stage to the next; none when it may. Sentences for an operator."""
    if stage is ModelStage.CANDIDATE:
        return _training(evidence.metrics)
    found = _waiting(stage, evidence, patience, now)
    if evidence.canaries_equal is not True:
        found.append("Its windows with known scores have not been found to come out as they should.")
    elif evidence.reported_at is None or now - evidence.reported_at > REPORT_AGE:
        found.append("Its last report on windows with known scores is old: the model's service has to be asking it.")
    if evidence.players < LEAST_PLAYERS:
        found.append(f"It has looked at {evidence.players} players in this stage; at least {LEAST_PLAYERS} are needed.")
    elif evidence.flagged / evidence.players > max(FLAG_BUDGET, _confirmed_share(evidence)):
        share = evidence.flagged / evidence.players
        found.append(f"It would flag {share:.2%} of the players; {FLAG_BUDGET:.1%} and the confirmed cheats may be.")
    # Whom an acting model wronged was cleared because it flagged them: all of them count against its precision.
    return found + (_labels(evidence) if stage is ModelStage.SHADOW else _precision(evidence))


def _confirmed_share(evidence: Evidence) -> float:
    """Cheats whom reviewers confirmed do not count against the budget."""
    return FLAG_BUDGET + evidence.cheats_flagged / max(evidence.players, 1)


def _waiting(stage: ModelStage, evidence: Evidence, patience: Patience, now: datetime) -> list[str]:
    days = patience.shadow_days if stage is ModelStage.SHADOW else patience.canary_days
    left = evidence.stage_since + timedelta(days=days) - now
    if left > timedelta(0):
        return [f"It has to be in this stage for {days:g} days; {left / timedelta(days=1):.1f} are left."]
    if evidence.days < days:
        return [f"It has looked at players on {evidence.days} days of this stage; {days:g} are needed."]
    return []


def _training(metrics: Mapping[str, Any]) -> list[str]:
    """The family table and the segments' budget, as the training measured them on unseen players."""
    found = []
    tables = metrics.get("tpr")
    if not isinstance(tables, Mapping):
        return ["Its training has no table of families: train it with `scoreboard train`."]
    for length, floor in TPR_FLOORS.items():
        reached = _at(tables, length, "macro")
        if reached is None or reached < floor:
            shown = "none" if reached is None else f"{reached:.2f}"
            found.append(f"Windows of {length}: finds {shown} of cheats at 0.1 % false positives; {floor} are needed.")
    families = _at(tables, max(TPR_FLOORS, key=int), "families")
    if isinstance(families, Mapping):
        weak = sorted(name for name, reached in families.items() if reached < FAMILY_FLOOR and name not in BORROWED)
        if weak:
            found.append(f"It finds too little of: {', '.join(weak)} (below {FAMILY_FLOOR}).")
    ratio = metrics.get("segment_ratio")
    if not isinstance(ratio, int | float) or ratio > SEGMENT_RATIO:
        shown = f"{ratio:.1f} times" if isinstance(ratio, int | float) else "nobody knows how"
        found.append(
            f"One segment of honest players is flagged {shown} as often as the mean; {SEGMENT_RATIO:g} may be."
        )
    return found


def _at(tables: Mapping[str, Any], length: str, name: str) -> Any:
    table = tables.get(length)
    return table.get(name) if isinstance(table, Mapping) else None


def _labels(evidence: Evidence) -> list[str]:
    """Reviewers' decisions of late: no fewer cheats than the model before, hardly anybody who was cleared."""
    found = []
    wronged = evidence.labels.wronged
    if wronged is not None and wronged > HONEST_BUDGET:
        found.append(f"It would flag {wronged:.0%} of those whom reviewers cleared; {HONEST_BUDGET:.0%} may be.")
    own, other = evidence.labels.found, None if evidence.rival is None else evidence.rival.found
    if own is not None and other is not None and own < other:
        found.append(f"It finds {own:.0%} of the cheats that reviewers confirmed, the model in use {other:.0%}.")
    return found


def _precision(evidence: Evidence) -> list[str]:
    if evidence.decided < LEAST_LABELS:
        return [f"Reviewers have decided {evidence.decided} cases of the model; at least {LEAST_LABELS} are needed."]
    precision = evidence.confirmed / evidence.decided
    if precision < PRECISION_FLOOR:
        return [f"Reviewers confirmed {precision:.0%} of its cases; {PRECISION_FLOOR:.0%} are needed."]
    return []
