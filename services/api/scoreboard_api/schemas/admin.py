"""What administrators and the operator send to declare something, and what they hear of it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from scoreboard.domain.declaration import Owner
from scoreboard_api.schemas.admin_specs import BoardSpec, KindSpec, PolicySpec, SeasonSpec
from scoreboard_api.schemas.boards import SeasonOut
from scoreboard_api.schemas.model import SAFE_INTEGER, TEXT, Links, Reply, Request

Uid = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=TEXT)]


class ManagedBy(Request):
    """The resource that declares this."""

    uid: Uid = Field(description="of the resource; another uid is another owner")
    name: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=TEXT)] = Field(
        description="as people know it", examples=["default/main"]
    )
    generation: int = Field(ge=1, le=SAFE_INTEGER, description="of the resource; an older one comes too late")

    def owner(self) -> Owner:
        """As the platform knows it."""
        return Owner(self.name, self.uid, self.generation)


_BY = Field(None, description="null: a person declares this")


class DeclareBoard(BoardSpec):
    """A board, and which resource declares it."""

    managed_by: ManagedBy | None = _BY


class DeclareKind(KindSpec):
    """An action kind, and which resource declares it."""

    managed_by: ManagedBy | None = _BY


class DeclarePolicy(PolicySpec):
    """An anti-cheat policy, and which resource declares it."""

    managed_by: ManagedBy | None = _BY


class DeclareSeason(SeasonSpec):
    """A season, and which resource declares it."""

    managed_by: ManagedBy | None = _BY


class OwnerOut(Reply):
    """Who declares it: a resource, or a person who took it over (no uid)."""

    uid: str | None
    name: str = Field(examples=["default/main"])
    generation: int | None


class BoardStatus(Reply):
    """The season that counts now, else the next or the newest; players ranked in it."""

    season: SeasonOut | None
    players: int
    frozen: bool = Field(description="whether the public sees an older state now")


class KindStatus(Reply):
    """Where an action counts now."""

    counts_on: list[str] = Field(description="boards with a season that counts now")
    retired_boards: list[str]


class PolicyStatus(Reply):
    """What waits because of it."""

    open_cases: int = Field(description="cases that wait for a person")


class PlannedSeasonOut(Reply):
    """One board's season of a declared one."""

    board: str
    season_id: int
    name: str
    status: str = Field(description="scheduled, open, closing or closed")
    starts_at: datetime = Field(description="from when on actions count here")
    ends_at: datetime | None
    players: int
    checksum: str | None = Field(description="SHA-256 of the final standings, hexadecimal")


class SeasonStatus(Reply):
    """Where it stands."""

    phase: Literal["Scheduled", "Active", "Closing", "Archived"]
    snapshot: str | None = Field(description="address of the final standings, once it is archived")
    checksum: str | None = Field(description="SHA-256 over the checksums of all boards, hexadecimal")
    boards: list[PlannedSeasonOut]


class _View(Reply):
    key: str = Field(examples=["main"])
    version: int = Field(description="grows with every change")
    declared_at: datetime = Field(description="when this version was")
    declared_by: str | None
    retired_at: datetime | None
    managed_by: OwnerOut | None
    links: Links


class BoardView(_View):
    """A declared board and what is true of it now."""

    spec: BoardSpec
    status: BoardStatus


class KindView(_View):
    """A declared action kind and what is true of it now."""

    spec: KindSpec
    status: KindStatus


class PolicyView(_View):
    """A declared anti-cheat policy and what is true of it now."""

    spec: PolicySpec
    status: PolicyStatus


class SeasonView(_View):
    """A declared season and what is true of it now."""

    spec: SeasonSpec
    status: SeasonStatus


class Difference(Reply):
    """A field that is another one than in the version before."""

    pointer: str = Field(examples=["/title"])
    before: Any
    after: Any


class _Outcome(Reply):
    outcome: Literal["created", "changed", "restored", "unchanged", "retired", "released"]
    changes: list[Difference]
    dry_run: bool = Field(description="true: nothing was changed, this is only what would come of it")


class BoardDeclared(BoardView, _Outcome):
    """What came of it."""


class KindDeclared(KindView, _Outcome):
    """What came of it."""


class PolicyDeclared(PolicyView, _Outcome):
    """What came of it."""


class SeasonDeclared(SeasonView, _Outcome):
    """What came of it."""


class _List(Reply):
    next_cursor: str | None = Field(description="ask with it for the next page; null on the last one")
    links: Links


class BoardViews(_List):
    """Declared boards, by key."""

    items: list[BoardView]


class KindViews(_List):
    """Declared action kinds, by key."""

    items: list[KindView]


class PolicyViews(_List):
    """Declared anti-cheat policies, by key."""

    items: list[PolicyView]


class SeasonViews(_List):
    """Declared seasons, by key."""

    items: list[SeasonView]


class SnapshotBoard(Reply):
    """One board's final standings."""

    board: str
    season_id: int
    name: str
    players: int
    checksum: str = Field(description="SHA-256 of the final standings, hexadecimal")
    links: Links


class Snapshot(Reply):
    """The final standings of a declared season, board by board."""

    key: str
    title: str
    checksum: str = Field(description="SHA-256 over the checksums of all boards, hexadecimal")
    boards: list[SnapshotBoard]
    links: Links
