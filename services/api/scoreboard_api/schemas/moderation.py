"""Review cases as moderators read and decide them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from scoreboard_api.schemas.model import TEXT, Links, Reply, Request

Note = Annotated[str, StringConstraints(max_length=2000, pattern=TEXT)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=TEXT)]


class Decide(Request):
    """How a case ends."""

    decision: Literal["release", "reject", "ban", "dismiss"]
    note: Note = Field("", description="why, for the next person who reads it", examples=["intervals of a script"])


class NoFields(Request):
    """Nothing more has to be said."""


class Person(Reply):
    """Somebody by id and name."""

    id: UUID
    username: str = Field(examples=["ada"])


class CasePlayer(Reply):
    """The player whom a case is about."""

    id: UUID
    username: str = Field(examples=["mallory"])
    status: str = Field(examples=["active"])
    protected: bool


class CaseSignal(Reply):
    """A signal and what it means."""

    signal: str = Field(examples=["regular_intervals"])
    words: str = Field(examples=["The pauses between actions hardly differ"])


class Held(Reply):
    """Points that wait for the decision."""

    actions: int = Field(examples=[12])
    points: int = Field(examples=[120])


class Claim(Reply):
    """Who looks at the case, and until when nobody else can."""

    by: Person
    until: datetime


class Proposal(Reply):
    """What a first person decided; a second has to confirm it."""

    decision: str = Field(examples=["ban"])
    by: Person
    at: datetime


class Decision(Reply):
    """How the case ended; ``by`` is null where its time ran out."""

    decision: str = Field(examples=["release"])
    by: Person | None
    at: datetime
    note: str | None


class Case(Reply):
    """A review case."""

    id: UUID
    number: int = Field(examples=[17])
    player: CasePlayer
    source: str = Field(description="rules, model, report, moderator or appeal", examples=["rules"])
    verdict: str = Field(description="flag, hold or suspend", examples=["hold"])
    status: str = Field(description="open or decided", examples=["open"])
    priority: int = Field(description="higher is more urgent", examples=[212])
    stakes: list[str] = Field(examples=[["leads All players"]])
    signals: list[CaseSignal]
    probability: float | None = Field(description="the model's, 0..1", examples=[0.97])
    held: Held
    opened_at: datetime
    updated_at: datetime
    due_at: datetime
    auto_release: bool = Field(description="what is held counts when nobody has decided by due_at")
    claim: Claim | None
    proposal: Proposal | None
    decision: Decision | None
    appeal_of: UUID | None
    links: Links


class Queue(Reply):
    """The queue in figures."""

    open: int = Field(examples=[4])
    mine: int = Field(examples=[1])
    overdue: int = Field(examples=[0])
    oldest_age_s: float = Field(examples=[5400.5])
    held_actions: int = Field(examples=[12])


class CaseList(Reply):
    """A page of cases."""

    items: list[Case]
    next_cursor: str | None
    queue: Queue
    links: Links


class NotedSignal(Reply):
    """One noted signal."""

    at: datetime
    source: str = Field(examples=["rules"])
    signal: str = Field(examples=["regular_intervals"])
    words: str = Field(examples=["The pauses between actions hardly differ"])
    value: float | None = Field(description="what was measured", examples=[0.02])
    unit: str | None = Field(description="of the value, to be read after it", examples=["of their mean"])
    reference: str | None = Field(description="what people show instead", examples=["0.2 and more"])
    weight: float = Field(examples=[0.3])
    suspicion: float = Field(description="the player's after it, 0..1", examples=[0.66])
    action_id: UUID | None


class TimelineItem(Reply):
    """One completion; times in seconds."""

    at: datetime
    kind: str = Field(examples=["quiz"])
    points: int = Field(examples=[10])
    age_s: float | None = Field(description="from begin to completion; null for one call", examples=[1.25])
    interval_s: float | None = Field(description="since the completion before", examples=[2.5])
    status: str = Field(examples=["held"])


class HeldAction(Reply):
    """One held action."""

    action_id: UUID
    kind: str = Field(examples=["quiz"])
    points: int = Field(examples=[10])
    at: datetime


class CaseStanding(Reply):
    """A place on an open board: as everybody sees it, and as it would be if the held points counted."""

    board: str = Field(examples=["main"])
    title: str = Field(examples=["All players"])
    season: int = Field(examples=[1])
    rank: int | None
    score: int | None
    provisional_score: int | None
    provisional_rank: int | None


class CaseReport(Reply):
    """What a player reported."""

    at: datetime
    by: Person | None
    reason: str = Field(examples=["cheating"])
    note: str


class CaseAppeal(Reply):
    """What the player says."""

    at: datetime
    words: str


class EarlierCase(Reply):
    """Another case of the same player."""

    id: UUID
    number: int
    decision: str | None = Field(description="null while it is open")
    at: datetime


class CaseEvidence(Reply):
    """What a reviewer has before them; once the case is decided, what was seen then."""

    events: list[NotedSignal]
    model: dict[str, Any] | None = Field(
        description=(
            "the model's explanation: model_id, threshold_id, schema_hash, window, end_seq, score, probability,"
            " contributions (feature, words, value, human_median, percentile, contribution),"
            " together (accounts that act at the same moments: player_id, username, moments in common),"
            " histogram (edges in seconds, player and humans as shares)"
        )
    )
    timeline: list[TimelineItem] = Field(description="the last 200, oldest first")
    held: list[HeldAction]
    standings: list[CaseStanding]
    reports: list[CaseReport]
    appeal: CaseAppeal | None
    earlier: list[EarlierCase]
    frozen_at: datetime | None


class CaseRights(Reply):
    """What the reader may do now."""

    claim: bool
    decide: list[str] = Field(examples=[["release", "reject", "ban"]])
    second_needed: bool = Field(description="a decision is only a proposal, for somebody else to confirm")
    lifts: bool = Field(description="releasing it makes the account active again")


class FullCase(Case):
    """A review case with its evidence."""

    evidence: CaseEvidence
    may: CaseRights
