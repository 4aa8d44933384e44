"""Declaring boards, action kinds, anti-cheat policies and seasons: what administrators and the operator ask."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Response

from scoreboard.domain.declaration import Outcome, Resource
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.usecases.declare import Wish, declare, resource_of
from scoreboard.usecases.read_declared import list_declared, read_declared
from scoreboard.usecases.retire import Farewell, retire
from scoreboard_api.declarers import DeclarationReader, Declaring
from scoreboard_api.deps import Wired
from scoreboard_api.routes.admin_views import PATH, Declared, address, declared_fields, snapshot_fields, view_fields
from scoreboard_api.routes.documented import SIGNED_IN, WITH_BODY, WRITING, problems
from scoreboard_api.schemas.admin import (
    BoardDeclared,
    BoardView,
    BoardViews,
    DeclareBoard,
    DeclareKind,
    DeclarePolicy,
    DeclareSeason,
    KindDeclared,
    KindView,
    KindViews,
    ManagedBy,
    PolicyDeclared,
    PolicyView,
    PolicyViews,
    SeasonDeclared,
    SeasonView,
    SeasonViews,
    Snapshot,
    Uid,
)
from scoreboard_api.schemas.model import SAFE_INTEGER, TEXT, Reply
from scoreboard_api.wiring import Wiring

router = APIRouter(prefix=PATH, tags=["admin"])
_CREATED = 201
_LIST = problems(SIGNED_IN, [ErrorCode.FORBIDDEN])
_READ = problems(SIGNED_IN, [ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND])
_PUT = problems(WRITING, WITH_BODY, [ErrorCode.FORBIDDEN, ErrorCode.CONFLICT])
_DELETE = problems(WRITING, [ErrorCode.FORBIDDEN, ErrorCode.CONFLICT, ErrorCode.NOT_FOUND])
Shown = TypeVar("Shown", bound=Reply)


def _created(shown: type[Reply]) -> dict[int | str, dict[str, Any]]:
    return {_CREATED: {"model": shown, "description": "It is new"}, **_PUT}


NewKey = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$")]
Key = Annotated[str, Path(max_length=64, pattern=TEXT)]


@dataclass
class Putting:
    """What every PUT can ask beside its body, and whose wish it is."""

    wiring: Wired
    by: Declaring
    response: Response
    dry_run: Annotated[bool, Query(description="only tell what would come of it")] = False
    take_over: Annotated[bool, Query(description="declare it, whoever owns it")] = False

    async def put(self, shown: type[Shown], spec: Declared, managed_by: ManagedBy | None) -> Shown:
        """Declare it and tell what came of it."""
        owner = None if managed_by is None else managed_by.owner()
        done = await declare(self.wiring.platform, Wish(spec, owner, self.take_over, self.dry_run), self.by)
        if done.outcome is Outcome.CREATED and not self.dry_run:
            self.response.status_code = _CREATED
            self.response.headers["Location"] = address(resource_of(spec), spec.key)
        return shown.model_validate(declared_fields(done, dry_run=self.dry_run))


@dataclass
class Deleting:
    """What every DELETE can ask, and whose wish it is."""

    wiring: Wired
    by: Declaring
    uid: Annotated[Uid | None, Query(description="of the resource that is deleted")] = None
    generation: Annotated[int | None, Query(ge=1, le=SAFE_INTEGER, description="of the resource")] = None
    retain: Annotated[bool, Query(description="only give it up: it stays as it is")] = False
    dry_run: Annotated[bool, Query(description="only tell what would come of it")] = False
    take_over: Annotated[bool, Query(description="retire it, whoever owns it")] = False

    async def delete(self, shown: type[Shown], resource: Resource, key: str) -> Shown:
        """Retire it, or give it up, and tell what came of it."""
        wish = Farewell(resource, key, self.uid, self.generation, self.retain, self.take_over, self.dry_run)
        done = await retire(self.wiring.platform, wish, self.by)
        return shown.model_validate(declared_fields(done, dry_run=self.dry_run))


@dataclass
class Listing:
    """Which page of a list, and for whom."""

    wiring: Wired
    _by: DeclarationReader
    limit: Annotated[int, Query(ge=1, le=100)] = 100
    cursor: Annotated[
        str | None, Query(max_length=64, pattern=TEXT, description="`next_cursor` of the page before")
    ] = None
    retired: Annotated[bool, Query(description="retired ones too")] = False

    async def read(self, shown: type[Shown], resource: Resource) -> Shown:
        """The page."""
        platform = self.wiring.platform
        views, following = await list_declared(platform, resource, self.cursor or "", self.limit, retired=self.retired)
        fields = {"items": [view_fields(view) for view in views], "next_cursor": following}
        return shown.model_validate(fields | {"links": {"self": f"{PATH}/{resource}"}})


Put = Annotated[Putting, Depends()]
Delete = Annotated[Deleting, Depends()]
Page = Annotated[Listing, Depends()]


async def _read(wiring: Wiring, shown: type[Shown], resource: Resource, key: str) -> Shown:
    return shown.model_validate(view_fields(await read_declared(wiring.platform, resource, key)))


@router.get("/boards", responses=_LIST, summary="Declared boards")
async def list_boards(page: Page) -> BoardViews:
    """By key, each with what is true of it now."""
    return await page.read(BoardViews, Resource.BOARDS)


@router.get("/boards/{key}", responses=_READ, summary="A declared board")
async def read_board(key: Key, wiring: Wired, _by: DeclarationReader) -> BoardView:
    """Retired ones too."""
    return await _read(wiring, BoardView, Resource.BOARDS, key)


@router.put("/boards/{key}", responses=_created(BoardDeclared), summary="Declare a board")
async def put_board(key: NewKey, body: DeclareBoard, put: Put) -> BoardDeclared:
    """The same again changes nothing; anything else makes a new version. A retired board takes points again."""
    return await put.put(BoardDeclared, body.declared(key), body.managed_by)


@router.delete("/boards/{key}", responses=_DELETE, summary="Retire a board")
async def delete_board(key: Key, delete: Delete) -> BoardDeclared:
    """It takes no more points and leaves the lists; scores and closed seasons stay readable."""
    return await delete.delete(BoardDeclared, Resource.BOARDS, key)


@router.get("/kinds", responses=_LIST, summary="Declared action kinds")
async def list_kinds(page: Page) -> KindViews:
    """By key, each with what is true of it now."""
    return await page.read(KindViews, Resource.KINDS)


@router.get("/kinds/{key}", responses=_READ, summary="A declared action kind")
async def read_kind(key: Key, wiring: Wired, _by: DeclarationReader) -> KindView:
    """Retired ones too."""
    return await _read(wiring, KindView, Resource.KINDS, key)


@router.put("/kinds/{key}", responses=_created(KindDeclared), summary="Declare an action kind")
async def put_kind(key: NewKey, body: DeclareKind, put: Put) -> KindDeclared:
    """Actions that were begun keep the rules they were begun under."""
    return await put.put(KindDeclared, body.declared(key), body.managed_by)


@router.delete("/kinds/{key}", responses=_DELETE, summary="Retire an action kind")
async def delete_kind(key: Key, delete: Delete) -> KindDeclared:
    """Nobody can begin or complete it; what it has counted stays."""
    return await delete.delete(KindDeclared, Resource.KINDS, key)


@router.get("/policies", responses=_LIST, summary="Declared anti-cheat policies")
async def list_policies(page: Page) -> PolicyViews:
    """By key, each with what is true of it now."""
    return await page.read(PolicyViews, Resource.POLICIES)


@router.get("/policies/{key}", responses=_READ, summary="A declared anti-cheat policy")
async def read_policy(key: Key, wiring: Wired, _by: DeclarationReader) -> PolicyView:
    """Retired ones too."""
    return await _read(wiring, PolicyView, Resource.POLICIES, key)


@router.put("/policies/{key}", responses=_created(PolicyDeclared), summary="Declare an anti-cheat policy")
async def put_policy(key: NewKey, body: DeclarePolicy, put: Put) -> PolicyDeclared:
    """Counts for every completion from the next moment on."""
    return await put.put(PolicyDeclared, body.declared(key), body.managed_by)


@router.delete("/policies/{key}", responses=_DELETE, summary="Retire an anti-cheat policy")
async def delete_policy(key: Key, delete: Delete) -> PolicyDeclared:
    """Its kinds fall to the policy for all others, or to the platform's settings."""
    return await delete.delete(PolicyDeclared, Resource.POLICIES, key)


@router.get("/seasons", responses=_LIST, summary="Declared seasons")
async def list_seasons(page: Page) -> SeasonViews:
    """By key, each with what is true of it now."""
    return await page.read(SeasonViews, Resource.SEASONS)


@router.get("/seasons/{key}", responses=_READ, summary="A declared season")
async def read_season(key: Key, wiring: Wired, _by: DeclarationReader) -> SeasonView:
    """Retired ones too."""
    return await _read(wiring, SeasonView, Resource.SEASONS, key)


@router.get("/seasons/{key}/snapshot", responses=_READ, summary="The final standings of a declared season")
async def read_snapshot(key: Key, wiring: Wired, _by: DeclarationReader) -> Snapshot:
    """Where each board's are, and their checksums; there once the season is archived."""
    fields = snapshot_fields(await read_declared(wiring.platform, Resource.SEASONS, key))
    if fields is None:
        raise Refusal(ErrorCode.NOT_FOUND, "This season is not archived yet, so it has no final standings.")
    return Snapshot.model_validate(fields)


@router.put("/seasons/{key}", responses=_created(SeasonDeclared), summary="Declare a season")
async def put_season(key: NewKey, body: DeclareSeason, put: Put) -> SeasonDeclared:
    """Takes the place of what runs on its boards from its start on."""
    return await put.put(SeasonDeclared, body.declared(key), body.managed_by)


@router.delete("/seasons/{key}", responses=_DELETE, summary="Retire a season")
async def delete_season(key: Key, delete: Delete) -> SeasonDeclared:
    """One that runs ends now and is archived; one that has not begun is withdrawn."""
    return await delete.delete(SeasonDeclared, Resource.SEASONS, key)
