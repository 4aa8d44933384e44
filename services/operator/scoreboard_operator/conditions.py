"""Conditions of a resource after a round. Pure: the former ones, the verdict and the moment in, the new ones out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from scoreboard_operator.verdicts import State, Verdict

Json = dict[str, Any]


class Truth(StrEnum):
    """Kubernetes' three values."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


READY, CONFLICT, INVALID, DEGRADED, PAUSED = "Ready", "Conflict", "Invalid", "Degraded", "Paused"
TYPES = (READY, CONFLICT, INVALID, DEGRADED, PAUSED)
_ABNORMAL = {State.CONFLICT: CONFLICT, State.INVALID: INVALID, State.DEGRADED: DEGRADED, State.PAUSED: PAUSED}
_FINE = {
    CONFLICT: ("NoConflict", "Nobody else manages it."),
    INVALID: ("Valid", "Nothing in it is wrong."),
    DEGRADED: ("Answered", "The API answers."),
    PAUSED: ("Active", "It is kept as declared."),
}
# What a round without an answer says nothing about, and leaves as it was.
_UNTOLD = {State.DEGRADED: (CONFLICT, INVALID), State.PAUSED: (READY, CONFLICT, INVALID, DEGRADED)}


@dataclass(frozen=True, slots=True)
class Said:
    """What a condition says now."""

    truth: Truth
    reason: str
    message: str


def rfc3339(moment: datetime) -> str:
    """As the API server writes moments: UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def conditions_after(
    before: Iterable[Mapping[str, Any]], verdict: Verdict, generation: int, now: datetime
) -> list[Json]:
    """All five conditions. ``lastTransitionTime`` moves only with the status of a condition."""
    known = {str(condition["type"]): dict(condition) for condition in before}
    return [_one(name, known.get(name), verdict, generation, now) for name in TYPES]


def state_of(conditions: Iterable[Mapping[str, Any]]) -> State | None:
    """The state that conditions tell of; None when they say nothing yet."""
    values = {str(each["type"]): str(each["status"]) for each in conditions}
    for name, state in ((PAUSED, State.PAUSED), (DEGRADED, State.DEGRADED), (INVALID, State.INVALID)):
        if values.get(name) == Truth.TRUE:
            return state
    if values.get(CONFLICT) == Truth.TRUE:
        return State.CONFLICT
    return {Truth.TRUE: State.DECLARED, Truth.FALSE: State.WAITING}.get(Truth(values.get(READY, Truth.UNKNOWN)))


def _one(name: str, known: Json | None, verdict: Verdict, generation: int, now: datetime) -> Json:
    untold = name in _UNTOLD.get(verdict.state, ())
    if untold and known is not None:
        return known
    said = Said(Truth.UNKNOWN, "NotAskedYet", "The API has not been asked yet.") if untold else _said(name, verdict)
    stays = known is not None and known["status"] == said.truth
    return {
        "type": name,
        "status": str(said.truth),
        "observedGeneration": generation,
        "lastTransitionTime": known["lastTransitionTime"] if known is not None and stays else rfc3339(now),
        "reason": said.reason,
        "message": said.message,
    }


def _said(name: str, verdict: Verdict) -> Said:
    return _ready(verdict) if name == READY else _abnormal(name, verdict)


def _ready(verdict: Verdict) -> Said:
    if verdict.state is State.DECLARED:
        return Said(Truth.TRUE, verdict.reason, verdict.message)
    truth = Truth.UNKNOWN if verdict.state is State.DEGRADED else Truth.FALSE
    return Said(truth, verdict.reason, verdict.message)


def _abnormal(name: str, verdict: Verdict) -> Said:
    if _ABNORMAL.get(verdict.state) == name:
        return Said(Truth.TRUE, verdict.reason, verdict.message)
    return Said(Truth.FALSE, *_FINE[name])
