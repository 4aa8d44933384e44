"""Give back what a correction took, with its original moments: boards stand as if it had never been."""

from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType
from scoreboard.storage import actions, audit, corrections
from scoreboard.storage.database import Transaction
from scoreboard.usecases.actor import Actor, require_uninvolved
from scoreboard.usecases.amend_actions import Amendment, amend_actions
from scoreboard.usecases.amendment_rows import Progress, silent
from scoreboard.usecases.announce_correction import Corrected, correct_once, note_message
from scoreboard.usecases.correction_views import CorrectionView, reread, unknown_correction
from scoreboard.usecases.keyed import Keyed
from scoreboard.usecases.platform import Platform


async def undo_correction(
    platform: Platform,
    correction_id: UUID,
    reason: str,
    by: Actor,
    *,
    keyed: Keyed | None = None,
    on_progress: Progress = silent,
) -> CorrectionView:
    """Restore exactly the actions that are void because of this correction.

    Args:
        platform: stores.
        correction_id: which one.
        reason: why, for the audit log.
        by: who decides.
        keyed: the request's Idempotency-Key.
        on_progress: called with (steps done, steps in all).

    Returns:
        The correction; ``not_restored`` says how many actions are left as something else decided about them.

    Raises:
        Refusal: NOT_FOUND; FORBIDDEN when own results would come back; CONFLICT when it is undone already;
            INVALID_SCORE when a board could not hold a total that would come back; the codes of a key.
        StoreUnavailable: nothing was changed, or the outcome is unknown; the same key tells.
    """
    return await correct_once(platform, keyed, lambda tx: _undo(tx, platform, correction_id, reason, by, on_progress))


async def _undo(
    tx: Transaction, platform: Platform, correction_id: UUID, reason: str, by: Actor, on_progress: Progress
) -> Corrected:
    # Locked first of all, which is safe: whoever waits for this row holds nothing yet.
    correction = await corrections.find(tx, correction_id, lock=True)
    if correction is None:
        raise unknown_correction()
    if correction.undone_at is not None:
        raise Refusal(ErrorCode.CONFLICT, "This correction was undone already.")
    void = await corrections.still_void(tx, correction)
    require_uninvolved(by, {owner for _, owner in void})
    restored = [Amendment(action_id, EntryType.RESTORED) for action_id, _ in void]
    amended = await amend_actions(tx, platform, restored, trace_id=by.request_id, on_progress=on_progress)
    await corrections.note_undone(
        *(tx, correction_id, by.id, await actions.clock(tx), amended.first_seq or None, amended.last_seq or None)
    )
    view = await reread(tx, correction_id)
    corrected = await note_message(tx, view, amended)
    detail = {
        "number": view.number,
        "reason": reason,
        "restored": len(amended.actions),
        "not_restored": view.not_restored,
        "first_seq": amended.first_seq,
        "last_seq": amended.last_seq,
    }
    await audit.record(
        *(tx, "correction.undone", str(correction_id)),
        actor_id=by.id,
        actor_role=str(by.role),
        detail=detail,
        request_id=by.request_id,
    )
    return corrected
