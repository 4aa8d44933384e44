"""Accounts and sessions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from scoreboard.security.external_token import LONGEST
from scoreboard_api.schemas.model import TEXT, Links, Reply, Request

EMAIL = r"^[^@\s\x00]{1,64}@[^@\s\x00]+\.[^@\s.\x00]{2,63}$"


class Registration(Request):
    """A new account."""

    username: str = Field(max_length=128, examples=["ada"])
    password: str = Field(max_length=512, examples=["correct horse battery staple"])
    email: Annotated[str, StringConstraints(max_length=254, pattern=EMAIL)] | None = Field(
        None, description="optional and never public", examples=["ada@example.org"]
    )


class Credentials(Request):
    """Log in."""

    username: str = Field(max_length=128, pattern=TEXT, examples=["ada"])
    password: str = Field(max_length=512, examples=["correct horse battery staple"])


class ProviderToken(Request):
    """What the identity provider gave to its user. In the body: the Authorization header is for tokens of ours."""

    token: str = Field(
        max_length=LONGEST, description="an ID token or a JWT access token of the provider", examples=["eyJhbGciOi…"]
    )


class NewPassword(Request):
    """Replace the password."""

    current_password: str = Field(max_length=512, examples=["correct horse battery staple"])
    new_password: str = Field(max_length=512, examples=["wrong donkey dynamo paperclip"])


class Refresh(Request):
    """Exchange a refresh token; browsers leave it out, theirs is in a cookie."""

    refresh_token: str | None = Field(None, max_length=128, examples=["8Q2m…"])


class LogOut(Request):
    """End this session, or all of them."""

    everywhere: bool = False


class PlayerOut(Reply):
    """A player as others see them."""

    id: UUID
    username: str = Field(examples=["ada"])
    role: str = Field(examples=["player"])
    status: str = Field(examples=["active"])
    created_at: datetime
    updated_at: datetime
    links: Links


class SigningKey(Reply):
    """The key with which this session may sign its requests."""

    key_id: UUID
    key: str = Field(description="base64url, 32 bytes, HMAC-SHA256")


class Session(Reply):
    """A live session."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the scheme, not a secret
    expires_in: int = Field(description="seconds", examples=[600])
    refresh_token: str | None = Field(description="null when it was set as a cookie")
    refresh_expires_in: int = Field(description="seconds without use", examples=[604800])
    signing: SigningKey
    player: PlayerOut
    links: Links


class HistoryItem(Reply):
    """One entry of the ledger as its player sees it."""

    seq: int
    at: datetime
    entry_type: str = Field(examples=["applied"])
    action_id: UUID
    kind: str = Field(examples=["quiz"])
    points: int
    verdict: str = Field(examples=["allow"])
    scores: list[dict[str, int | None]] = Field(examples=[[{"season": 1, "previous": 10, "current": 20}]])


class History(Reply):
    """A page of a player's history, newest first."""

    player_id: UUID
    items: list[HistoryItem]
    next_cursor: str | None
    links: Links
