"""The state of the anti-cheat."""

from datetime import date
from typing import Any

from pydantic import Field

from scoreboard_api.schemas.model import Links, Reply
from scoreboard_api.schemas.moderation import Queue


class PolicyOut(Reply):
    """What suspicion leads to for some kinds of action; times in seconds."""

    key: str = Field(examples=["default"])
    version: int
    kinds: list[str] = Field(description="empty: all that no other policy names")
    mode: str = Field(examples=["enforce"])
    flag: float
    hold: float
    suspend: float
    half_life_s: float
    suspension_s: float
    suspensions_per_hour: int
    review_s: float
    at_deadline: str = Field(examples=["release"])
    model: str = Field(description="the gravest verdict that the model may cause by itself", examples=["hold"])


class DayOfCases(Reply):
    """Cases brought up in a day (UTC) by verdict, and decided by how they ended."""

    date: date
    flag: int
    hold: int
    suspend: int
    released: int
    rejected: int
    banned: int
    dismissed: int


class Counts(Reply):
    """The last thirty days; days on which nothing happened are left out."""

    day: list[DayOfCases]


class AntiCheatState(Reply):
    """How the anti-cheat does."""

    policies: list[PolicyOut]
    queue: Queue
    suspensions_last_hour: int
    model: dict[str, Any] | None = Field(
        description=(
            "on, current, candidate and previous (id, stage, stage_since, age_s, metrics), drift (feature, psi),"
            " scores, flag_rate, disagreement, review_precision, canaries (at, equal), position (seq, behind, age_s),"
            " reported_at; null without a model"
        )
    )
    counts: Counts
    links: Links
