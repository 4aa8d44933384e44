"""What can be declared, as it is sent and shown: boards, action kinds, anti-cheat policies, seasons."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from scoreboard.domain.action import ActionKind, Signature
from scoreboard.domain.board import Board, Operator, Order, RankStyle, Schedule, TieRule, Visibility
from scoreboard.domain.declaration import Fault, require_faultless
from scoreboard.domain.declared_faults import (
    duration_faults,
    freeze_faults,
    repeated_faults,
    schedule_faults,
    threshold_faults,
    window_faults,
    worth_faults,
)
from scoreboard.domain.events import Verdict
from scoreboard.domain.policy import AntiCheatPolicy, AtDeadline, Mode
from scoreboard.domain.season_plan import OnEnd, SeasonPlan
from scoreboard_api.schemas.model import SAFE_INTEGER, TEXT, Request

_YEAR_S = 366 * 86400
_MONTH_S = 30 * 86400
_DATED = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d.*", re.ASCII | re.DOTALL)


def _written_out(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _DATED.fullmatch(value)):
        return value
    raise PydanticCustomError("moment", "Write a date and time with a time zone, as in 2026-01-31T12:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("moment", "This lies outside of the years 1 to 9999") from error


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_out), AfterValidator(_in_utc)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=TEXT)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TEXT)]
Points = Annotated[int, Field(ge=-SAFE_INTEGER, le=SAFE_INTEGER)]
Share = Annotated[float, Field(ge=0.01, le=1, allow_inf_nan=False)]


def _seconds(least: float, most: float) -> object:
    return Field(ge=least, le=most, allow_inf_nan=False)


Pause = Annotated[float, _seconds(0, _YEAR_S)]
Duration = Annotated[float, _seconds(0, 86400)]


class ScheduleSpec(Request):
    """When a board's own seasons begin."""

    cron: Annotated[str, StringConstraints(min_length=9, max_length=100, pattern=TEXT)] | None = Field(
        None, description="five fields; a new season begins at each of these moments", examples=["0 0 * * 1"]
    )
    time_zone: Named = Field("UTC", description="name of the tz database in which cron is meant")
    starts_at: Moment | None = Field(None, description="begin of the only season")
    ends_at: Moment | None = Field(None, description="its end")


class FreezeSpec(Request):
    """From when on the public sees a board as it was then, while moderators see the real one."""

    since: Moment = Field(alias="from", description="the public sees the board as it is at this moment")
    until: Moment | None = Field(None, description="when all is revealed; null: when the freeze is taken out")


class BoardSpec(Request):
    """A configured ranking. Order, operator and tie rule stay as they are once somebody has scored."""

    title: Title = Field(examples=["All players"])
    order: Literal["desc", "asc"] = "desc"
    operator: Literal["sum", "best", "latest"] = "sum"
    tie_rule: Literal["earliest", "latest"] = "earliest"
    rank_style: Literal["standard", "dense", "ordinal"] = "standard"
    size: int = Field(10, ge=1, le=1000, description="how many entries its live view shows")
    visibility: Literal["public", "private"] = "public"
    schedule: ScheduleSpec | None = Field(
        None, description="without it one season runs for ever, but where declared seasons say otherwise"
    )
    freeze: FreezeSpec | None = None

    def declared(self, key: str) -> Board:
        """As the platform knows it. Raises Refusal VALIDATION_ERROR with pointers."""
        schedule = Schedule()
        if self.schedule is not None:
            sent = self.schedule
            require_faultless(schedule_faults(sent.cron, sent.starts_at, sent.ends_at))
            schedule = Schedule(sent.cron, sent.time_zone, sent.starts_at, sent.ends_at)
        freeze = self.freeze
        require_faultless([] if freeze is None else freeze_faults(freeze.since, freeze.until))
        return Board(
            key,
            self.title,
            order=Order(self.order),
            operator=Operator(self.operator),
            tie_rule=TieRule(self.tie_rule),
            rank_style=RankStyle(self.rank_style),
            size=self.size,
            visibility=Visibility(self.visibility),
            schedule=schedule,
            frozen_from=None if freeze is None else freeze.since,
            frozen_until=None if freeze is None else freeze.until,
        )


class Bounds(Request):
    """Within which points the client reports."""

    min: Points
    max: Points


class Attempts(Request):
    """So many completions in a window of time."""

    count: int = Field(ge=1, le=1_000_000)
    window_s: Annotated[float, _seconds(1, _YEAR_S)]


class KindSpec(Request):
    """What can be done and what it is worth: either points or bounds."""

    title: Title = Field(examples=["Answer a quiz"])
    boards: list[Named] = Field(max_length=32, description="keys of the boards that it feeds", examples=[["main"]])
    points: Points | None = Field(None, description="what one action awards", examples=[10])
    bounds: Bounds | None = Field(None, description="within which the client reports points")
    cooldown_s: Pause = Field(0, description="pause until it counts again for the same player")
    attempts: Attempts | None = None
    once: bool = Field(False, description="counts once for each player, for ever")
    token_ttl_s: int = Field(600, ge=1, le=86400)
    min_duration_s: Duration = Field(0, description="it cannot be finished sooner")
    max_duration_s: Duration | None = Field(None, description="later it no longer counts")
    signature: Literal["optional", "required"] = "optional"
    direct: bool = Field(False, description="may be begun and completed in one call")
    enabled: bool = Field(True, description="off, nobody can begin it")

    def declared(self, key: str) -> ActionKind:
        """As the platform knows it. Raises Refusal VALIDATION_ERROR with pointers."""
        bounds = None if self.bounds is None else (self.bounds.min, self.bounds.max)
        faults: list[Fault] = [
            *worth_faults(self.points, bounds),
            *duration_faults(self.min_duration_s, self.max_duration_s, direct=self.direct),
            *repeated_faults("boards", self.boards),
        ]
        require_faultless(faults)
        least, most = bounds or (0, 0)
        kind = ActionKind(
            key,
            self.title,
            points=self.points,
            min_points=least,
            max_points=most,
            cooldown_s=self.cooldown_s,
            min_duration_s=self.min_duration_s,
            max_duration_s=self.max_duration_s,
            token_ttl_s=self.token_ttl_s,
            once=self.once,
            direct=self.direct,
            enabled=self.enabled,
            signature=Signature(self.signature),
            boards=tuple(self.boards),
        )
        limit = self.attempts
        return kind if limit is None else replace(kind, attempts=limit.count, window_s=limit.window_s)


class PolicySpec(Request):
    """From which suspicion on a player is flagged, held or suspended: flag < hold < suspend; 1 is never reached."""

    kinds: list[Named] = Field([], max_length=200, description="empty: for all kinds that no other policy names")
    mode: Literal["shadow", "enforce"] = Field("shadow", description="shadow notes what it would do and does nothing")
    flag: Share = Field(examples=[0.5])
    hold: Share = Field(examples=[0.7])
    suspend: Share = Field(examples=[0.95])
    half_life_s: Annotated[float, _seconds(1, _MONTH_S)] = Field(600, description="suspicion halves in this time")
    suspension_s: Annotated[float, _seconds(60, _MONTH_S)] = Field(86400, description="by then a person has decided")
    suspensions_per_hour: int = Field(20, ge=0, le=10_000, description="more only raise cases; 0 suspends nobody")
    review_s: Annotated[float, _seconds(60, _MONTH_S)] = Field(86400, description="how long a case may wait")
    at_deadline: Literal["release", "keep"] = Field("release", description="what becomes of held points by then")
    model: Literal["allow", "flag", "hold", "suspend"] = Field(
        "allow", description="the gravest verdict that the model may cause by itself"
    )

    def declared(self, key: str) -> AntiCheatPolicy:
        """As the platform knows it. Raises Refusal VALIDATION_ERROR with pointers."""
        require_faultless(
            [*threshold_faults(self.flag, self.hold, self.suspend), *repeated_faults("kinds", self.kinds)]
        )
        return AntiCheatPolicy(
            key,
            kinds=tuple(self.kinds),
            mode=Mode(self.mode),
            flag=self.flag,
            hold=self.hold,
            suspend=self.suspend,
            half_life_s=self.half_life_s,
            suspension_s=self.suspension_s,
            suspensions_per_hour=self.suspensions_per_hour,
            review_s=self.review_s,
            at_deadline=AtDeadline(self.at_deadline),
            model=Verdict(self.model),
        )


class SeasonSpec(Request):
    """A window of time in which boards without a schedule of their own count. Once begun, start and boards stay."""

    title: Title | None = Field(None, description="the key where it is left out", examples=["Winter cup"])
    starts_at: Moment = Field(description="actions from this moment on count; in the past: from now on")
    ends_at: Moment | None = Field(None, description="actions before this moment count; without it, until it is set")
    boards: list[Named] = Field(min_length=1, max_length=64, examples=[["main"]])
    on_end: Literal["archive", "reset"] = Field(
        "archive", description="archive: final standings are written and stay readable; reset: and the next one begins"
    )

    def declared(self, key: str) -> SeasonPlan:
        """As the platform knows it. Raises Refusal VALIDATION_ERROR with pointers."""
        require_faultless([*window_faults(self.starts_at, self.ends_at), *repeated_faults("boards", self.boards)])
        return SeasonPlan(key, self.title, self.starts_at, self.ends_at, tuple(self.boards), OnEnd(self.on_end))
