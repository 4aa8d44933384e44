"""Review cases as people read them: what the API answers, what is stored for a repeated request, and what is frozen
with a decision.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from scoreboard.domain.player import Player
from scoreboard.domain.review import ReviewCase
from scoreboard.domain.signal_words import words_of
from scoreboard.storage.review_queue import CaseFacts


class PersonView(msgspec.Struct, frozen=True):
    """Somebody of the staff."""

    id: UUID
    username: str


class CasePlayer(msgspec.Struct, frozen=True):
    """The player whom a case is about."""

    id: UUID
    username: str
    status: str
    protected: bool


class SignalView(msgspec.Struct, frozen=True):
    """A signal and what it means."""

    signal: str
    words: str


class HeldTotal(msgspec.Struct, frozen=True):
    """Points that wait for the decision; of a decided case those that waited for it."""

    actions: int
    points: int


class ClaimView(msgspec.Struct, frozen=True):
    """Who looks at the case now."""

    by: PersonView
    until: datetime


class ProposalView(msgspec.Struct, frozen=True):
    """What a first person decided about a protected player; a second has to confirm it."""

    decision: str
    by: PersonView
    at: datetime


class DecisionView(msgspec.Struct, frozen=True):
    """How the case ended; ``by`` is None where its time ran out."""

    decision: str
    by: PersonView | None
    at: datetime
    note: str | None


class CaseView(msgspec.Struct, frozen=True):
    """A case in a list."""

    id: UUID
    number: int
    player: CasePlayer
    source: str
    verdict: str
    status: str
    priority: int
    stakes: tuple[str, ...]
    signals: tuple[SignalView, ...]
    probability: float | None
    held: HeldTotal
    opened_at: datetime
    updated_at: datetime
    due_at: datetime
    auto_release: bool
    claim: ClaimView | None
    proposal: ProposalView | None
    decision: DecisionView | None
    appeal_of: UUID | None


class EventView(msgspec.Struct, frozen=True):
    """One noted signal."""

    at: datetime
    source: str
    signal: str
    words: str
    value: float | None
    reference: str | None
    weight: float
    suspicion: float
    action_id: UUID | None
    unit: str | None = None  # evidence that was frozen by earlier versions has none


class TimelineView(msgspec.Struct, frozen=True):
    """One completion; times in seconds. ``interval_s`` is the time since the one before."""

    at: datetime
    kind: str
    points: int
    age_s: float | None
    interval_s: float | None
    status: str


class HeldView(msgspec.Struct, frozen=True):
    """One held action."""

    action_id: UUID
    kind: str
    points: int
    at: datetime


class StakeView(msgspec.Struct, frozen=True):
    """A place on an open board: as everybody sees it, and as it would be if the held points counted."""

    board: str
    title: str
    season: int
    rank: int | None
    score: int | None
    provisional_score: int | None
    provisional_rank: int | None


class ReportView(msgspec.Struct, frozen=True):
    """What a player reported."""

    at: datetime
    by: PersonView | None
    reason: str
    note: str


class AppealView(msgspec.Struct, frozen=True):
    """What the player says."""

    at: datetime
    words: str


class EarlierView(msgspec.Struct, frozen=True):
    """Another case of the same player."""

    id: UUID
    number: int
    decision: str | None
    at: datetime


class Evidence(msgspec.Struct, frozen=True):
    """What a reviewer has before them. ``frozen_at`` is set once the case is decided: this is what was seen then.

    ``model`` is the model's latest explanation, as the model's service wrote it; ``held_total`` counts all held
    actions where ``held`` has only the latest.
    """

    events: tuple[EventView, ...]
    model: dict[str, Any] | None
    timeline: tuple[TimelineView, ...]
    held: tuple[HeldView, ...]
    held_total: HeldTotal
    standings: tuple[StakeView, ...]
    reports: tuple[ReportView, ...]
    appeal: AppealView | None
    earlier: tuple[EarlierView, ...]
    frozen_at: datetime | None = None


class May(msgspec.Struct, frozen=True):
    """What the reader may do with the case now. ``lifts``: releasing it opens the account again."""

    claim: bool
    decide: tuple[str, ...]
    second_needed: bool
    lifts: bool = False


class CaseDetail(msgspec.Struct, frozen=True):
    """A case with everything that belongs to it."""

    case: CaseView
    evidence: Evidence
    may: May


def person(player_id: UUID, people: dict[UUID, Player]) -> PersonView:
    """Somebody by id; who is gone has no name."""
    known = people.get(player_id)
    return PersonView(player_id, "" if known is None else known.username)


def people_in(cases: Iterable[ReviewCase]) -> set[UUID]:
    """Everybody whose name these cases show."""
    named = ((case.player_id, case.claimed_by, case.proposed_by, case.decided_by) for case in cases)
    return {who for each in named for who in each if who is not None}


def case_view(
    case: ReviewCase,
    people: dict[UUID, Player],
    facts: CaseFacts,
    held: tuple[int, int],
    stakes: tuple[str, ...],
    now: datetime,
) -> CaseView:
    """A case as a list shows it. ``held`` is the number of held actions and the sum of their points."""
    player = people[case.player_id]
    claim = proposal = decision = None
    if case.claimed_by is not None and case.claimed_until is not None and case.claimed_until > now:
        claim = ClaimView(person(case.claimed_by, people), case.claimed_until)
    if case.proposed_decision is not None and case.proposed_by is not None and case.proposed_at is not None:
        proposal = ProposalView(str(case.proposed_decision), person(case.proposed_by, people), case.proposed_at)
    if case.decision is not None and case.decided_at is not None:
        by = None if case.decided_by is None else person(case.decided_by, people)
        decision = DecisionView(str(case.decision), by, case.decided_at, case.note)
    return CaseView(
        case.id,
        case.number,
        CasePlayer(player.id, player.username, str(player.status), player.protected),
        str(case.source),
        str(case.verdict),
        str(case.status),
        case.priority,
        stakes,
        tuple(SignalView(signal, words_of(signal, reference)) for signal, reference in facts.signals),
        facts.probability,
        HeldTotal(*(facts.frozen_held or held)),
        case.opened_at,
        case.updated_at,
        case.due_at,
        case.auto_release,
        claim,
        proposal,
        decision,
        case.appeal_of,
    )
