"""Roll-ups and platform state."""

from datetime import date, datetime

from pydantic import Field

from scoreboard_api.schemas.model import Links, Reply


class MinuteOut(Reply):
    """One minute of one kind."""

    minute: datetime
    kind: str = Field(examples=["quiz"])
    created: int
    completed: int
    points: int
    players: int


class DayOut(Reply):
    """One day over all kinds."""

    day: date
    created: int
    completed: int
    points: int
    players: int


class Activity(Reply):
    """Actions per minute of the last hours and per day."""

    minutes: list[MinuteOut]
    days: list[DayOut]
    links: Links


class HealthOut(Reply):
    """What a probe is told."""

    status: str = Field(examples=["ok"])
    checks: dict[str, str] | None = Field(None, examples=[{"database": "ok", "redis": "ok"}])
