"""What all shapes share."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Links = dict[str, str]

SAFE_INTEGER = 2**53
"""Largest magnitude of points and scores (see the domain's SCORE_LIMIT)."""


TEXT = r"^[^\x00]*$"
"""Any text but with a NUL in it, which Postgres cannot hold."""


class Request(BaseModel):
    """A body that a client sends."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Reply(BaseModel):
    """A body that the server sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldError(Reply):
    """One fault of one field."""

    pointer: str = Field(description="JSON Pointer to the field", examples=["/points"])
    detail: str = Field(examples=["Input should be a valid integer"])


class Missing(Reply):
    """Something that a declaration names and that is not there."""

    resource: str = Field(examples=["boards"])
    key: str = Field(examples=["main"])


class Problem(Reply):
    """RFC 9457. ``code`` is stable and is what a program should look at."""

    type: str = Field(examples=["/problems/cooldown"])
    title: str = Field(examples=["Cooling down"])
    status: int = Field(examples=[429])
    detail: str = Field(examples=["This action needs a pause before it counts again."])
    instance: str = Field(examples=["/api/v1/actions"])
    code: str = Field(examples=["COOLDOWN"])
    request_id: str = Field(examples=["019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b"])
    layer: str = Field(examples=["preconditions"])
    retry_after: float | None = Field(None, description="seconds", examples=[12.5])
    errors: list[FieldError] | None = None
    result: dict[str, Any] | None = Field(None, description="with ALREADY_COMPLETED: the recorded result")
    server_time: str | None = Field(None, description="with STALE_REQUEST", examples=["2026-01-31T12:00:00.000Z"])
    reason: str | None = Field(None, description="with CONFLICT about a declaration: what clashes", examples=["owned"])
    owner: dict[str, str | None] | None = Field(None, description="with reason owned or taken_over: uid and name")
    waits_for: list[Missing] | None = Field(None, description="what has to be declared before this can be")
