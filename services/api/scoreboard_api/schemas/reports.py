"""What players tell the moderators: reports of others, appeals for themselves."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from scoreboard.security.external_token import LONGEST
from scoreboard_api.schemas.model import TEXT, Links, Reply, Request


class ReportPlayer(Request):
    """Report another player."""

    player_id: str = Field(max_length=36, examples=["019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b"])
    reason: Literal["cheating", "name", "other"]
    note: Annotated[str, StringConstraints(max_length=1000, pattern=TEXT)] = Field(
        "", examples=["answers every quiz in the same second"]
    )


class AppealDecision(Request):
    """Appeal against a decision: signed in; or, where signing in is not possible any more, with name and password, or
    with a token of the identity provider.
    """

    words: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=TEXT)] = Field(
        examples=["I practise with a metronome; please look again."]
    )
    case_number: Annotated[int, Field(ge=1, le=2**53)] | None = Field(None, description="the latest one when left out")
    username: str | None = Field(None, max_length=128, pattern=TEXT, examples=["ada"])
    password: str | None = Field(None, max_length=512)
    provider_token: str | None = Field(
        None, max_length=LONGEST, description="for players of the external identity provider: a fresh token of it"
    )


class Received(Reply):
    """It was taken in; people look at it."""

    id: UUID
    links: Links
