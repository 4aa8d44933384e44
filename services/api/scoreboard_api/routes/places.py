"""Hot routes about places: one's own, and those around somebody. Who asks in the same moment is answered together.

A past moment is looked up alone: it takes Postgres long, and nobody who asks about now shall wait for it.
"""

from dataclasses import asdict
from typing import TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from scoreboard.domain.board import Visibility
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Look, sight_of
from scoreboard.domain.standing import percentile
from scoreboard.live.around import Around
from scoreboard.security.access_token import Claims
from scoreboard.usecases.read_places import OwnPlace, Place, read_own_places, read_places_around
from scoreboard_api.defence import admit, authenticate, bearer_token, wiring_of
from scoreboard_api.moments import read_moment
from scoreboard_api.queries import read_number, wrong
from scoreboard_api.routes.replies import json_reply
from scoreboard_api.schemas.boards import board_links, encode_page, freeze_fields, season_fields
from scoreboard_api.wiring import Wiring

Answer = TypeVar("Answer")
_encode = msgspec.json.Encoder().encode
_LONGEST_ID = 36
_WIDEST, _USUAL = 50, 5
_LARGEST_SEASON = 2**53


async def read_mine(request: Request) -> Response:
    """GET /api/v1/boards/{key}/me. NOT_FOUND until the player has a score there, or points that wait for one."""
    wiring, claims = wiring_of(request), authenticate(request)
    await admit(wiring, claims, write=False)
    asked = (_place(request, claims), claims.player_id)
    if asked[0].look.at is None:
        found = await wiring.own_places.submit(asked)
    else:
        [answer] = await read_own_places(wiring.platform, [asked])
        found = _found(answer)
    return json_reply(_encode(_fields(claims, found)), 200)


def _fields(claims: Claims, found: OwnPlace) -> dict[str, object]:
    own, pending = found.own, found.pending
    view, standing, total = own.view, own.standing, own.view.standings.total
    return {
        "board": view.board.key,
        "season": season_fields(view.season),
        "player_id": claims.player_id,
        "username": claims.username,
        "score": own.score,
        "rank": None if standing is None else standing.entry.rank,
        "total": total,
        "percentile": None if standing is None else percentile(standing.position, total),
        "reached_at": own.reached_at,
        "pending": None if pending is None else asdict(pending),
        "as_of": view.as_of,
        "freeze": freeze_fields(view.freeze),
        "links": board_links(view.board.key) | {"self": f"/api/v1/boards/{view.board.key}/me"},
    }


async def read_around(request: Request) -> Response:
    """GET /api/v1/boards/{key}/around. As many places above and below as ``radius`` says."""
    wiring, claims = wiring_of(request), None
    if bearer_token(request) is not None:
        claims = authenticate(request)
        await admit(wiring, claims, write=False)
    elif not wiring.settings.anonymous_reads:
        raise Refusal(ErrorCode.UNAUTHENTICATED, "Log in first; boards are not public here.")
    asked = (_place(request, claims), Around(*await _centre(request, wiring, claims)))
    if asked[0].look.at is None:
        view = await wiring.arounds.submit(asked)
    else:
        [answer] = await read_places_around(wiring.platform, [asked])
        view = _found(answer)
    return json_reply(encode_page(view), 200)


async def _centre(request: Request, wiring: Wiring, claims: Claims | None) -> tuple[UUID, int]:
    """Around whom, and how far."""
    radius = read_number(request, "radius", _USUAL, _WIDEST, least=0)
    text = request.query_params.get("player_id")
    if text is not None and len(text) > _LONGEST_ID:
        raise wrong("player_id", f"An id has {_LONGEST_ID} characters.")
    board = await wiring.platform.catalog.board(request.path_params["key"])
    if claims is None and board.visibility is not Visibility.PUBLIC:
        raise Refusal(ErrorCode.UNAUTHENTICATED, "Log in first; this board is not public.")
    if text is not None:
        try:
            return UUID(text), radius or 0
        except ValueError as error:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such player.") from error
    if claims is None:
        raise Refusal(ErrorCode.UNAUTHENTICATED, "Log in, or say around whom with player_id.")
    return claims.player_id, radius or 0


def _place(request: Request, claims: Claims | None) -> Place:
    """Which board season is asked about, and what this caller may see of it."""
    season = read_number(request, "season", None, _LARGEST_SEASON)
    at = read_moment(request.query_params.get("at"))
    return Place(request.path_params["key"], season, Look(sight_of(None if claims is None else claims.role), at))


def _found(answer: Answer | Refusal) -> Answer:
    if isinstance(answer, Refusal):
        raise answer
    return answer
