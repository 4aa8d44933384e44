"""Requests that are not valid, whatever they ask for: bodies, queries, keys, addresses, media types."""

import json
from collections.abc import AsyncIterator

import pytest

from scoreboard.security.identifiers import new_id
from tests.conftest import Api
from tests.refusals import check, refused
from tests.stage import PASSWORD, Person, register

CREATE, UPDATE, EXECUTE = "/api/v1/actions", "/api/v1/scores/update", "/api/v1/actions/execute"
LOGIN, REGISTER = "/api/v1/auth/login", "/api/v1/auth/register"


DEEP = "[" * 10_000
BAD_BODIES: list[tuple[str, str | bytes]] = [
    (CREATE, "{"),
    (CREATE, DEEP),
    (CREATE, b'{"kind": "\xff"}'),
    (CREATE, '"quiz"'),
    (CREATE, "{}"),
    (CREATE, '{"kind": 5}'),
    (CREATE, '{"kind": ""}'),
    (CREATE, '{"kind": "a\\u0000b"}'),
    (CREATE, '{"kind": "\\ud800"}'),
    (CREATE, '{"kind": "quiz", "more": 1}'),
    (CREATE, json.dumps({"kind": "k" * 65})),
    (UPDATE, '{"action_id": "a", "kind": "huge", "points": "5"}'),
    (UPDATE, '{"action_id": "a", "kind": "huge", "points": 5.0}'),
    (UPDATE, '{"action_id": "a", "kind": "huge", "points": true}'),
    (UPDATE, '{"action_id": "a", "kind": "huge", "points": 9007199254740993}'),
    (UPDATE, '{"action_id": "a\\u0000", "kind": "huge", "points": 5}'),
    (UPDATE, '{"action_id": "a"}'),
    (UPDATE, '{"action_id": "a", "kind": "tap", "action_token": "x"}'),
    (UPDATE, '{"kind": "tap"}'),
    (UPDATE, "{}"),
    (EXECUTE, "{"),
    (EXECUTE, DEEP),
    (EXECUTE, "{}"),
    (EXECUTE, '{"action_id": "a", "kind": "huge", "points": "5"}'),
    (EXECUTE, '{"action_id": "a", "kind": "huge", "points": 5.0}'),
    (EXECUTE, '{"action_id": "a\\u0000", "kind": "tap"}'),
    (EXECUTE, '{"action_id": "a", "kind": "tap", "more": 1}'),
    (LOGIN, "{"),
    (LOGIN, "[]"),
    (LOGIN, '{"username": 5, "password": "x"}'),
    (LOGIN, '{"username": "a\\u0000", "password": "x"}'),
    (LOGIN, '{"username": "\\ud800", "password": "x"}'),
    (REGISTER, '{"username": "ada", "password": "short"}'),
    (REGISTER, '{"username": "a", "password": "long enough"}'),
    (REGISTER, '{"username": "new one", "password": "long enough", "email": "nothing"}'),
    (REGISTER, '{"username": "new one", "password": "long enough", "email": "a\\u0000@example.org"}'),
    (REGISTER, '{"username": "new one", "password": "long enough", "role": "admin"}'),
    ("/api/v1/boards/main/lookup", '{"player_ids": []}'),
    ("/api/v1/boards/main/lookup", '{"player_ids": "x"}'),
    ("/api/v1/auth/logout", '{"everywhere": "yes"}'),
    ("/api/v1/auth/refresh", '{"refresh_token": 5}'),
]


@pytest.fixture(scope="module")
async def ada(api: Api) -> Person:
    return await register(api.client)


@pytest.mark.parametrize(("path", "body"), BAD_BODIES, ids=[f"{path} {body[:40]!r}" for path, body in BAD_BODIES])
async def test_bodies_that_are_not_valid(api: Api, ada: Person, path: str, body: str | bytes) -> None:
    headers = {**ada.headers, "Content-Type": "application/json"}
    reply = await refused(api, lambda: api.client.post(path, content=body, headers=headers), "VALIDATION_ERROR")
    assert "9007199254740993" not in reply.text  # what was sent is not repeated


BAD_QUERIES = [
    "/api/v1/boards/main/top?limit=0",
    "/api/v1/boards/main/top?limit=101",
    "/api/v1/boards/main/top?limit=x",
    f"/api/v1/boards/main/top?limit={'9' * 5000}",
    "/api/v1/boards/main/top?season=-1",
    "/api/v1/boards/main/entries?limit=501",
    "/api/v1/boards/main/entries?cursor=nonsense",
    "/api/v1/boards/main/entries?cursor=%C3%A9",
    "/api/v1/boards/main/entries?cursor=ks-A",
    "/api/v1/boards/main/entries?cursor=kgAA",
    "/api/v1/boards/main/entries?cursor=ks-AAAAAAAAAAAA",
    "/api/v1/boards/main/entries?cursor=ks___________wA",
    "/api/v1/boards/main/entries?cursor=kgHPgAAAAAAAAAA",
    "/api/v1/boards/main/entries?cursor=kgH_",
    "/api/v1/boards/main/entries?season=0",
    "/api/v1/boards/main/around?radius=51",
    "/api/v1/boards/main/around?radius=-1",
    "/api/v1/players/me/history?limit=0",
    "/api/v1/players/me/history?cursor=9223372036854775808",
]


@pytest.mark.parametrize("path", BAD_QUERIES, ids=[path[:60] for path in BAD_QUERIES])
async def test_queries_that_are_not_valid(api: Api, ada: Person, path: str) -> None:
    await refused(api, lambda: ada.get(path), "VALIDATION_ERROR")


@pytest.mark.parametrize("season", [0, -1, 2**53, 2**63, 2**64, 2**200])
@pytest.mark.parametrize("path", [UPDATE, EXECUTE])
async def test_a_season_that_cannot_be(api: Api, ada: Person, season: int, path: str) -> None:
    body = {"action_id": f"s{season}"[:60], "kind": "tap", "season": season}
    reply = await ada.post(path, body)
    if path == UPDATE and 0 < season <= 2**53:
        check(reply, "CONFLICT")
    elif 0 < season <= 2**53:
        assert reply.status_code == 202
    else:
        check(reply, "VALIDATION_ERROR")


@pytest.mark.parametrize("key", ["", " ", "é", "k" * 256, "job:x", "batch:x", "\x01"])
async def test_idempotency_keys_that_cannot_be_used(api: Api, ada: Person, key: str) -> None:
    headers = {**ada.headers, "Idempotency-Key": key.encode("utf-8")}
    body = {"action_id": "k", "kind": "tap"}
    await refused(api, lambda: api.client.post(UPDATE, json=body, headers=headers), "VALIDATION_ERROR")


async def test_unknown_addresses_and_methods(api: Api, ada: Person) -> None:
    for path in (
        "/nothing",
        "/api/v1/nothing",
        "/api/v1/boards/none",
        "/api/v1/boards/none/top",
        "/api/v1/boards/none/entries",
        "/api/v1/boards/none/me",
        "/api/v1/boards/main/top?season=999",
        "/api/v1/boards/main/entries?season=999",
        "/problems/none",
        f"/api/v1/jobs/{new_id()}",
        "/api/v1/jobs/x",
        f"/api/v1/players/{new_id()}",
        "/api/v1/players/x",
        "/api/v1/boards/main/around",
    ):
        await refused(api, lambda p=path: ada.get(p), "NOT_FOUND")  # type: ignore[misc]
    for path in (f"/api/v1/actions/{new_id()}", "/api/v1/actions/x"):
        await refused(api, lambda p=path: ada.get(p), "TASK_NOT_FOUND")  # type: ignore[misc]
    for method, path in (
        ("GET", CREATE),
        ("PUT", CREATE),
        ("DELETE", LOGIN),
        ("POST", "/api/v1/boards/main/top"),
        ("PATCH", "/api/v1/players/me"),
        ("GET", "/api/scores/update"),
    ):
        reply = await refused(
            api,
            lambda m=method, p=path: api.client.request(m, p, headers=ada.headers),
            "METHOD_NOT_ALLOWED",  # type: ignore[misc]
        )
        assert reply.headers["Allow"]


async def test_bodies_too_large(api: Api, ada: Person) -> None:
    limit = api.wiring.settings.body_limit
    big = json.dumps({"username": "a", "password": "x" * limit}).encode()
    headers = {**ada.headers, "Content-Type": "application/json"}

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(big), 1000):
            yield big[start : start + 1000]

    for path in (LOGIN, CREATE, UPDATE, EXECUTE):
        await refused(api, lambda p=path: api.client.post(p, content=big, headers=headers), "PAYLOAD_TOO_LARGE")  # type: ignore[misc]
        await refused(
            api,
            lambda p=path: api.client.post(p, content=in_pieces(), headers=headers),
            "PAYLOAD_TOO_LARGE",  # type: ignore[misc]
        )


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "*/*"])
@pytest.mark.parametrize("path", [CREATE, UPDATE, EXECUTE, LOGIN, REGISTER, "/api/v1/auth/logout"])
async def test_other_media_types(api: Api, ada: Person, media: str, path: str) -> None:
    headers = {**ada.headers, "Content-Type": media}
    body = b'{"kind": "quiz"}'
    await refused(api, lambda: api.client.post(path, content=body, headers=headers), "UNSUPPORTED_MEDIA_TYPE")


async def test_json_with_parameters_and_any_case_is_json(api: Api, ada: Person) -> None:
    for media in ("application/json; charset=utf-8", "Application/JSON"):
        headers = {**ada.headers, "Content-Type": media}
        reply = await api.client.post(CREATE, content=b'{"kind": "quiz"}', headers=headers)
        assert reply.status_code == 201, reply.text
        body = json.dumps({"username": ada.username, "password": PASSWORD})
        assert (await api.client.post(LOGIN, content=body, headers=headers)).status_code == 200
