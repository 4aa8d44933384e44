"""Review cases: what is brought before a person, how urgent it is, and what that person may decide."""

from dataclasses import dataclass
from datetime import datetime
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
