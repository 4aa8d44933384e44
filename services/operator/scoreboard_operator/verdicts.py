"""What the API's answer means for a resource. Pure: bytes in, a verdict in words for people out."""

import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec

from scoreboard_operator.resources import Kind, field_of, noun_of


class State(StrEnum):
    """How a resource stands; exactly one at a time. The label of the metric that counts resources."""

    DECLARED = "Declared"
    WAITING = "Waiting"
    CONFLICT = "Conflict"
    INVALID = "Invalid"
    DEGRADED = "Degraded"
    PAUSED = "Paused"


class Owner(msgspec.Struct, frozen=True):
    """Who manages a thing of the platform: a resource by its uid, or a person."""

    uid: str | None = None
    name: str = ""
    generation: int | None = None


class View(msgspec.Struct, frozen=True):
    """A thing as the API tells it; ``outcome`` only after a change was asked for."""

    key: str
    version: int
    status: dict[str, Any] = {}
    managed_by: Owner | None = None
    retired_at: str | None = None
    outcome: str = "seen"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    detail: str = ""
    pointer: str = ""


class Missing(msgspec.Struct, frozen=True):
    """Something that has to be declared first."""

    resource: str
    key: str


class Problem(msgspec.Struct, frozen=True):
    """A refusal (RFC 9457) with the members that matter here."""

    code: str = ""
    detail: str = ""
    reason: str = ""
    errors: list[Fault] = []
    waits_for: list[Missing] = []
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a resource stands after a round.

    Args:
        reason: CamelCase, for the condition.
        message: a sentence for people.
        outcome: label of the metric that counts rounds.
        view: the thing as it is, where the API told.
        waits_for: endpoint and key of what has to come first.
        retry_after: seconds that the API asks us to wait.
    """

    state: State
    reason: str
    message: str
    outcome: str
    view: View | None = None
    waits_for: tuple[tuple[str, str], ...] = ()
    retry_after: float = 0.0


PAUSED = Verdict(
    State.PAUSED, "PausedByAnnotation", "Left alone: the annotation scoreboard.dev/paused is true.", "paused"
)
NOT_THERE, BUSY = "NotThere", "Busy"
_TOLD_OUTCOMES = ("created", "changed", "restored", "unchanged", "retired", "released", "seen")
OUTCOMES = (*_TOLD_OUTCOMES, "waiting", "conflict", "invalid", "degraded", "paused")
_CONFLICTS = {
    "owned": "OwnedByAnother",
    "taken_over": "TakenOver",
    "stale_generation": "StaleGeneration",
    "immutable": "Immutable",
    "scheduled_board": "ScheduledBoard",
    "overlap": "Overlap",
}
_FOR_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_SECONDS = re.compile(r"\d{1,5}", re.ASCII)  # of a Retry-After; what is no number, or longer than a day, is not obeyed
_NOT_THIS_API = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}


def unreachable(why: str) -> Verdict:
    """The API gave no answer."""
    return Verdict(State.DEGRADED, "Unreachable", f"The API does not answer: {why}. Trying again.", "degraded")


def verdict_of(kind: Kind, status: int, body: bytes, retry_after: str = "", issuer: str = "") -> Verdict:
    """What an answer means.

    Args:
        kind: of the resource that was asked for.
        status: of the HTTP reply.
        body: JSON, a view or a problem; anything else counts as an API that is not ours.
        retry_after: the header, in seconds.
        issuer: who issued the token that was sent.
    """
    if status in (HTTPStatus.OK, HTTPStatus.CREATED):
        return _declared(kind, body)
    problem = _problem(body)
    if status == HTTPStatus.CONFLICT:
        return Verdict(State.CONFLICT, _CONFLICTS.get(problem.reason, "Conflict"), _told(kind, problem), "conflict")
    if problem.waits_for:
        return _waiting(problem)
    if _is_permanent(status):
        return Verdict(State.INVALID, "Refused", _told(kind, problem), "invalid")
    return _degraded(status, problem, retry_after, issuer)


def _declared(kind: Kind, body: bytes) -> Verdict:
    try:
        view = msgspec.json.decode(body, type=View)
    except msgspec.DecodeError:
        return unreachable("what answers at its address speaks another language")
    outcome = view.outcome if view.outcome in _TOLD_OUTCOMES else "changed"
    message = f"The {kind.noun} “{view.key}” is declared as version {view.version}."
    if view.status.get("counts_on") == []:
        message += " It counts on no board now."
    return Verdict(State.DECLARED, "Declared", message, outcome, view)


def _waiting(problem: Problem) -> Verdict:
    names = [f"{noun_of(missing.resource)} “{missing.key}”" for missing in problem.waits_for]
    message = f"Waits until it is declared: {', '.join(names)}."
    awaited = tuple((missing.resource, missing.key) for missing in problem.waits_for)
    return Verdict(State.WAITING, "WaitsForOthers", message, "waiting", waits_for=awaited)


def _is_permanent(status: int) -> bool:
    """A refusal of what was sent; whom we are (401, 403) and where we asked (404, 405) is not the resource's fault."""
    elsewhere = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, *_FOR_LATER, *_NOT_THIS_API}
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in elsewhere


def _degraded(status: int, problem: Problem, retry_after: str, issuer: str) -> Verdict:
    detail = problem.detail or problem.code or "no reason given"
    if status == HTTPStatus.UNAUTHORIZED:
        reason, message = "Unauthenticated", f"The API does not accept the operator's token: {detail}"
        if issuer:
            message += (
                f" It was issued by {issuer}; the chart's value operator.tokenIssuer names the issuer to the API."
            )
    elif status == HTTPStatus.FORBIDDEN:
        reason, message = "Forbidden", f"The API does not let the operator declare anything: {detail}"
    elif status in _NOT_THIS_API:
        reason = NOT_THERE if problem.code == "NOT_FOUND" else "WrongApi"
        message = "The API does not know it, or has no such endpoint: is it of the same version as the operator?"
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        reason, message = BUSY, f"The API asks for a pause: {detail}"
    else:
        reason, message = "Unavailable", f"The API cannot at this moment ({status}): {detail}"
    wait = float(retry_after) if _SECONDS.fullmatch(retry_after) else 0.0
    return Verdict(State.DEGRADED, reason, message, "degraded", retry_after=wait)


def _problem(body: bytes) -> Problem:
    try:
        return msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        return Problem()


def _told(kind: Kind, problem: Problem) -> str:
    """The API's own sentence, then each field by the name that it has in the resource."""
    faults = [f"{field_of(kind, fault.pointer)}: {fault.detail}" for fault in problem.errors if fault.detail]
    owner = f"It belongs to {problem.owner.name}." if problem.owner is not None and problem.owner.name else ""
    parts = [problem.detail or "The API refuses it.", owner, "; ".join(faults)]
    return " ".join(part for part in parts if part)
