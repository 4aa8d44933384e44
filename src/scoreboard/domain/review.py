"""Review cases: what is brought before a person, how urgent it is, and what that person may decide."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from scoreboard.domain.events import Verdict


class CaseSource(StrEnum):
    """Who brought a case up."""

    RULES = "rules"
    MODEL = "model"
    REPORT = "report"
    MODERATOR = "moderator"
    APPEAL = "appeal"


class CaseStatus(StrEnum):
    """An open case gathers evidence; a decided one is frozen."""

    OPEN = "open"
    DECIDED = "decided"


class ReviewDecision(StrEnum):
    """How a case ends.

    ``release``: held points count, with their original time. ``reject``: held points are void. ``ban``: the account is
    closed as well. ``dismiss``: nothing was wrong with what was only flagged, and the same signals do not bring the
    player up again.
    """

    RELEASE = "release"
    REJECT = "reject"
    BAN = "ban"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class SuspicionEvent:
    """One signal of one player, as it is kept for the reviewer.

    ``value`` is what was measured, ``reference`` what people show instead, in words; ``suspicion`` is the player's
    after it; ``verdict`` what it led to, or would have in shadow mode. ``detail`` holds JSON values only.
    """

    player_id: UUID
    at: datetime
    source: CaseSource
    signal: str
    weight: float
    suspicion: float
    verdict: Verdict
    value: float | None = None
    reference: str | None = None
    action_id: UUID | None = None
    detail: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """Why a player's case is opened or gets more evidence. ``events`` are this player's, oldest first."""

    player_id: UUID
    verdict: Verdict
    source: CaseSource
    events: tuple[SuspicionEvent, ...]
    review_s: float = 86400.0
    auto_release: bool = True


@dataclass(frozen=True, slots=True)
class Clearance:
    """What a person found nothing wrong with: these signals, up to this verdict, until this moment."""

    signals: frozenset[str]
    until: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """One player's case. ``number`` is what people call it by; the database gives it."""

    id: UUID
    number: int
    player_id: UUID
    source: CaseSource
    verdict: Verdict
    status: CaseStatus
    priority: int
    stakes: tuple[str, ...]
    opened_at: datetime
    updated_at: datetime
    due_at: datetime
    auto_release: bool
    claimed_by: UUID | None = None
    claimed_until: datetime | None = None
    proposed_decision: ReviewDecision | None = None
    proposed_by: UUID | None = None
    proposed_at: datetime | None = None
    decision: ReviewDecision | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None
    note: str | None = None
    appeal_of: UUID | None = None


LEADS = "leads"
TOP = "top"
_GRAVITY = {Verdict.ALLOW: 0, Verdict.FLAG: 1, Verdict.HOLD: 2, Verdict.SUSPEND: 3}
_PRESSING = {
    CaseSource.RULES: 1,
    CaseSource.MODEL: 2,
    CaseSource.REPORT: 3,
    CaseSource.APPEAL: 4,
    CaseSource.MODERATOR: 5,
}
_ASKED_BY_PEOPLE = (CaseSource.MODERATOR, CaseSource.APPEAL)


def gravity(verdict: Verdict) -> int:
    """How grave a verdict is, from 0 (allow) to 3 (suspend)."""
    return _GRAVITY[verdict]


def holds(verdict: Verdict) -> bool:
    """Whether points are held while a case with this verdict is open."""
    return _GRAVITY[verdict] >= _GRAVITY[Verdict.HOLD]


def priority_of(source: CaseSource, verdict: Verdict, stakes: Iterable[str]) -> int:
    """How urgent a case is; of two that are as urgent the older one comes first.

    What is at stake counts most (who leads a season, then who is near its top), then who asked (a moderator, the
    player by an appeal, other players, the model, the rules), then the verdict.
    """
    kinds = {stake.partition(":")[0] for stake in stakes}
    stake = 2 if LEADS in kinds else 1 if TOP in kinds else 0
    return 100 * stake + 10 * _PRESSING[source] + _GRAVITY[verdict]


def merged(suspects: Iterable[Suspect]) -> dict[UUID, Suspect]:
    """One suspect for each player: the gravest verdict, the most pressing source, all events, the longest time."""
    found: dict[UUID, Suspect] = {}
    for suspect in suspects:
        other = found.get(suspect.player_id)
        found[suspect.player_id] = suspect if other is None else _both(other, suspect)
    return found


def _both(first: Suspect, second: Suspect) -> Suspect:
    return Suspect(
        first.player_id,
        max(first.verdict, second.verdict, key=gravity),
        max(first.source, second.source, key=_PRESSING.__getitem__),
        first.events + second.events,
        max(first.review_s, second.review_s),
        first.auto_release and second.auto_release,
    )


def is_new_evidence(suspect: Suspect, clearance: Clearance | None, now: datetime) -> bool:
    """Whether a player whom people have cleared is brought up again.

    Never for what they have looked at: the same signals, with a verdict no graver than theirs. Always when a person
    asks, and when points are held already: somebody has to decide about those.
    """
    if clearance is None or now >= clearance.until or suspect.source in _ASKED_BY_PEOPLE:
        return True
    if _GRAVITY[suspect.verdict] > _GRAVITY[clearance.verdict]:
        return True
    if any(event.verdict is Verdict.HOLD and event.action_id is not None for event in suspect.events):
        return True
    return any(event.signal not in clearance.signals for event in suspect.events)


def open_case(case_id: UUID, suspect: Suspect, now: datetime) -> ReviewCase:
    """A new case; what is at stake is found out later, see :func:`with_stakes`."""
    return ReviewCase(
        case_id,
        0,
        suspect.player_id,
        suspect.source,
        suspect.verdict,
        CaseStatus.OPEN,
        priority_of(suspect.source, suspect.verdict, ()),
        (),
        now,
        now,
        now + timedelta(seconds=suspect.review_s),
        suspect.auto_release,
    )


def extend_case(case: ReviewCase, suspect: Suspect, now: datetime) -> ReviewCase:
    """An open case with more evidence. Where the verdict becomes graver, people get their time once more."""
    verdict = max(case.verdict, suspect.verdict, key=gravity)
    source = max(case.source, suspect.source, key=_PRESSING.__getitem__)
    graver = _GRAVITY[verdict] > _GRAVITY[case.verdict]
    due = now + timedelta(seconds=suspect.review_s)
    return replace(
        case,
        source=source,
        verdict=verdict,
        priority=priority_of(source, verdict, case.stakes),
        updated_at=max(now, case.updated_at),
        due_at=max(case.due_at, due) if graver else case.due_at,
        auto_release=case.auto_release and suspect.auto_release,
    )


def with_stakes(case: ReviewCase, stakes: Iterable[str]) -> ReviewCase:
    """The case with what is at stake now, and as urgent as that makes it."""
    stakes = tuple(sorted(stakes))
    return replace(case, stakes=stakes, priority=priority_of(case.source, case.verdict, stakes))
