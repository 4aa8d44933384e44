"""What was tried by hand against a running platform, kept: each with what it must be answered."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2 as httpx
import pytest

from tests.conftest import Api
from tests.refusals import refused
from tests.stage import Person, register

Try = Callable[[httpx.AsyncClient, Person, Person], Awaitable[httpx.Response]]
UPDATE, REGISTER = "/api/v1/scores/update", "/api/v1/auth/register"


def report(points: str) -> Try:
    """A body as text, because most of these are not JSON that a library would write."""

    async def call(client: httpx.AsyncClient, ada: Person, _: Person) -> httpx.Response:
        body = f'{{"action_id": "x", "kind": "huge", "points": {points}}}'
        return await client.post(UPDATE, content=body, headers={**ada.headers, "Content-Type": "application/json"})

    return call


def get(path: str, **headers: str) -> Try:
    return lambda client, _, __: client.get(path, headers={name.replace("_", "-"): v for name, v in headers.items()})


def post(path: str, body: Any, **headers: str) -> Try:
    return lambda _, ada, __: ada.post(path, body, **headers)


def ask(method: str, path: str) -> Try:
    return lambda client, _, __: client.request(method, path)


TRIES: dict[str, tuple[Try, str]] = {
    "points as a float": (report("1000.0"), "VALIDATION_ERROR"),
    "points with an exponent": (report("1e3"), "VALIDATION_ERROR"),
    "points as a truth value": (report("true"), "VALIDATION_ERROR"),
    "points as text": (report('"5"'), "VALIDATION_ERROR"),
    "points of seventy bits": (report(str(2**70)), "VALIDATION_ERROR"),
    "infinite points": (report("Infinity"), "VALIDATION_ERROR"),
    "no points": (report("null"), "INVALID_SCORE"),
    "points that no double can hold": (report(str(2**53 + 1)), "VALIDATION_ERROR"),
    "another scheme": (get("/api/v1/players/me", Authorization="Basic YTph"), "UNAUTHENTICATED"),
    "a role of one's own": (
        post(REGISTER, {"username": "mallory", "password": "correct horse 9", "role": "admin"}),
        "VALIDATION_ERROR",
    ),
    "a name that turns around": (
        post(REGISTER, {"username": "ad\u202emin", "password": "correct horse 9"}),
        "VALIDATION_ERROR",
    ),
    "a batch by a player": (
        post("/api/v1/actions/complete-batch", {"items": []}, Idempotency_Key="k"),
        "FORBIDDEN",
    ),
    "the key of our own jobs": (
        post(UPDATE, {"action_id": "q", "kind": "tap"}, Idempotency_Key="job:1"),
        "VALIDATION_ERROR",
    ),
    "up and out of the assets": (get("/assets/..%2f..%2fsettings.py"), "NOT_FOUND"),
    "up and out, with dots encoded": (get("/assets/%2e%2e/%2e%2e/settings.py"), "NOT_FOUND"),
    "TRACE": (ask("TRACE", "/api/v1/boards"), "METHOD_NOT_ALLOWED"),
    "a cursor that is a path": (get("/api/v1/boards/main/entries?cursor=../../etc"), "VALIDATION_ERROR"),
    "a method in a header": (
        lambda client, ada, _: client.get(UPDATE, headers={**ada.headers, "X-HTTP-Method-Override": "POST"}),
        "METHOD_NOT_ALLOWED",
    ),
    "an access token to refresh with": (
        lambda client, ada, _: client.post("/api/v1/auth/refresh", json={"refresh_token": ada.session["access_token"]}),
        "VALIDATION_ERROR",
    ),
    "another player's session to refresh": (
        lambda client, ada, _: client.post(
            "/api/v1/auth/refresh", json={"refresh_token": ada.session["signing"]["key"]}
        ),
        "INVALID_TOKEN",
    ),
    "a provider where there is none": (
        lambda client, ada, _: client.post("/api/v1/auth/session", json={"token": ada.session["access_token"]}),
        "NOT_FOUND",
    ),
}


@pytest.mark.parametrize("name", TRIES)
async def test_it_is_refused_and_changes_nothing(api: Api, name: str) -> None:
    ada, bob = await register(api.client), await register(api.client)
    call, code = TRIES[name]
    await refused(api, lambda: call(api.client, ada, bob), code)


async def test_an_action_of_another_player_is_of_no_use(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    begun = await ada.begin("quiz")
    await refused(api, lambda: bob.complete(begun), "UNAUTHORIZED")
    await refused(api, lambda: bob.get(f"/api/v1/actions/{begun['action_id']}"), "TASK_NOT_FOUND")
    await refused(api, lambda: bob.post(UPDATE, {"action_token": begun["action_token"]}), "UNAUTHORIZED")
    assert (await ada.complete(begun)).status_code == 200
    await refused(api, lambda: ada.post(UPDATE, {"action_token": begun["action_token"]}), "ALREADY_COMPLETED")


async def test_an_invented_forwarding_header_moves_nobody(api: Api) -> None:
    """No proxy of ours is in front here, so the header is the client's own."""
    reply = await api.client.get("/api/v1/boards", headers={"X-Forwarded-For": "192.0.2.7"})
    assert reply.status_code == 200
    assert "192.0.2.7" not in json.dumps(dict(reply.headers)) + reply.text
