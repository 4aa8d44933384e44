"""The hot routes: begin, complete, update, top, places. Starlette routes with msgspec, documented by hand.

FastAPI's solving of dependencies costs 150-200 µs a request, more than everything that happens here.
"""

import hashlib
from typing import TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from scoreboard import telemetry
from scoreboard.domain.action import ActionStatus
from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Look, Sight, sight_of
from scoreboard.security import action_token
from scoreboard.security.access_token import Claims
from scoreboard.security.identifiers import new_id
from scoreboard.storage import actions
from scoreboard.usecases.create_actions import CreationRequest
from scoreboard_api.defence import admit, authenticate, bearer_token, idempotency_key, is_json, wiring_of
from scoreboard_api.moments import read_moment
from scoreboard_api.queries import read_number
from scoreboard_api.routes.places import read_around, read_mine
from scoreboard_api.routes.replies import completed_reply, created_reply, json_reply
from scoreboard_api.routes.templated import TemplatedRoute
from scoreboard_api.schemas.actions import CompleteBody, CreateBody, UpdateBody
from scoreboard_api.signatures import clock_ahead, read_signature, require_signature
from scoreboard_api.suspicion import weighed
from scoreboard_api.wiring import Wiring

Body = TypeVar("Body")
_create = msgspec.json.Decoder(CreateBody)
_complete = msgspec.json.Decoder(CompleteBody)
_update = msgspec.json.Decoder(UpdateBody)
_MOST = 100


async def read_body(request: Request, decoder: "msgspec.json.Decoder[Body]") -> Body | Refusal:
    """The body, or the fault to be told later.

    Raises:
        Refusal: UNSUPPORTED_MEDIA_TYPE, or VALIDATION_ERROR for what is no JSON at all.
    """
    if not is_json(request):
        raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")
    try:
        return decoder.decode(await request.body())
    except msgspec.ValidationError as error:
        return _fault(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(ErrorCode.VALIDATION_ERROR, "The body is not valid JSON.") from error


def _fault(error: msgspec.ValidationError) -> Refusal:
    words, _, place = str(error).partition(" - at ")
    pointer = place.strip("`").removeprefix("$").replace(".", "/")
    if words.startswith("Object contains unknown field"):
        words = "This field is not known here"
    fault = {"pointer": pointer, "detail": words.replace("`", "")}
    return Refusal(ErrorCode.VALIDATION_ERROR, "The body has not the right form.", extra={"errors": [fault]})


def checked(body: Body | Refusal) -> Body:
    """The body once everything before it was passed. Raises Refusal VALIDATION_ERROR."""
    if isinstance(body, Refusal):
        raise body
    return body


def fingerprint(*parts: object) -> bytes:
    """A hash that is the same for the same request: what is asked for, without tokens that may differ."""
    return hashlib.sha256(msgspec.json.encode(parts)).digest()


async def create_action(request: Request) -> Response:
    """POST /api/v1/actions."""
    wiring = wiring_of(request)
    body = await read_body(request, _create)
    claims = authenticate(request)
    kind = body.kind if isinstance(body, CreateBody) else None
    signed = await _admit_action(wiring, request, claims, kind)
    wanted = checked(body)
    mark = fingerprint("create", wanted.kind)
    created = await wiring.creations.submit(
        CreationRequest(claims.player_id, wanted.kind, mark, idempotency_key(request), signed=signed)
    )
    return created_reply(created)


@weighed
async def complete_action(request: Request) -> Response:
    """POST /api/v1/actions/{action_id}/complete."""
    wiring = wiring_of(request)
    body = await read_body(request, _complete)
    claims = authenticate(request)
    signed = await _admit_action(wiring, request, claims, None)
    wanted = checked(body)
    try:
        action_id = UUID(request.path_params["action_id"])
    except ValueError as error:
        raise Refusal(ErrorCode.TASK_NOT_FOUND, "There is no such action.") from error
    token = action_token.read(wiring.platform.action_token_key, wanted.action_token)
    require_owner(token, claims)
    if token.action_id != action_id:
        raise await _misplaced(wiring, token)
    completion = await wiring.completions.submit(by_token(wiring, claims, token, wanted, request, signed=signed))
    return completed_reply(wiring, completion)


async def _misplaced(wiring: Wiring, token: action_token.ActionToken) -> Refusal:
    """Why a token of another action is refused: a spent one says so."""
    action = await wiring.platform.database.transact(lambda tx: actions.find(tx, token.action_id))
    if action is not None and action.status is not ActionStatus.CREATED:
        return Refusal(ErrorCode.TOKEN_ALREADY_USED, "This action token was used for another action.")
    return Refusal(ErrorCode.INVALID_TOKEN, "This action token belongs to another action.")


@weighed
async def update_score(request: Request) -> Response:
    """POST /api/v1/scores/update, and the same without a version."""
    wiring = wiring_of(request)
    body = await read_body(request, _update)
    claims = authenticate(request)
    kind = body.kind if isinstance(body, UpdateBody) else None
    signed = await _admit_action(wiring, request, claims, kind)
    wanted = update_request(wiring, claims, checked(body), request, signed=signed)
    completion = await wiring.completions.submit(wanted)
    return completed_reply(wiring, completion)


async def _admit_action(wiring: Wiring, request: Request, claims: Claims, kind: str | None) -> bool:
    """Limits, revocation, signature. Returns whether the request is signed."""
    signature = await read_signature(wiring, request, claims)
    await admit(wiring, claims, write=True, kind=await _known_kind(wiring, kind), signature=signature)
    require_signature(wiring, signed=signature is not None)
    return signature is not None


def update_request(
    wiring: Wiring, claims: Claims, body: UpdateBody, request: Request, *, signed: bool
) -> CompletionRequest:
    """What a one-call update asks for.

    Raises:
        Refusal: VALIDATION_ERROR unless it names either a token, or an id and a kind; token errors.
    """
    if body.action_token is not None and body.action_id is None and body.kind is None:
        token = action_token.read(wiring.platform.action_token_key, body.action_token)
        require_owner(token, claims)
        return by_token(wiring, claims, token, body, request, signed=signed)
    if body.action_token is None and body.action_id is not None and body.kind is not None:
        return CompletionRequest(
            claims.player_id,
            new_id(),
            fingerprint("direct", body.action_id, body.kind, body.points, body.season),
            client_id=body.action_id,
            kind_key=body.kind,
            points=body.points,
            season_id=body.season,
            idempotency_key=idempotency_key(request),
            trace_id=telemetry.traceparent(),
            signed=signed,
            clock_ahead=clock_ahead(request),
            players_at_address=_players_there(wiring, claims, request),
        )
    fault = {"pointer": "", "detail": "Send either action_token, or action_id together with kind."}
    raise Refusal(ErrorCode.VALIDATION_ERROR, "The body has not the right form.", extra={"errors": [fault]})


def by_token(
    wiring: Wiring,
    claims: Claims,
    token: action_token.ActionToken,
    body: CompleteBody | UpdateBody,
    request: Request,
    *,
    signed: bool,
) -> CompletionRequest:
    """The completion of an action that was begun."""
    return CompletionRequest(
        claims.player_id,
        token.action_id,
        fingerprint("complete", token.action_id.hex, body.points, body.season),
        points=body.points,
        season_id=body.season,
        idempotency_key=idempotency_key(request),
        trace_id=telemetry.traceparent(),
        signed=signed,
        begun_at=token.issued_at,
        clock_ahead=clock_ahead(request),
        players_at_address=_players_there(wiring, claims, request),
    )


def _players_there(wiring: Wiring, claims: Claims, request: Request) -> int:
    return wiring.crowds.count(request.scope["state"].get("address"), claims.player_id)


def require_owner(token: action_token.ActionToken, claims: Claims) -> None:
    """Raises Refusal UNAUTHORIZED when the token was given to another player."""
    if token.player_id != claims.player_id:
        raise Refusal(ErrorCode.UNAUTHORIZED, "This action belongs to another player.")


async def _known_kind(wiring: Wiring, kind: str | None) -> str | None:
    """The kind, if there is one of this name: nobody fills the limits with names they make up."""
    return kind if kind is not None and kind in await wiring.platform.catalog.kinds([kind]) else None


async def read_top(request: Request) -> Response:
    """GET /api/v1/boards/{key}/top and /api/v1/leaderboard/top."""
    wiring = wiring_of(request)
    if bearer_token(request) is not None:
        claims = authenticate(request)
        await admit(wiring, claims, write=False)
        signed_in, role = True, claims.role
    else:
        signed_in, role = False, None
    board_key = request.path_params.get("key", wiring.settings.default_board)
    board = await wiring.platform.catalog.board(board_key)
    limit = read_number(request, "limit", board.size, _MOST)
    season = read_number(request, "season", None, 2**53)
    look = Look(
        sight_of(role) if board.frozen_from is not None else Sight.PUBLIC, read_moment(request.query_params.get("at"))
    )
    top = await wiring.tops.read(board_key, limit or board.size, season, look)
    if not signed_in and (not wiring.settings.anonymous_reads or top.visibility != "public"):
        raise Refusal(ErrorCode.UNAUTHENTICATED, "Log in first; this board is not public.")
    shared = top.visibility == "public" and not signed_in
    headers = {"ETag": top.etag, "Cache-Control": "public, s-maxage=1" if shared else "private, no-cache"}
    if top.frozen:
        headers["Vary"] = "Authorization"  # who may see through a freeze is not served what others are
    if request.headers.get("if-none-match") == top.etag:
        return Response(status_code=304, headers=headers)
    return json_reply(top.body, 200, headers)


def hot_routes() -> list[TemplatedRoute]:
    """Every hot route, to be put before FastAPI's own."""
    return [
        TemplatedRoute("/api/v1/actions", create_action, methods=["POST"]),
        TemplatedRoute("/api/v1/actions/{action_id}/complete", complete_action, methods=["POST"]),
        TemplatedRoute("/api/v1/scores/update", update_score, methods=["POST"]),
        TemplatedRoute("/api/scores/update", update_score, methods=["POST"]),
        TemplatedRoute("/api/v1/boards/{key}/top", read_top, methods=["GET"]),
        TemplatedRoute("/api/v1/leaderboard/top", read_top, methods=["GET"]),
        TemplatedRoute("/api/v1/boards/{key}/me", read_mine, methods=["GET"]),
        TemplatedRoute("/api/v1/boards/{key}/around", read_around, methods=["GET"]),
    ]
