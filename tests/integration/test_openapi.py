"""The document says everything that the API answers, and nothing that it does not."""

import asyncio
import contextlib
import inspect
import re
import types
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from pydantic import BaseModel
from schemathesis.checks import load_all_checks

from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.player import Role
from scoreboard.storage import players
from scoreboard_api.errors import STATUS
from scoreboard_api.routes.hot import hot_routes
from scoreboard_api.schemas import actions as shapes
from tests.conftest import Api, Running
from tests.stage import PASSWORD, register

METHODS = {"get", "post", "put", "delete", "patch"}
# A method that is not documented cannot be documented.
NOT_YET = {
    ErrorCode.METHOD_NOT_ALLOWED,
}


async def document(api: Api) -> dict[str, Any]:
    loaded: dict[str, Any] = (await api.client.get("/openapi.json")).json()
    return loaded


def operations(loaded: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in loaded["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


async def test_the_document_and_the_routes_are_the_same(api: Api) -> None:
    loaded = await document(api)
    documented = {(method, path) for method, path, _ in operations(loaded)}
    hot = {(method.lower(), route.path) for route in hot_routes() for method in route.methods or ()}
    assert {pair for pair in hot if pair[0] != "head"} <= documented
    assert len(documented) > 30
    for method, path in documented:
        reply = await api.client.request(method, re.sub(r"{\w+}", "x", path))
        assert reply.status_code != 405, (method, path)
        assert "nothing at this address" not in reply.text, (method, path)


async def test_every_error_code_is_documented_with_its_status(api: Api) -> None:
    seen = set()
    for _, path, operation in operations(await document(api)):
        for status, reply in operation["responses"].items():
            examples = reply.get("content", {}).get("application/problem+json", {}).get("examples", {})
            for code, example in examples.items():
                assert str(STATUS[ErrorCode(code)][0]) == status == str(example["value"]["status"]), path
                seen.add(ErrorCode(code))
    assert set(ErrorCode) - seen == NOT_YET


async def test_every_operation_is_complete(api: Api) -> None:
    loaded = await document(api)
    names = [operation["operationId"] for _, _, operation in operations(loaded)]
    assert len(names) == len(set(names))
    text = str(loaded)
    assert "HTTPValidationError" not in text
    for method, path, operation in operations(loaded):
        assert operation["summary"], path
        assert "422" not in operation["responses"] or "problem+json" in str(operation["responses"]["422"]), path
        if path.startswith("/api/"):
            for status in ("400", "429", "500", "503", "504"):
                assert status in operation["responses"], (method, path, status)
    for name in {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in loaded["components"]["schemas"], name


TWINS = [
    (shapes.CreateBody, shapes.CreateAction),
    (shapes.CompleteBody, shapes.CompleteAction),
    (shapes.UpdateBody, shapes.UpdateScore),
    (shapes.CompletedReply, shapes.CompletedAction),
    (shapes.CreatedReply, shapes.BegunAction),
    (shapes.Change, shapes.ScoreChange),
    (shapes.StandingAfter, shapes.Standing),
    (shapes.Provisional, shapes.ProvisionalStanding),
]
_PAIRS: dict[Any, Any] = dict(TWINS)


def normal(hint: Any) -> Any:
    """A type without constraints, with every msgspec structure replaced by its twin."""
    if hint in _PAIRS:
        return _PAIRS[hint].__name__
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return hint.__name__
    origin = get_origin(hint)
    if origin is Annotated:
        return normal(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        return frozenset(normal(part) for part in get_args(hint))
    if origin is not None:
        return origin, tuple(normal(part) for part in get_args(hint))
    return hint


@pytest.mark.parametrize(("struct", "model"), TWINS, ids=lambda one: one.__name__)
def test_the_twins_have_the_same_fields(struct: type[msgspec.Struct], model: type[BaseModel]) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    assert list(fields) == list(model.model_fields)
    hints, others = get_type_hints(struct), get_type_hints(model)
    for name, field in fields.items():
        assert normal(hints[name]) == normal(others[name]), name
        assert field.required == model.model_fields[name].is_required(), name


EDGES = [None, True, 0, 1, -1, 1.0, "5", "", "x", "x" * 64, "x" * 65, "x" * 128, "x" * 129, "a\x00", "é\n", [], {}]
EDGES += [2**53, 2**53 + 1, -(2**53), -(2**53) - 1, 2**63, 2**64, 2**70, -(2**63) - 1]


@pytest.mark.parametrize(("struct", "model"), TWINS[:3], ids=lambda one: one.__name__)
def test_the_twins_accept_the_same(struct: type[msgspec.Struct], model: type[BaseModel]) -> None:
    good = {"kind": "quiz", "action_token": "t", "points": 5, "season": 1, "action_id": "a"}
    good = {name: value for name, value in good.items() if name in model.model_fields}
    tries = [{**good, name: edge} for name in good for edge in EDGES]
    tries += [{k: v for k, v in good.items() if k != name} for name in good] + [{**good, "more": 1}, good, {}]
    for one in tries:
        raw = msgspec.json.encode(one)
        assert accepts(lambda r=raw: msgspec.json.decode(r, type=struct)) == accepts(  # type: ignore[misc]
            lambda r=raw: model.model_validate_json(r)  # type: ignore[misc]
        ), one


def accepts(call: Any) -> bool:
    try:
        call()
    except ValueError:
        return False
    return True


load_all_checks()
CHECKS = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    )
]


async def test_no_request_breaks_the_api_or_its_promises(running: Running) -> None:
    """Made-up requests to every operation, good ones and bad ones, with a player's token or a game server's."""
    person, server = await register(running.client), await register(running.client)
    begun = await person.begin("quiz")
    await running.platform.database.transact(lambda tx: players.set_role(tx, UUID(server.id), Role.SERVICE))
    reply = await running.client.post("/api/v1/auth/login", json={"username": server.username, "password": PASSWORD})
    loaded = (await running.client.get("/openapi.json")).json()
    tokens = {True: reply.json()["access_token"], False: person.session["access_token"]}
    counts = await asyncio.to_thread(fuzz, running.api.url, loaded, tokens, begun["action_id"])
    assert sum(counts.values()) >= 300, counts
    assert not [status for status in counts if status >= 500]


def fuzz(url: str, loaded: dict[str, Any], tokens: dict[bool, str], action_id: str) -> dict[int, int]:
    schema = schemathesis.openapi.from_dict(loaded)
    schema.config.update(base_url=url)
    rejection = schema.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413"]  # too long to be read at all
    counts: dict[int, int] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.startswith("/health") or operation.label.endswith("/auth/logout"):
            continue
        token = tokens["batch" in operation.path]
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            with contextlib.suppress(Unsatisfiable):  # nothing about this operation can be made wrong
                run(operation.as_strategy(generation_mode=mode), token, action_id, counts)
    return counts


def run(strategy: Any, token: str, action_id: str, counts: dict[int, int]) -> None:
    @seed(1)
    @settings(
        max_examples=10,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def once(case: Any) -> None:
        if "action_id" in (case.path_parameters or {}) and len(counts) % 2:
            case.path_parameters["action_id"] = action_id
        response = case.call(headers={"Authorization": f"Bearer {token}"}, timeout=10)
        counts[response.status_code] = counts.get(response.status_code, 0) + 1
        case.validate_response(response, checks=CHECKS)

    once()
