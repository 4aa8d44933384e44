"""The OpenAPI document: FastAPI's own, plus the hot routes that FastAPI does not know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from scoreboard import __version__
from scoreboard.domain.errors import ErrorCode
from scoreboard_api.routes.documented import KEYED, SIGNED_IN, WITH_BODY, WRITING, problems
from scoreboard_api.schemas.actions import BegunAction, CompleteAction, CompletedAction, CreateAction, UpdateScore
from scoreboard_api.schemas.boards import MyStanding, Top
from scoreboard_api.schemas.model import Problem

_REFERENCE = "#/components/schemas/{model}"
_PRECONDITIONS = (
    ErrorCode.ALREADY_COMPLETED,
    ErrorCode.COOLDOWN,
    ErrorCode.ACTION_LIMIT,
    ErrorCode.CONFLICT,
    ErrorCode.NOT_FOUND,
)
_COMPLETING = (
    *_PRECONDITIONS,
    ErrorCode.INVALID_SIGNATURE,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.TASK_NOT_FOUND,
    ErrorCode.TOKEN_ALREADY_USED,
    ErrorCode.ACTION_EXPIRED,
    ErrorCode.ACTION_TOO_EARLY,
    ErrorCode.INVALID_SCORE,
    ErrorCode.SUSPICIOUS_ACTIVITY,
)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "Repeat a request with the same key to get the same answer.",
}


def _parameter(name: str, place: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


_SIGNATURE = [
    _parameter("Signature-Input", "header", {"type": "string", "maxLength": 512}),
    _parameter("Signature", "header", {"type": "string", "maxLength": 64}),
    _parameter("Content-Digest", "header", {"type": "string", "maxLength": 64}),
]
"""A signed request (RFC 9421) has all three; see the guide on signing."""


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _responses(status: int, reply: type[BaseModel], codes: dict[int | str, dict[str, Any]]) -> dict[str, Any]:
    fine = {"description": "Done", "content": {"application/json": {"schema": _reference(reply)}}}
    if reply in (BegunAction, CompletedAction):
        fine["headers"] = {
            "Idempotency-Replayed": {"schema": {"type": "string"}, "description": "true for a repeated answer"}
        }
    refused = {}
    for code, entry in codes.items():
        content = entry["content"]["application/problem+json"] | {"schema": _reference(Problem)}
        refused[str(code)] = {
            "description": entry["description"],
            "content": {"application/problem+json": content},
        }
    return {str(status): fine, **refused}


def _complete(name: str, summary: str, body: type[BaseModel], *parameters: dict[str, Any]) -> dict[str, Any]:
    """A completion: done, or held until a moderator has looked at it."""
    operation = _write(name, summary, body, 200, CompletedAction, _COMPLETING, *parameters)
    held = operation["responses"]["200"] | {"description": "Held: the points wait for a moderator"}
    operation["responses"]["202"] = held
    return operation


def _write(
    name: str,
    summary: str,
    body: type[BaseModel],
    status: int,
    reply: type[BaseModel],
    codes: tuple[ErrorCode, ...],
    *parameters: dict[str, Any],
) -> dict[str, Any]:
    return {
        "tags": ["actions"],
        "operationId": name,
        "summary": summary,
        "security": [{"HTTPBearer": []}],
        "parameters": [*parameters, _KEY, *_SIGNATURE],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference(body)}}},
        "responses": _responses(status, reply, problems(WRITING, WITH_BODY, KEYED, codes)),
    }


def _read(
    name: str, summary: str, reply: type[BaseModel], *parameters: dict[str, Any], anybody: bool = True
) -> dict[str, Any]:
    """A read of a board; ``anybody``: without a token too, where boards are public."""
    query = [
        _parameter("season", "query", {"type": "integer", "minimum": 1, "maximum": 2**53}),
        _parameter("at", "query", {"type": "string", "format": "date-time", "description": "a past moment"}),
    ]
    return {
        "tags": ["boards"],
        "operationId": name,
        "summary": summary,
        "security": [*([{}] if anybody else []), {"HTTPBearer": []}],
        "parameters": [*parameters, *query],
        "responses": _responses(200, reply, problems(SIGNED_IN, [ErrorCode.NOT_FOUND])),
    }


def _read_top(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    limit = _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 100})
    operation = _read(name, "The first entries", Top, *parameters, limit)
    operation["responses"]["304"] = {"description": "Not changed since the ETag given in If-None-Match"}
    return operation


_WHOM = {"type": "string", "maxLength": 36, "description": "the caller when left out"}
_RADIUS = {"type": "integer", "minimum": 0, "maximum": 50, "default": 5, "description": "places above and below"}


def hot_paths() -> dict[str, dict[str, Any]]:
    """The hot routes as the OpenAPI document shows them."""
    action = _parameter("action_id", "path", {"type": "string", "maxLength": 64})
    board = _parameter("key", "path", {"type": "string", "maxLength": 64})
    return {
        "/api/v1/actions": {
            "post": _write("create_action", "Begin an action", CreateAction, 201, BegunAction, _PRECONDITIONS)
        },
        "/api/v1/actions/{action_id}/complete": {
            "post": _complete("complete_action", "Complete an action", CompleteAction, action)
        },
        "/api/v1/scores/update": {"post": _complete("update_score", "Complete in one call", UpdateScore)},
        "/api/scores/update": {
            "post": _complete("update_score_unversioned", "Complete in one call (unversioned path)", UpdateScore)
        },
        "/api/v1/boards/{key}/top": {"get": _read_top("read_top", board)},
        "/api/v1/leaderboard/top": {"get": _read_top("read_default_top")},
        "/api/v1/boards/{key}/me": {"get": _read("read_my_place", "My place", MyStanding, board, anybody=False)},
        "/api/v1/boards/{key}/around": {
            "get": _read(
                "read_around",
                "The places around a player",
                Top,
                board,
                _parameter("player_id", "query", _WHOM),
                _parameter("radius", "query", _RADIUS),
            )
        },
    }


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document; made once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title="Scoreboard",
        version=__version__,
        summary="A live, cheat-resistant scoreboard",
        description=(
            "Players complete actions; the server decides what they are worth, records them exactly once and ranks "
            "everybody. Every error is `application/problem+json` with a stable `code`."
        ),
        routes=app.routes,
    )
    models: list[type[BaseModel]] = [
        CreateAction,
        CompleteAction,
        UpdateScore,
        CompletedAction,
        BegunAction,
        Top,
        MyStanding,
        Problem,
    ]
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFERENCE.format(model="{model}")
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in definitions["$defs"].items():
        schemas.setdefault(name, schema)
    for path, operations in hot_paths().items():
        document["paths"].setdefault(path, {}).update(operations)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _without_422(document)
    app.openapi_schema = document
    return document


def _without_422(document: dict[str, Any]) -> None:
    """FastAPI announces a 422 of its own for every route with input; ours answers 400 instead."""
    for operations in document["paths"].values():
        for operation in operations.values():
            answer = operation.get("responses", {}).get("422")
            if answer is not None and "HTTPValidationError" in str(answer):
                del operation["responses"]["422"]
