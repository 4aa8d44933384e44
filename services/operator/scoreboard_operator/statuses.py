"""The status of a resource after a round, what of it has to be written, and what is worth an event. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scoreboard_operator.conditions import conditions_after, rfc3339, state_of
from scoreboard_operator.resources import Resource, truth_of
from scoreboard_operator.verdicts import State, Verdict

Json = dict[str, Any]
_WRITTEN = ("created", "changed", "restored")
_NORMAL = (State.DECLARED, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the resource, as ``kubectl describe`` shows it."""

    type: str
    reason: str
    message: str


def status_after(resource: Resource, before: Mapping[str, Any], verdict: Verdict, now: datetime) -> Json:
    """The whole status.

    What only the platform knows stays as it was last told where it could not be asked. ``lastSyncTime`` is when
    resource and platform came to agree: it moves with a change, not with each look, so that looking writes nothing.
    ``observedGeneration`` stays while the resource is paused: what is applied then was not declared, and whoever waits
    for it must not take it for done.
    """
    conditions = conditions_after(before.get("conditions") or (), verdict, resource.generation, now)
    observed = before.get("observedGeneration") if verdict.state is State.PAUSED else None
    after = {**before, "observedGeneration": observed or resource.generation, "conditions": conditions}
    if verdict.view is not None:
        after |= {"version": verdict.view.version, **truth_of(resource.kind, verdict.view.status)}
        if verdict.view.outcome in _WRITTEN or _newly_agreed(resource, before):
            after["lastSyncTime"] = rfc3339(now)
    return {name: value for name, value in after.items() if value is not None}


def patch_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    """What a merge patch has to say to make ``after`` of ``before``; empty when they are equal."""
    gone = {name: None for name in before if name not in after}
    return gone | {name: value for name, value in after.items() if before.get(name) != value}


def is_drift(resource: Resource, before: Mapping[str, Any], verdict: Verdict) -> bool:
    """Whether a round put something right that was declared before and changed since, though the resource did not."""
    return (
        verdict.outcome in ("changed", "restored")
        and before.get("observedGeneration") == resource.generation
        and state_of(before.get("conditions") or ()) is State.DECLARED
    )


def event_of(resource: Resource, before: Mapping[str, Any], verdict: Verdict) -> Event | None:
    """The event that a round is worth: another state than before, or drift that was put right."""
    if is_drift(resource, before, verdict):
        words = f"The {resource.kind.noun} had been changed on the platform; it is as declared again."
        return Event("Warning", "DriftCorrected", words)
    if state_of(before.get("conditions") or ()) is verdict.state:
        return None
    return Event("Normal" if verdict.state in _NORMAL else "Warning", verdict.reason, verdict.message)


def _newly_agreed(resource: Resource, before: Mapping[str, Any]) -> bool:
    agreed = state_of(before.get("conditions") or ()) is State.DECLARED
    return not agreed or before.get("observedGeneration") != resource.generation
