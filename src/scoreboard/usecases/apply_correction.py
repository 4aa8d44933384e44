"""Take back what was scored in a scope: one transaction for all of it, then the boards and everybody who watches."""

from dataclasses import dataclass
from uuid import UUID

from scoreboard.domain.correction import Scope, digest_of
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType
from scoreboard.security.identifiers import new_id
from scoreboard.storage import actions, audit, corrections, review_cases
from scoreboard.storage.database import Transaction
from scoreboard.usecases.actor import Actor, require_uninvolved
from scoreboard.usecases.amend_actions import Amendment, amend_actions
from scoreboard.usecases.amendment_rows import Progress, silent
from scoreboard.usecases.announce_correction import Corrected, correct_once, note_message
from scoreboard.usecases.correction_views import CorrectionView, reread
from scoreboard.usecases.keyed import Keyed
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.preview_correction import find_actions, what_moves


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a moderator decided on: ``digest`` is that of the preview, ``reason`` is for staff and the audit log."""

    scope: Scope
    reason: str
    digest: str
    case_id: UUID | None = None


async def apply_correction(
    platform: Platform, wanted: Wanted, by: Actor, *, keyed: Keyed | None = None, on_progress: Progress = silent
) -> CorrectionView:
    """Void the actions of a scope, exactly those that the preview was about.

    Args:
        platform: stores.
        wanted: what to take back, and why.
        by: who decides.
        keyed: the request's Idempotency-Key.
        on_progress: called with (steps done, steps in all).

    Raises:
        Refusal: CONFLICT when other actions fit the scope now than at the preview, when none do, or when another
            decision about one of them came in between; FORBIDDEN when own results are among them; NOT_FOUND for an
            unknown case; VALIDATION_ERROR and INVALID_SCORE as ``preview_correction``; the codes of a key.
        StoreUnavailable: nothing was changed, or the outcome is unknown; the same key tells.
    """
    return await correct_once(platform, keyed, lambda tx: _apply(tx, platform, wanted, by, on_progress))


async def _apply(tx: Transaction, platform: Platform, wanted: Wanted, by: Actor, on_progress: Progress) -> Corrected:
    found = await find_actions(tx, platform, wanted.scope)
    if digest_of((one.seq, one.action_id) for one in found) != wanted.digest:
        raise Refusal(ErrorCode.CONFLICT, "Other actions fit this now than when you looked. Look at the preview again.")
    if not found:
        raise Refusal(ErrorCode.CONFLICT, "No action fits this; there is nothing to take back.")
    require_uninvolved(by, (one.player_id for one in found))
    if wanted.case_id is not None and await review_cases.find(tx, wanted.case_id) is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such case.")
    looked, boards = await what_moves(tx, platform, found)
    correction_id = new_id()
    await corrections.add(
        *(tx, correction_id, wanted.scope, wanted.reason, found, boards),
        case_id=wanted.case_id,
        applied_by=by.id,
        now=await actions.clock(tx),
        chunk=platform.settings.amendment_chunk,
    )
    voids = [Amendment(one.action_id, EntryType.VOIDED) for one in found]
    amended = await amend_actions(tx, platform, voids, trace_id=by.request_id, looked=looked, on_progress=on_progress)
    await corrections.note_applied(tx, correction_id, amended.first_seq, amended.last_seq)
    view = await reread(tx, correction_id)
    corrected = await note_message(tx, view, amended)
    detail = {
        "number": view.number,
        "reason": wanted.reason,
        "actions": view.actions,
        "players": view.players,
        "points": view.points,
        "first_seq": amended.first_seq,
        "last_seq": amended.last_seq,
        "case_id": str(wanted.case_id) if wanted.case_id else None,
    }
    await audit.record(
        *(tx, "correction.applied", str(correction_id)),
        actor_id=by.id,
        actor_role=str(by.role),
        detail=detail,
        request_id=by.request_id,
    )
    return corrected
