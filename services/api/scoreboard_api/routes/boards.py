"""Boards: what there is, pages, look-ups. The top and the places are hot routes."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query

from scoreboard.domain.action import Signature
from scoreboard.domain.board import Board, Visibility
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Look, sight_of
from scoreboard.security.access_token import Claims
from scoreboard.usecases.board_state import find_season
from scoreboard.usecases.read_board import read_page, read_standings
from scoreboard.usecases.read_roots import read_roots
from scoreboard_api.deps import SeasonId, Visitor, Wired
from scoreboard_api.moments import PastMoment
from scoreboard_api.routes.documented import SIGNED_IN, WITH_BODY, WITHOUT_TOKEN, problems
from scoreboard_api.schemas.boards import (
    BoardOut,
    Boards,
    EntriesPage,
    KindOut,
    Kinds,
    Lookup,
    LookupReply,
    Roots,
    Seasons,
    board_links,
    entries_out,
    freeze_fields,
    page_fields,
    root_fields,
    season_fields,
)
from scoreboard_api.wiring import Wiring

router = APIRouter(prefix="/api/v1", tags=["boards"])
_UNKNOWN = [ErrorCode.NOT_FOUND]


async def visible_board(wiring: Wiring, key: str, claims: Claims | None) -> Board:
    """The board, if this caller may see it. Raises Refusal NOT_FOUND or UNAUTHENTICATED."""
    board = await wiring.platform.catalog.board(key)
    if claims is None and board.visibility is not Visibility.PUBLIC:
        raise Refusal(ErrorCode.UNAUTHENTICATED, "Log in first; this board is not public.")
    return board


def look_of(claims: Claims | None, at: datetime | None = None) -> Look:
    """What this caller may see of a frozen board, and as of when."""
    return Look(sight_of(None if claims is None else claims.role), at)


async def _board_out(wiring: Wiring, board: Board) -> BoardOut:
    try:
        _, season = await find_season(wiring.platform, board.key, None)
    except Refusal:
        season = None
    fields = {name: getattr(board, name) for name in ("key", "title", "size")}
    words = ("order", "operator", "tie_rule", "rank_style", "visibility")
    fields |= {name: str(getattr(board, name)) for name in words}
    fields |= {"frozen_from": board.frozen_from, "frozen_until": board.frozen_until}
    links = board_links(board.key)
    return BoardOut.model_validate({**fields, "season": season and season_fields(season), "links": links})


@router.get("/boards", openapi_extra=WITHOUT_TOKEN, responses=problems(SIGNED_IN), summary="All boards")
async def list_boards(wiring: Wired, claims: Visitor) -> Boards:
    """Private boards are listed for signed-in callers only."""
    boards = await wiring.platform.catalog.shown_boards()
    shown = [board for board in boards if claims is not None or board.visibility is Visibility.PUBLIC]
    items = [await _board_out(wiring, board) for board in shown]
    return Boards(items=items, links={"self": "/api/v1/boards", "default": "/api/v1/leaderboard/top"})


@router.get("/boards/{key}", openapi_extra=WITHOUT_TOKEN, responses=problems(SIGNED_IN, _UNKNOWN), summary="One board")
async def read_board(key: str, wiring: Wired, claims: Visitor) -> BoardOut:
    """Its rules and its current season."""
    return await _board_out(wiring, await visible_board(wiring, key, claims))


@router.get(
    "/boards/{key}/seasons",
    openapi_extra=WITHOUT_TOKEN,
    responses=problems(SIGNED_IN, _UNKNOWN),
    summary="A board's seasons",
)
async def list_seasons(key: str, wiring: Wired, claims: Visitor) -> Seasons:
    """The newest hundred, newest first. Closed seasons stay readable."""
    board = await visible_board(wiring, key, claims)
    items = [season_fields(season) for season in await wiring.platform.catalog.seasons(board.key)]
    return Seasons.model_validate({"board": board.key, "items": items, "links": board_links(board.key)})


@router.get(
    "/boards/{key}/roots",
    openapi_extra=WITHOUT_TOKEN,
    responses=problems(SIGNED_IN, _UNKNOWN),
    summary="What was signed of a season",
)
async def list_roots(key: str, wiring: Wired, claims: Visitor, season: SeasonId = None) -> Roots:
    """The newest hundred, newest first: when a season closed, after each correction of it, once a day while it runs.

    Who keeps one can see later whether the season is still what it was.
    """
    await visible_board(wiring, key, claims)
    board, found, roots = await read_roots(wiring.platform, key, season)
    links = board_links(board.key) | {"keys": "/.well-known/jwks.json"}
    items = [root_fields(root) for root in roots]
    return Roots.model_validate({"board": board.key, "season": season_fields(found), "items": items, "links": links})


def encode_cursor(season_id: int, position: int) -> str:
    """Where the next page starts, opaque to clients."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((season_id, position))).decode().rstrip("=")


def decode_cursor(text: str) -> tuple[int, int]:
    """Season and position. Raises Refusal VALIDATION_ERROR for anything that is no cursor."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        season_id, position = msgspec.msgpack.decode(raw, type=tuple[int, int])
        if not (1 <= season_id <= 2**53 and 0 <= position <= 2**53):
            raise ValueError("out of range")
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        errors = [{"pointer": "#/query/cursor", "detail": "Use next_cursor of the page before."}]
        raise Refusal(ErrorCode.VALIDATION_ERROR, "The cursor is not valid.", extra={"errors": errors}) from error
    return season_id, position


@router.get(
    "/boards/{key}/entries",
    openapi_extra=WITHOUT_TOKEN,
    responses=problems(SIGNED_IN, _UNKNOWN),
    summary="A board page by page",
)
async def list_entries(
    key: str,
    wiring: Wired,
    claims: Visitor,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    season: SeasonId = None,
    at: PastMoment = None,
) -> EntriesPage:
    """A cursor stays in the season it was made in. Scores move between two pages, so a player may be seen twice.

    With `at`, which has to be sent with every page, they do not move.
    """
    board = await visible_board(wiring, key, claims)
    start = 0
    if cursor is not None:
        season, start = decode_cursor(cursor)
    view = await read_page(wiring.platform, board.key, start, limit, season, look_of(claims, at))
    end = start + len(view.page.entries)
    following = encode_cursor(view.season.id, end) if view.page.entries and end < view.page.total else None
    return EntriesPage.model_validate(_documented(page_fields(view)) | {"next_cursor": following})


def _documented(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"entries": entries_out(fields["entries"])}


@router.post(
    "/boards/{key}/lookup",
    openapi_extra=WITHOUT_TOKEN,
    responses=problems(SIGNED_IN, WITH_BODY, _UNKNOWN),
    summary="The places of some players",
)
async def look_up(
    key: str, wiring: Wired, claims: Visitor, body: Lookup, season: SeasonId = None, at: PastMoment = None
) -> LookupReply:
    """For a list of friends: at most a hundred ids, best place first."""
    board = await visible_board(wiring, key, claims)
    wanted: list[UUID] = []
    for text in body.player_ids:
        try:
            wanted.append(UUID(text))
        except ValueError:
            continue  # what cannot be an id has no score
    players = list(dict.fromkeys(wanted))
    view = await read_standings(wiring.platform, board.key, players, season, look_of(claims, at))
    placed = sorted(
        (standing for standing in view.standings.standings if standing is not None), key=lambda found: found.position
    )
    return LookupReply.model_validate(
        {
            "board": view.board.key,
            "season": season_fields(view.season),
            "total": view.standings.total,
            "as_of": view.as_of,
            "freeze": freeze_fields(view.freeze),
            "entries": entries_out([standing.entry for standing in placed]),
            "links": board_links(view.board.key),
        }
    )


@router.get(
    "/action-kinds",
    openapi_extra=WITHOUT_TOKEN,
    responses=problems(SIGNED_IN),
    tags=["actions"],
    summary="What can be done",
)
async def list_kinds(wiring: Wired, _claims: Visitor) -> Kinds:
    """Every action kind and what it is worth."""
    kinds = (await wiring.platform.catalog.kinds()).values()
    names = [name for name in KindOut.model_fields if name not in ("boards", "signature")]
    signature = Signature.REQUIRED if wiring.settings.require_signatures else None
    items = [
        {name: getattr(kind, name) for name in names}
        | {"boards": list(kind.boards), "signature": str(signature or kind.signature)}
        for kind in kinds
    ]
    return Kinds.model_validate({"items": items, "links": {"self": "/api/v1/action-kinds"}})
