"""What a decision about a case sets in motion: points, the account, the player's suspicion, the frozen evidence.

Used by a moderator's decision and by the deadline; both do it in one transaction, so there is no half of a decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType
from scoreboard.domain.player import Player
from scoreboard.domain.review import ReviewCase, ReviewDecision
from scoreboard.domain.review_decision import Accused, clears, status_after
from scoreboard.storage import actions, audit, players, review_cases, review_evidence
from scoreboard.storage.database import Transaction
from scoreboard.storage.review_evidence import HeldAction
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.amend_actions import Amended, Amendment, amend_actions, announce_amended
from scoreboard.usecases.change_status import StatusChange, record_status, set_status, spread_status
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_case import freeze, gather_evidence

_ENTRY = {
    ReviewDecision.RELEASE: EntryType.RELEASED,
    ReviewDecision.REJECT: EntryType.REJECTED,
    ReviewDecision.BAN: EntryType.REJECTED,
}


@dataclass(frozen=True, slots=True)
class LockedCase:
    """A case about to be decided, with everything that the decision may change, locked."""

    case: ReviewCase
    player: Player
    held: tuple[HeldAction, ...]
    now: datetime

    @property
    def accused(self) -> Accused:
        """What the rules have to know of the player."""
        return Accused(self.player.role, self.player.status, self.player.protected, len(self.held))


@dataclass(frozen=True, slots=True)
class Concluded:
    """A decision in its transaction, and what is still to be told of it once that is committed."""

    case: ReviewCase
    amended: Amended
    status: StatusChange | None


async def lock_case(tx: Transaction, case_id: UUID) -> LockedCase:
    """Lock a case for a decision, in the one order of locks: player, held actions, suspicion, case.

    The player's completions wait at the suspicion, so nothing more is held once that is locked.

    Raises:
        Refusal: NOT_FOUND.
    """
    case = await review_cases.find(tx, case_id)
    player = None if case is None else await players.lock(tx, case.player_id)
    if player is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such case.")
    await review_evidence.lock_held(tx, player.id)
    await review_cases.lock_clearances(tx, [player.id])
    held = await review_evidence.held(tx, [player.id])
    locked = await review_cases.lock(tx, case_id)
    if locked is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such case.")
    return LockedCase(locked, player, tuple(held), await actions.clock(tx))


async def conclude(
    tx: Transaction, platform: Platform, boards: Mapping[str, Board], locked: LockedCase, decided: ReviewCase
) -> Concluded:
    """Carry out a decision in the caller's transaction. :func:`record_conclusion` follows as its last step.

    Args:
        tx: has locked the case by :func:`lock_case`.
        platform: settings and boards.
        boards: for the places that are frozen with the evidence.
        locked: the case as it was.
        decided: the case as it is now.

    Raises:
        Refusal: INVALID_SCORE when a board cannot hold the points that would be released.
    """
    evidence = await gather_evidence(tx, boards, locked.case, locked.held)
    await review_cases.save_step(tx, decided, freeze(evidence, locked.now))
    if clears(decided):
        until = locked.now + timedelta(days=platform.settings.review_cleared_days)
        signals = {event.signal for event in evidence.events}
        await review_cases.clear(tx, locked.player.id, signals, until, locked.now)
    else:
        await review_cases.stop_holding(tx, locked.player.id)
    wanted = status_after(decided, locked.player.status, appealed=evidence.appeal is not None)
    status = None if wanted is None else await set_status(platform, tx, locked.player, wanted, None)
    entry_type = _ENTRY.get(decided.decision) if decided.decision is not None else None
    amendments = [Amendment(action.action_id, entry_type) for action in locked.held if entry_type is not None]
    amendments += [Amendment(action_id, EntryType.RESTORED) for action_id in await _upheld(tx, decided)]
    return Concluded(decided, await amend_actions(tx, platform, amendments), status)


async def _upheld(tx: Transaction, decided: ReviewCase) -> list[UUID]:
    """What the decision against which the player appealed had rejected, when the appeal is right."""
    if decided.decision is not ReviewDecision.RELEASE or decided.decided_by is None or decided.appeal_of is None:
        return []
    appealed = await review_cases.find(tx, decided.appeal_of)
    if appealed is None or appealed.decided_at is None:
        return []
    return await review_evidence.rejected_by(tx, decided.player_id, appealed.decided_at)


async def record_conclusion(tx: Transaction, concluded: Concluded, actor: Actor | None) -> None:
    """Note in the audit log who decided what; without an actor it was the deadline."""
    case = concluded.case
    if concluded.status is not None:
        by = f"case {case.number}"
        await record_status(tx, concluded.status, by=by, actor=actor, reason=case.note)
    detail = {
        "number": case.number,
        "player": str(case.player_id),
        "decision": str(case.decision),
        "actions": len(concluded.amended.actions),
        "points": concluded.amended.points,
        "first_seq": concluded.amended.first_seq,
        "last_seq": concluded.amended.last_seq,
        "note": case.note,
    }
    await record_step(tx, "review_case.decided", case, actor, detail)


async def record_step(
    tx: Transaction, event: str, case: ReviewCase, actor: Actor | None, detail: dict[str, object]
) -> None:
    """Note one step of a case in the audit log."""
    await audit.record(
        tx,
        event,
        str(case.id),
        actor_id=actor.id if actor is not None else None,
        actor_role=str(actor.role) if actor is not None else "deadline",
        detail=detail,
        request_id=actor.request_id if actor is not None else None,
    )


async def spread_conclusion(platform: Platform, concluded: Concluded) -> None:
    """Let boards, sockets and sessions follow a committed decision; should Redis be away the sweep does it."""
    case = concluded.case
    telemetry.REVIEW_DECISIONS.labels(str(case.decision), "deadline" if case.decided_by is None else "person").inc()
    if concluded.status is not None:
        await spread_status(platform, concluded.status)
    await announce_amended(platform, concluded.amended)
