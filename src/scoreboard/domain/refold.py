"""A player's total counted again from what still counts, after points were released, taken back or given back.

``usecases/amend_actions`` loads the effective actions of every (season, player) that an amendment touches and saves
what :func:`settle` says.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from scoreboard.domain.action import ActionStatus
from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType
from scoreboard.domain.score import Total, advance


@dataclass(frozen=True, slots=True)
class Effective:
    """An action that counts, as the ledger first recorded it: its number there, its original moment and its points."""

    seq: int
    action_id: UUID
    at: datetime
    points: int


_STEPS = {
    EntryType.RELEASED: ((ActionStatus.HELD,), ActionStatus.COMPLETED),
    EntryType.REJECTED: ((ActionStatus.HELD,), ActionStatus.REJECTED),
    EntryType.VOIDED: ((ActionStatus.COMPLETED,), ActionStatus.VOIDED),
    # What was rejected comes back when an appeal was right.
    EntryType.RESTORED: ((ActionStatus.VOIDED, ActionStatus.REJECTED), ActionStatus.COMPLETED),
}


def amended_status(status: ActionStatus, entry_type: EntryType) -> ActionStatus:
    """The status of an action after an amendment of this type.

    Raises:
        Refusal: CONFLICT when the action is not in the state that such an amendment starts from.
        ValueError: this type does not amend anything.
    """
    if entry_type not in _STEPS:
        raise ValueError(f"{entry_type} is not an amendment")
    before, after = _STEPS[entry_type]
    if status not in before:
        words = f"An action can only be {entry_type} while it is {' or '.join(before)}; it is {status}."
        raise Refusal(ErrorCode.CONFLICT, words)
    return after


def counts_after(entry_type: EntryType) -> bool:
    """Whether the action of an amendment of this type counts from then on."""
    return _STEPS[entry_type][1] is ActionStatus.COMPLETED


def refold(
    board: Board, season_id: int, player_id: UUID, effective: Iterable[Effective], so_far: Total | None = None
) -> Total | None:
    """The total that these actions alone would have made; None when there are none. Its version starts at 1.

    ``so_far`` is the total of earlier ones: folding a history in two parts is folding it as a whole.

    Folded in the order of their first ledger numbers. A player's numbers rise with the moments of the actions, and
    should a clock have been set back, the numbers still say in which order they counted at the time.

    Raises:
        Refusal: INVALID_SCORE when the board cannot hold what they add up to.
    """
    total = so_far
    for action in sorted(effective, key=lambda one: one.seq):
        total = advance(board, season_id, player_id, total, action.points, action.at, action.action_id)
    return total


def settle(before: Total | None, refolded: Total | None) -> Total | None:
    """The row to save where ``refolded`` takes the place of ``before``; None when nothing changes.

    The version goes on from the old row's: a projection of an earlier total must never win.
    """
    if before is None:
        return refolded
    if refolded is None:
        if before.empty:
            return None
        return replace(before, score=0, version=before.version + 1, last_action_id=None, empty=True)
    after = replace(refolded, version=before.version + 1)
    return None if replace(after, version=before.version) == before else after
