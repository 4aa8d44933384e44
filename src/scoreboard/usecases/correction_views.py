"""Corrections as moderators read them."""

from datetime import datetime
from uuid import UUID

import msgspec

from scoreboard.domain.correction import BoardChanges, Scope
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.storage import corrections
from scoreboard.storage.corrections import StoredCorrection
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform


class PersonView(msgspec.Struct, frozen=True):
    """Who did something."""

    id: UUID
    username: str


class CorrectionView(msgspec.Struct, frozen=True):
    """A correction. ``not_restored``: actions that its undoing left alone, because something else has decided about
    them since.
    """

    id: UUID
    number: int
    scope: Scope
    reason: str
    case_id: UUID | None
    actions: int
    players: int
    points: int
    boards: tuple[BoardChanges, ...]
    applied_at: datetime
    applied_by: PersonView | None
    undone_at: datetime | None = None
    undone_by: PersonView | None = None
    not_restored: int = 0


def view_of(stored: StoredCorrection) -> CorrectionView:
    """A stored correction as it is shown."""
    restored = 0
    if stored.undo_first_seq is not None and stored.undo_last_seq is not None:
        restored = stored.undo_last_seq - stored.undo_first_seq + 1
    return CorrectionView(
        stored.id,
        stored.number,
        stored.scope,
        stored.reason,
        stored.case_id,
        stored.actions,
        stored.players,
        stored.points,
        stored.boards,
        stored.applied_at,
        _person(stored.applied_by, stored.applied_name),
        stored.undone_at,
        _person(stored.undone_by, stored.undone_name),
        stored.actions - restored if stored.undone_at is not None else 0,
    )


def _person(player_id: UUID | None, username: str | None) -> PersonView | None:
    return None if player_id is None else PersonView(player_id, username or "")


async def reread(tx: Transaction, correction_id: UUID) -> CorrectionView:
    """A correction as this transaction sees it. Raises Refusal NOT_FOUND."""
    stored = await corrections.find(tx, correction_id)
    if stored is None:
        raise unknown_correction()
    return view_of(stored)


async def read_correction(platform: Platform, correction_id: UUID) -> CorrectionView:
    """One correction. Raises Refusal NOT_FOUND, or StoreUnavailable."""
    return await platform.database.transact(lambda tx: reread(tx, correction_id))


def unknown_correction() -> Refusal:
    """What a made-up id is answered."""
    return Refusal(ErrorCode.NOT_FOUND, "There is no such correction.")


async def list_corrections(platform: Platform, limit: int, before: int) -> tuple[list[CorrectionView], int | None]:
    """The newest corrections first. Returns them and the ``before`` of the next page; None where there is none.

    Raises:
        StoreUnavailable: Postgres cannot be asked.
    """
    stored = await platform.database.transact(lambda tx: corrections.page(tx, before, limit + 1))
    following = stored[limit - 1].number if len(stored) > limit else None
    return [view_of(one) for one in stored[:limit]], following
