"""Players as moderators see and sanction them."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from scoreboard_api.schemas.model import Links, Reply, Request
from scoreboard_api.schemas.moderation import Held, Reason

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _written(value: object) -> object:
    """Only what is written out as RFC 3339 has it: a bare number would be taken for seconds."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("a date and a time with a time zone, such as 2026-01-31T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a moment within the years 1 to 9999, also in UTC") from error


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written), AfterValidator(_in_utc)]


class SetStatus(Request):
    """Give a player a status."""

    status: Literal["active", "hidden", "suspended", "banned"]
    until: Moment | None = Field(
        None, description="when a suspension ends by itself, with its time zone; null: when somebody lifts it"
    )
    reason: Reason = Field(examples=["insults other players by name"])


class Protect(Request):
    """Whether decisions about the player need two people."""

    protected: bool


class OpenCase(Request):
    """Bring a player before the reviewers."""

    reason: Reason = Field(examples=["wins every match since Tuesday"])


class FoundPlayer(Reply):
    """A player as moderators see one."""

    id: UUID
    username: str = Field(examples=["mallory"])
    role: str = Field(examples=["player"])
    status: str = Field(examples=["suspended"])
    suspended_until: datetime | None
    protected: bool
    created_at: datetime
    open_case: UUID | None = Field(description="the case that waits for a decision")
    links: Links


class FoundPlayers(Reply):
    """Players whose names begin as asked for."""

    items: list[FoundPlayer]
    links: Links


class PlayerCase(Reply):
    """A case of a player in short."""

    id: UUID
    number: int
    source: str
    verdict: str
    status: str
    decision: str | None
    opened_at: datetime
    decided_at: datetime | None


class ModeratedPlayer(FoundPlayer):
    """A player with what reviewers know."""

    suspicion: float = Field(description="at its last change, 0..1", examples=[0.31])
    holding: bool = Field(description="everything that the player completes waits for a decision")
    cleared_until: datetime | None
    held: Held
    cases: list[PlayerCase] = Field(description="newest first")
