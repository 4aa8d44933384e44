"""Actions. The hot routes decode and encode the msgspec structs; the pydantic twins document them in the OpenAPI.

A test holds both against each other field by field.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import Field, StringConstraints

from scoreboard.usecases.completion_answers import Provisional
from scoreboard_api.schemas.model import SAFE_INTEGER, TEXT, Links, Reply, Request

Token = Annotated[str, msgspec.Meta(max_length=128)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=TEXT)]
Points = Annotated[int, msgspec.Meta(ge=-SAFE_INTEGER, le=SAFE_INTEGER)]
Season = Annotated[int, msgspec.Meta(ge=1, le=SAFE_INTEGER)]
SeasonField = Annotated[int, Field(ge=1, le=SAFE_INTEGER)]
PointsField = Annotated[int, Field(ge=-SAFE_INTEGER, le=SAFE_INTEGER)]
NameField = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TEXT)]


class CreateBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Begin an action."""

    kind: Name


class CompleteBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Complete an action that was begun."""

    action_token: Token
    points: Points | None = None
    season: Season | None = None


class UpdateBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One call: with a token, or with an id of the client's own for a direct kind."""

    action_token: Token | None = None
    action_id: Name | None = None
    kind: Name | None = None
    points: Points | None = None
    season: Season | None = None


class Change(msgspec.Struct, frozen=True):
    """Before and after; None where there was or is nothing."""

    previous: int | None
    current: int | None


class StandingAfter(msgspec.Struct, frozen=True):
    """Where the player stands on one board after the action."""

    board: str
    season: int
    score: int | None
    rank: int | None
    provisional: Provisional | None


class CompletedReply(msgspec.Struct, frozen=True):
    """What a completion did."""

    action_id: UUID
    verdict: str
    points: int
    score: Change
    rank: Change | None
    standings: list[StandingAfter]
    links: dict[str, str]


class CreatedReply(msgspec.Struct, frozen=True):
    """An action that was begun."""

    action_id: UUID
    kind: str
    kind_version: int
    status: str
    action_token: str
    expected_points: int | None
    min_points: int
    max_points: int
    min_duration_s: float
    created_at: datetime
    expires_at: datetime
    links: dict[str, str]


class CreateAction(Request):
    """Begin an action."""

    kind: NameField = Field(examples=["quiz"])


class CompleteAction(Request):
    """Complete an action that was begun."""

    action_token: str = Field(max_length=128, description="from the reply that began the action")
    points: PointsField | None = Field(None, description="for kinds whose points the client reports", examples=[42])
    season: SeasonField | None = Field(None, description="refuse with CONFLICT unless this season is the open one")


class UpdateScore(Request):
    """Either ``action_token``, or ``action_id`` and ``kind`` for a kind that may be done in one call."""

    action_token: str | None = Field(None, max_length=128)
    action_id: NameField | None = Field(None, description="the client's own id, unique for each player")
    kind: NameField | None = Field(None, examples=["tap"])
    points: PointsField | None = None
    season: SeasonField | None = None


class ScoreChange(Reply):
    """Before and after; null where there was or is nothing."""

    previous: int | None = Field(examples=[120])
    current: int | None = Field(examples=[130])


class ProvisionalStanding(Reply):
    """Where held points would lead if they counted; null where that cannot be told."""

    score: int | None = Field(examples=[140])
    rank: int | None = Field(examples=[3])


class Standing(Reply):
    """Where the player stands on one board after the action. ``provisional`` is there while points are held."""

    board: str = Field(examples=["main"])
    season: int = Field(examples=[1])
    score: int | None = Field(description="null while nothing counts for the player", examples=[130])
    rank: int | None = Field(examples=[4])
    provisional: ProvisionalStanding | None


class CompletedAction(Reply):
    """What a completion did. ``score`` and ``rank`` are those of the default board; ``rank`` is null without Redis.

    With the verdict ``hold`` the points wait for a moderator: nothing has changed for anybody else yet.
    """

    action_id: UUID
    verdict: str = Field(description="allow, flag or hold", examples=["allow"])
    points: int = Field(examples=[10])
    score: ScoreChange
    rank: ScoreChange | None
    standings: list[Standing]
    links: Links


class BegunAction(Reply):
    """An action that was begun."""

    action_id: UUID
    kind: str = Field(examples=["quiz"])
    kind_version: int = Field(examples=[1])
    status: str = Field(examples=["created"])
    action_token: str
    expected_points: int | None = Field(description="null when the client reports the points", examples=[10])
    min_points: int
    max_points: int
    min_duration_s: float = Field(examples=[1])
    created_at: datetime
    expires_at: datetime
    links: Links


class ActionState(Reply):
    """An attempt as it stands."""

    action_id: UUID
    kind: str = Field(examples=["quiz"])
    kind_version: int
    status: str = Field(description="created, completed, held, expired, rejected or voided", examples=["completed"])
    token: str = Field(description="of its action token: active, consumed, expired or invalid", examples=["consumed"])
    points: int | None
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None
    links: Links


class BatchItem(Request):
    """One completion by a trusted server."""

    player_id: str = Field(max_length=36, examples=["019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b"])
    action_token: str = Field(max_length=128)
    points: PointsField | None = None


class Batch(Request):
    """Completions that share transactions but not their fate."""

    items: list[BatchItem] = Field(min_length=1, max_length=5000)


class BatchResult(Reply):
    """How one item ended: ``result`` with status 200, or 202 while it is held; ``problem`` otherwise."""

    status: int = Field(examples=[200])
    result: CompletedAction | None = None
    problem: dict[str, Any] | None = None


class BatchReply(Reply):
    """One result for each item, in order."""

    items: list[BatchResult]


class JobAccepted(Reply):
    """A queued action. ``jobId`` is there on the unversioned path only."""

    job_id: UUID
    status: str = Field(examples=["queued"])
    links: Links
    jobId: UUID | None = None  # noqa: N815 - the spelling of the unversioned path


class JobState(Reply):
    """An asynchronous action as it stands."""

    job_id: UUID
    status: str = Field(description="queued, running, succeeded or failed", examples=["succeeded"])
    result: CompletedAction | None
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None
    links: Links
