"""Retroactive corrections: what they would change, what they changed."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from scoreboard_api.schemas.model import TEXT, Links, Reply, Request
from scoreboard_api.schemas.moderation import Person, Reason

Moment = Annotated[datetime, Field(strict=False)]
_ID = "019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b"


class ScopeIn(Request):
    """Which completed actions: all that fit everything that is given. At least one field is needed."""

    player_id: str | None = Field(None, max_length=36, examples=[_ID])
    action_id: str | None = Field(None, max_length=36, description="one action", examples=[None])
    kind: Annotated[str, StringConstraints(max_length=64, pattern=TEXT)] | None = Field(None, examples=["quiz"])
    since: Moment | None = Field(None, description="completed at or after this moment; with its time zone")
    until: Moment | None = Field(None, description="completed before this moment; with its time zone")


class PreviewCorrection(Request):
    """Look at what a correction would change."""

    scope: ScopeIn
    reason: Reason | None = Field(
        None, description="may be sent already; it changes nothing", examples=["a leaked bot"]
    )


class ApplyCorrection(Request):
    """Take back what a preview was about."""

    scope: ScopeIn
    reason: Reason = Field(description="for moderators and the audit log", examples=["played by a leaked bot"])
    digest: str = Field(description="the preview's", pattern=r"^[0-9a-f]{64}$", examples=["0" * 64])
    case_id: str | None = Field(None, max_length=36, description="the review case that led to it", examples=[None])


class UndoCorrection(Request):
    """Give back what a correction took."""

    reason: Reason = Field(examples=["it was somebody else"])


class ScopeOut(Reply):
    """Which actions were meant; null for what was left open."""

    player_id: UUID | None
    action_id: UUID | None
    kind: str | None
    since: datetime | None
    until: datetime | None


class RankChangeOut(Reply):
    """A player whose rank or score is another one; null for who is not on the board before or after."""

    player_id: UUID
    username: str = Field(examples=["ada"])
    rank_before: int | None = Field(examples=[3])
    rank_after: int | None = Field(examples=[2])
    score_before: int | None = Field(examples=[120])
    score_after: int | None = Field(examples=[120])


class BoardChangesOut(Reply):
    """What changes in one season of a board."""

    board: str = Field(examples=["main"])
    title: str = Field(examples=["All players"])
    season: int = Field(examples=[1])
    season_status: str = Field(description="closed: the final standings are ranked again", examples=["open"])
    changes: list[RankChangeOut] = Field(
        description="who loses points first, then who moves because of that; best place first"
    )
    more: int = Field(description="how many further players move", examples=[0])


class CorrectionPreview(Reply):
    """What a correction of this scope would change now."""

    scope: ScopeOut
    actions: int = Field(examples=[12])
    players: int = Field(examples=[1])
    points: int = Field(description="the sum of the actions", examples=[120])
    digest: str = Field(description="stands for exactly these actions; apply with it")
    boards: list[BoardChangesOut]
    links: Links


class CorrectionOut(Reply):
    """A correction that was made."""

    id: UUID
    number: int = Field(examples=[7])
    scope: ScopeOut
    reason: str
    case_id: UUID | None
    actions: int = Field(examples=[12])
    players: int = Field(examples=[1])
    points: int = Field(examples=[120])
    boards: list[BoardChangesOut] = Field(description="what it changed when it was made")
    applied_at: datetime
    applied_by: Person | None
    undone_at: datetime | None
    undone_by: Person | None
    not_restored: int = Field(
        description="once undone: actions that something else has decided about since, and so did not come back"
    )
    links: Links


class Corrections(Reply):
    """A page of corrections, newest first."""

    items: list[CorrectionOut]
    next_cursor: str | None
    links: Links
