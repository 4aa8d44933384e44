"""What applying and undoing a correction share: one transaction for one key, then leaderboards, news and message."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scoreboard.live.bus import CorrectedBoard, CorrectionMade
from scoreboard.storage import outbox
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.amend_actions import Amended, announce_amended
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.correction_views import CorrectionView
from scoreboard.usecases.keyed import Keyed, once, remember
from scoreboard.usecases.platform import Platform


@dataclass(frozen=True, slots=True)
class Corrected:
    """A correction as it is after the transaction, and what is still to be told of it."""

    view: CorrectionView
    amended: Amended
    message: CorrectionMade
    outbox_id: int


async def note_message(tx: Transaction, view: CorrectionView, amended: Amended) -> Corrected:
    """Note in the outbox that a correction was made or undone: after its amendments, so that it is told after them."""
    counts: dict[tuple[str, int], int] = {}
    for change in amended.changes:
        key = (change.board_key, change.season_id)
        counts[key] = counts.get(key, 0) + 1
    touched = tuple(CorrectedBoard(board, season, players) for (board, season), players in sorted(counts.items()))
    message = CorrectionMade(view.id, view.number, view.undone_at is not None, touched)
    return Corrected(view, amended, message, await outbox.add_control(tx, message))


async def correct_once(
    platform: Platform, keyed: Keyed | None, work: Callable[[Transaction], Awaitable[Corrected]]
) -> CorrectionView:
    """Do the work once for a key, and tell the world. Raises as ``keyed.once``."""

    async def remembered(tx: Transaction) -> tuple[CorrectionView, Corrected]:
        corrected = await work(tx)
        await remember(tx, keyed, corrected.view)
        return corrected.view, corrected

    view, corrected = await once(platform, keyed, CorrectionView, remembered)
    if corrected is not None:
        await _announce(platform, corrected)
    return view


async def _announce(platform: Platform, corrected: Corrected) -> None:
    """Leaderboards and owners first, then the message to the boards' watchers. What fails is left to the sweep."""
    if await announce_amended(platform, corrected.amended) and await announce_control(platform, corrected.message):
        try:
            await platform.database.transact(lambda tx: outbox.mark(tx, [corrected.outbox_id]))
        except StoreUnavailable:
            return
