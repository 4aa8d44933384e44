"""Facts, past tense, as they travel from a commit to every listener. Plain data; the wire form is in live/bus."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class EntryType(StrEnum):
    """What a ledger entry records."""

    APPLIED = "applied"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"
    VOIDED = "voided"
    RESTORED = "restored"


class Verdict(StrEnum):
    """What the anti-cheat decided about an action."""

    ALLOW = "allow"
    FLAG = "flag"
    HOLD = "hold"
    SUSPEND = "suspend"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One score event: the truth. The three tuples run in parallel, one place for each board season it touched.

    ``previous`` and ``current`` are the player's scores before and after; None where nothing counts for the player.
    ``trace_id`` is the trace context (W3C) of a completion that is recorded, of an amendment the id of its request.
    """

    entry_type: EntryType
    at: datetime
    action_id: UUID
    player_id: UUID
    kind_key: str
    kind_version: int
    points: int
    season_ids: tuple[int, ...]
    previous: tuple[int | None, ...]
    current: tuple[int | None, ...]
    verdict: Verdict = Verdict.ALLOW
    trace_id: str | None = None


class StandingChange(NamedTuple):
    """A player's new total in a season, ready to be projected. ``score`` None removes the player from view.

    A tuple, because a rebuild makes one for each player: a frozen dataclass takes four times as long.
    """

    season_id: int
    board_key: str
    player_id: UUID
    username: str
    previous: int | None
    score: int | None
    reached_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks around one projection; None where the player had or has none. ``applied`` False: it came too late."""

    previous: int | None
    current: int | None
    applied: bool
