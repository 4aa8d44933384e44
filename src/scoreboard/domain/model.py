"""Models of the anti-cheat: what one may do by itself, which of them is asked, and what it found in a window.

The model itself is a service's; here is only what its verdicts mean. Fed by ``usecases/judge_players``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from scoreboard.domain.events import Verdict
from scoreboard.domain.policy import AntiCheatPolicy, Mode
from scoreboard.domain.review import gravity


class ModelStage(StrEnum):
    """What a model may do. One in ``shadow`` only writes down what it finds, a ``canary`` flags, a ``candidate`` is not
    loaded at all, a ``retired`` one was taken back.
    """

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    HOLD = "hold"
    SUSPEND = "suspend"
    RETIRED = "retired"


class Found(StrEnum):
    """What a model found in a window, the gravest last; ``watch`` only means to look more often."""

    NONE = "none"
    WATCH = "watch"
    FLAG = "flag"
    HOLD = "hold"
    SUSPEND = "suspend"


ACTING = (ModelStage.CANARY, ModelStage.HOLD, ModelStage.SUSPEND)
_LIMITS = {
    ModelStage.CANARY: Verdict.FLAG,
    ModelStage.HOLD: Verdict.HOLD,
    ModelStage.SUSPEND: Verdict.SUSPEND,
}
_WANTED = {Found.FLAG: Verdict.FLAG, Found.HOLD: Verdict.HOLD, Found.SUSPEND: Verdict.SUSPEND}


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model as the registry knows it. ``sidecar`` tells how it was made and measured; JSON values only."""

    id: str
    stage: ModelStage
    stage_since: datetime
    created_at: datetime
    created_by: str
    sidecar: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lineup:
    """Which models are loaded: the one that is asked, one in shadow beside it that is asked too but never acts, and the
    one that acted before, which can take its place at once.
    """

    current: RegisteredModel | None = None
    candidate: RegisteredModel | None = None
    previous: RegisteredModel | None = None


def line_up(models: Iterable[RegisteredModel]) -> Lineup:
    """Choose among all registered models. The latest that was allowed to act is asked; without one, the latest shadow.

    So a model that is taken back (``retired``) leaves its place to the one before it.
    """
    latest = sorted(models, key=lambda model: (model.stage_since, model.id), reverse=True)
    acting = [model for model in latest if model.stage in ACTING]
    shadows = [model for model in latest if model.stage is ModelStage.SHADOW]
    if not acting:
        return Lineup(next(iter(shadows), None), None, next(iter(shadows[1:]), None))
    return Lineup(acting[0], next(iter(shadows), None), next(iter(acting[1:]), None))


def acted_verdict(found: Found, stage: ModelStage, policy: AntiCheatPolicy) -> Verdict:
    """What a finding leads to: no more than the model's stage allows, and no more than the policy does."""
    if policy.mode is Mode.SHADOW:
        return Verdict.ALLOW
    return min(wanted_verdict(found), _LIMITS.get(stage, Verdict.ALLOW), policy.model, key=gravity)


def wanted_verdict(found: Found) -> Verdict:
    """What a finding would lead to if nothing limited it."""
    return _WANTED.get(found, Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class Detection:
    """One detector that fired in a window: its name, and what it saw in words for a moderator."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """A window of one player's completions after a model has looked at it.

    Attributes:
        player_id: Whose.
        model_id: Which model.
        end_seq: Ledger number of its last completion.
        events: How many completions the player had by then.
        size: How many of them it covers.
        score: Raw score, comparable within one size.
        probability: Calibrated.
        level: How many of the thresholds 1 %, 0.1 %, 0.01 % it exceeds.
        found: What the model makes of it and of those before.
        detections: What fired.
        kind_key: Kind of its last completion, whose policy applies.
        ended_at: Moment of its last completion.
        detail: The explanation for a reviewer, JSON values only; None for what nobody will look at.
        trace_id: Trace context of its last completion, where that is recorded.
    """

    player_id: UUID
    model_id: str
    end_seq: int
    events: int
    size: int
    score: float
    probability: float
    level: int
    found: Found
    detections: tuple[Detection, ...]
    kind_key: str
    ended_at: datetime
    detail: dict[str, Any] | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a reviewer was told about a player by a model of late: gravest verdict, every detector, the last time."""

    verdict: Verdict
    detectors: frozenset[str]
    at: datetime


def is_worth_telling(
    verdict: Verdict, detectors: Iterable[str], at: datetime, told: Told | None, pause_s: float
) -> bool:
    """Whether a verdict adds to what reviewers know: the first, a graver one, another detector, or after a pause."""
    if verdict is Verdict.ALLOW:
        return False
    if told is None or gravity(verdict) > gravity(told.verdict) or not told.detectors.issuperset(detectors):
        return True
    return at - told.at >= timedelta(seconds=pause_s)


def told_now(verdict: Verdict, detectors: Iterable[str], at: datetime, told: Told | None, pause_s: float) -> Told:
    """What reviewers know once they are told this. Detectors that take turns are news once, until the pause is over."""
    if told is None or at - told.at >= timedelta(seconds=pause_s):
        return Told(verdict, frozenset(detectors), at)
    return Told(max(verdict, told.verdict, key=gravity), told.detectors.union(detectors), at)
