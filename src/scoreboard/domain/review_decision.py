"""Who may take a case and decide about it, and what becomes of it: a case comes in, the case as it is then goes out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import Verdict
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.review import CaseSource, CaseStatus, ReviewCase, ReviewDecision, holds

_STAFF_DECIDES = (Role.MODERATOR, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who looks at a case."""

    id: UUID
    role: Role


@dataclass(frozen=True, slots=True)
class Accused:
    """What a decision has to know of the player. ``held``: how many actions of theirs wait for it."""

    role: Role
    status: PlayerStatus
    protected: bool
    held: int


def choices(case: ReviewCase, accused: Accused) -> tuple[ReviewDecision, ...]:
    """How the case may end. What holds points is released or rejected; what was only flagged can be dismissed."""
    if case.status is not CaseStatus.OPEN:
        return ()
    answers_for_points = accused.held > 0 or holds(case.verdict) or case.source is CaseSource.APPEAL
    first = ReviewDecision.RELEASE if answers_for_points else ReviewDecision.DISMISS
    found = [first, ReviewDecision.REJECT]
    if accused.status is not PlayerStatus.BANNED:
        found.append(ReviewDecision.BAN)
    return tuple(found)


def is_taken(case: ReviewCase, who: UUID, now: datetime) -> bool:
    """Whether somebody else has claimed the case and the lease has not lapsed."""
    return case.claimed_by not in (None, who) and case.claimed_until is not None and case.claimed_until > now


def may_look(case: ReviewCase, who: Reviewer) -> bool:
    """Nobody sees the evidence against themselves, whatever their role."""
    return case.player_id != who.id


def require_open_to(case: ReviewCase, who: Reviewer, now: datetime) -> None:
    """Make sure that this reviewer may work on the case now.

    Raises:
        Refusal: FORBIDDEN for one's own case, CONFLICT when it is decided or somebody else has it.
    """
    if not may_look(case, who):
        raise Refusal(ErrorCode.FORBIDDEN, "This case is about your own account; somebody else has to look at it.")
    if case.status is not CaseStatus.OPEN:
        raise Refusal(ErrorCode.CONFLICT, "This case is decided already.")
    if is_taken(case, who.id, now):
        raise Refusal(ErrorCode.CONFLICT, "Somebody else is looking at this case at the moment.")


def claim(case: ReviewCase, who: Reviewer, now: datetime, lease_s: float) -> ReviewCase:
    """The case in the hands of a reviewer for ``lease_s`` seconds; claiming again renews it.

    Raises:
        Refusal: as :func:`require_open_to`.
    """
    require_open_to(case, who, now)
    return replace(case, claimed_by=who.id, claimed_until=now + timedelta(seconds=lease_s))


def give_back(case: ReviewCase, who: Reviewer, now: datetime) -> ReviewCase:
    """The case in nobody's hands. Giving back what one does not have changes nothing.

    Raises:
        Refusal: as :func:`require_open_to`.
    """
    require_open_to(case, who, now)
    return replace(case, claimed_by=None, claimed_until=None)


def second_needed(case: ReviewCase, accused: Accused, who: UUID) -> bool:
    """Whether what this reviewer decides is only a proposal, for somebody else to confirm."""
    return accused.protected and (case.proposed_by is None or case.proposed_by == who)


def decide(
    case: ReviewCase, accused: Accused, decision: ReviewDecision, note: str, who: Reviewer, now: datetime
) -> ReviewCase:
    """The case decided, or with a proposal where the player is protected: a second person has to want the same.

    Raises:
        Refusal: as :func:`require_open_to`; FORBIDDEN when a moderator bans staff; CONFLICT for a decision that does
            not fit the case, and for the second word of somebody who had the first.
    """
    require_open_to(case, who, now)
    if who.role not in _STAFF_DECIDES:
        raise Refusal(ErrorCode.FORBIDDEN, "Your role does not allow this.")
    if decision not in choices(case, accused):
        raise Refusal(ErrorCode.CONFLICT, f"This case cannot end with {decision}; read it again and choose another.")
    if decision is ReviewDecision.BAN and accused.role is not Role.PLAYER and who.role is not Role.ADMIN:
        raise Refusal(ErrorCode.FORBIDDEN, "Only an administrator may ban somebody of the staff.")
    if accused.protected and (case.proposed_decision is not decision or case.proposed_by == who.id):
        return _propose(case, decision, note, who, now)
    return _decided(case, decision, note, who.id, now)


def _propose(case: ReviewCase, decision: ReviewDecision, note: str, who: Reviewer, now: datetime) -> ReviewCase:
    if case.proposed_decision is decision:
        words = "You have proposed this already; the player is protected, so a second person has to confirm it."
        raise Refusal(ErrorCode.CONFLICT, words)
    return replace(
        case,
        proposed_decision=decision,
        proposed_by=who.id,
        proposed_at=now,
        note=note,
        claimed_by=None,
        claimed_until=None,
    )


def _decided(
    case: ReviewCase, decision: ReviewDecision, note: str | None, who: UUID | None, now: datetime
) -> ReviewCase:
    return replace(
        case,
        status=CaseStatus.DECIDED,
        decision=decision,
        decided_by=who,
        decided_at=now,
        note=note,
        claimed_by=None,
        claimed_until=None,
        updated_at=now,
    )


def status_after(case: ReviewCase, status: PlayerStatus, *, appealed: bool) -> PlayerStatus | None:
    """What a decided case makes of the account; None where it stays as it is. Time that ran out changes no account.

    A release lifts what the case is about: the automatic suspension that came with it, or what the player appeals
    against in it. A suspension by a moderator is another matter, and stays.

    Args:
        case: as it is after the decision.
        status: of the account before it.
        appealed: whether an appeal is heard in the case.
    """
    if case.decision is ReviewDecision.BAN:
        return PlayerStatus.BANNED
    if case.decision is not ReviewDecision.RELEASE or case.decided_by is None:
        return None
    appealed = appealed or case.source is CaseSource.APPEAL
    lifted = status is PlayerStatus.SUSPENDED and (appealed or case.verdict is Verdict.SUSPEND)
    return PlayerStatus.ACTIVE if lifted or (status is PlayerStatus.BANNED and appealed) else None


def lifts(case: ReviewCase, status: PlayerStatus, who: UUID, *, appealed: bool) -> bool:
    """Whether the account is open again once this reviewer releases the case."""
    released = replace(case, decision=ReviewDecision.RELEASE, decided_by=who)
    return status_after(released, status, appealed=appealed) is PlayerStatus.ACTIVE


def lapse(case: ReviewCase, held: int, now: datetime) -> ReviewCase | None:
    """The case released because nobody decided in time; None where it waits on.

    Only what holds points is released: a flag costs the player nothing, so it may wait for a person.
    """
    overdue = case.status is CaseStatus.OPEN and case.due_at <= now
    if not overdue or not case.auto_release or not (held or holds(case.verdict)):
        return None
    return _decided(case, ReviewDecision.RELEASE, None, None, now)


def clears(case: ReviewCase) -> bool:
    """Whether the decision tells that the signals meant nothing. Time that ran out tells nothing."""
    return case.decided_by is not None and case.decision in (ReviewDecision.RELEASE, ReviewDecision.DISMISS)
