"""Corrections: which actions a moderator takes back at once, and what that changes on the boards."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal


@dataclass(frozen=True, slots=True)
class Scope:
    """Which completed actions: all that fit everything that is given. ``since`` is included, ``until`` is not."""

    player_id: UUID | None = None
    action_id: UUID | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RankChange:
    """A player whose rank or score is another one; None for who is not on the board before or after."""

    player_id: UUID
    username: str
    rank_before: int | None
    rank_after: int | None
    score_before: int | None
    score_after: int | None


@dataclass(frozen=True, slots=True)
class BoardChanges:
    """What changes in a board season: corrected players first, then those who move because of them, best rank first.

    ``more`` says how many further ones there are.
    """

    board: str
    title: str
    season: int
    season_status: str
    changes: tuple[RankChange, ...]
    more: int


def require_scope(scope: Scope) -> None:
    """Raises Refusal VALIDATION_ERROR for a scope that would be everything, or for an interval without a moment."""
    if scope == Scope():
        raise Refusal(ErrorCode.VALIDATION_ERROR, "Say which actions: a player, an action, a kind or an interval.")
    if scope.since is not None and scope.until is not None and scope.since >= scope.until:
        faults = [{"pointer": "/scope/until", "detail": "must be later than since"}]
        raise Refusal(ErrorCode.VALIDATION_ERROR, "The interval has no moment in it.", extra={"errors": faults})


def digest_of(actions: Iterable[tuple[int, UUID]]) -> str:
    """What a preview was about, in 64 hexadecimal digits: SHA-256 over the actions, given with their ledger numbers."""
    lines = "\n".join(f"{seq} {action_id.hex}" for seq, action_id in sorted(actions))
    return hashlib.sha256(lines.encode()).hexdigest()
