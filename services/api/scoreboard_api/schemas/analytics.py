"""Analytics: what was begun, what became of it, and who was there."""

from datetime import datetime

from pydantic import Field

from scoreboard.domain.activity import Step
from scoreboard_api.schemas.model import Links, Reply


class CountsOut(Reply):
    """What was counted.

    `created` and `abandoned` belong to where an attempt began, all else to where its result came. A release moves a
    result from `held` to `completed`, a void from `completed` to `voided`; `points` are those of `completed`.
    """

    created: int = Field(description="attempts begun")
    completed: int = Field(description="results that count")
    held: int = Field(description="results that wait for a moderator")
    rejected: int = Field(description="held results that a moderator rejected")
    voided: int = Field(description="results that counted and were taken back")
    abandoned: int = Field(description="attempts that nobody finished, counted when they no longer can be")
    points: int = Field(description="of what counts")


class SpanOut(CountsOut):
    """A minute, an hour or a day, in UTC."""

    starts: datetime
    players: int | None = Field(description="who handed in a result, whatever became of it; null for minutes")


class KindOut(CountsOut):
    """A kind of action over the whole time asked for."""

    kind: str = Field(examples=["quiz"])


class Totals(CountsOut):
    """Everything over the whole time asked for: the funnel from created to completed."""

    unended: int = Field(description="attempts of which nothing is known yet: the rest of created")


class CountedUntil(Reply):
    """How far the counts are."""

    results_behind: int = Field(description="entries of the ledger that are not counted yet")
    results_age_s: float = Field(description="age of the oldest of them; 0 without any")
    created: datetime | None = Field(description="attempts begun before this are counted")
    abandoned: datetime | None = Field(description="attempts begun before this are counted where nobody finished them")


class Analytics(Reply):
    """Counts of a time, without a gap."""

    step: Step
    since: datetime = Field(description="the beginning of the first span")
    until: datetime = Field(description="the end of the last span")
    time_zone: str = Field(examples=["UTC"])
    kind: str | None = Field(description="the kind that was asked for; null: all")
    spans: list[SpanOut]
    kinds: list[KindOut] = Field(description="most points first; at most a hundred")
    totals: Totals
    counted: CountedUntil
    minutes_since: datetime = Field(description="older minutes are forgotten; hours and days are not")
    links: Links
