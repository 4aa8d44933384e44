"""The state of the platform."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from scoreboard_api.schemas.model import Links, Reply

Light = Literal["good", "warn", "bad", "unknown"]


class StoreOut(Reply):
    """A store as the server that answers sees it."""

    store: str = Field(examples=["database"])
    state: str = Field(examples=["ok"], description="ok or unavailable; missing or outdated for the schema")
    light: Light


class ProcessOut(Reply):
    """A process that told something in the last hour."""

    instance: str = Field(examples=["scoreboard-api-7d9f-1@120000Z"], description="host, process, its start in UTC")
    state: Literal["up", "draining", "gone"] = Field(description="gone: it stopped telling without a word")
    version: str | None = Field(description="null when it is gone, or of a version that tells it in another way")
    began_at: datetime | None
    told_at: datetime
    database: bool | None = Field(description="whether it reaches the database; null as for the version")
    redis: bool | None


class ServiceOut(Reply):
    """A service: bad when none of its processes is there, unknown while it is too early to say."""

    service: str = Field(examples=["api"])
    light: Light
    present: int
    missing: int = Field(description="processes that stopped without a word in the last five minutes")
    processes: list[ProcessOut]


class FigureOut(Reply):
    """A figure of the last minute, and from where on it is amber (`warn`) or red (`bad`).

    Shares and latencies stay good while fewer went wrong in five minutes than their objective minds.
    """

    name: str = Field(examples=["completion_p99_s"])
    value: float | None = Field(description="null: nobody tells, or nothing happened")
    light: Light
    warn: float | None
    bad: float | None


class ObjectiveOut(Reply):
    """A promise over 30 days, and its last hour. A burn of 1 uses exactly the budget, 14.4 wakes somebody."""

    name: str = Field(examples=["completion-latency"])
    title: str
    unit: str
    percent: float = Field(examples=[99.9])
    light: Light
    total: int = Field(description="how much happened in the last hour")
    bad: int = Field(description="how much of it broke the promise")
    burn_1h: float | None
    burn_5m: float | None


class PointOut(Reply):
    """Figures of one slot of time, in the order of `names`; null where nobody told or nothing happened."""

    at: datetime
    values: list[float | None]


class Plots(Reply):
    """The last hour."""

    slot_s: int
    names: list[str]
    points: list[PointOut]


class PlatformStatus(Reply):
    """How the platform does."""

    at: datetime
    light: Light = Field(description="the worst of all that is known")
    told: bool = Field(description="false: Redis is away, so nobody can tell; only the stores are known")
    known_s: int = Field(description="how far back that goes which is told, in seconds: an hour, less after a start")
    unread: int = Field(description="processes of which something is left out: their version tells it in another way")
    stores: list[StoreOut]
    services: list[ServiceOut]
    figures: list[FigureOut]
    objectives: list[ObjectiveOut]
    plots: Plots
    links: Links
