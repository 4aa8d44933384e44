"""Every refusal: its status, its headers, its body, and that it changed nothing."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2 as httpx
import jwt
import pytest

from scoreboard.domain.action import ActionKind
from scoreboard.domain.errors import ErrorCode, layer_of
from scoreboard.domain.player import Role
from scoreboard.security import action_token
from scoreboard.security.action_token import ActionToken
from scoreboard.security.identifiers import new_id
from scoreboard.storage import players
from scoreboard.telemetry import utc_now
from scoreboard.usecases.configure import configure
from scoreboard_api.errors import STATUS, problem_type
from tests.conftest import BOARDS, KINDS, Api, beside, open_api
from tests.stage import PASSWORD, Person, Stores, register

TABLES = (
    "scores",
    "actions",
    "ledger",
    "ledger_keys",
    "ledger_head",
    "outbox",
    "audit_log",
    "player_kinds",
    "idempotency_keys",
    "jobs",
    "players",
    "sessions",
    "refresh_tokens",
)


async def state(api: Api) -> dict[str, str]:
    """A checksum of every table that a refusal must leave alone."""
    await api.wiring.marker.finish()  # what succeeded before is ticked off a moment later
    sums = {}
    for table in TABLES:
        # A begun usage row without a completion is only room for a lock.
        condition = "WHERE completed > 0" if table == "player_kinds" else ""
        [row] = await api.sql(
            f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t {condition}"
        )
        sums[table] = row[0]
    return sums


def check(reply: httpx.Response, code: str) -> dict[str, Any]:
    """The reply is this refusal in full form."""
    body: dict[str, Any] = reply.json()
    status, title = STATUS[ErrorCode(code)]
    assert (body["code"], reply.status_code) == (code, status), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert body["type"] == problem_type(ErrorCode(code))
    assert re.fullmatch(r"/problems/[a-z-]+", body["type"])
    assert (body["title"], body["status"], body["layer"]) == (title, status, str(layer_of(ErrorCode(code))))
    assert body["detail"].endswith((".", "?"))
    assert body["instance"] == reply.request.url.path
    assert body["request_id"] == reply.headers["x-request-id"]
    known = {"type", "title", "status", "detail", "instance", "code", "request_id", "layer"}
    assert ("server_time" in body) == (code == "STALE_REQUEST")
    assert set(body) - known <= {"retry_after", "errors", "result", "server_time"}
    assert "no-store" in reply.headers["cache-control"]
    if status == 401:
        assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="scoreboard", error="')
    if status in (429, 503):
        assert int(reply.headers["Retry-After"]) >= 1
        assert body["retry_after"] > 0
    if code in ("TOO_MANY_REQUESTS", "USER_RATE_LIMIT") or (code == "ACTION_LIMIT" and "RateLimit" in reply.headers):
        assert re.fullmatch(r'"[a-z-]+";r=0;t=\d+', reply.headers["RateLimit"])
        assert re.fullmatch(r'"[a-z-]+";q=\d+;w=\d+', reply.headers["RateLimit-Policy"])
    if code == "VALIDATION_ERROR":
        for fault in body.get("errors", []):
            assert set(fault) == {"pointer", "detail"}
    return body


async def refused(api: Api, call: Callable[[], Awaitable[httpx.Response]], code: str) -> httpx.Response:
    """The call is refused with this code, and nothing changed."""
    before = await state(api)
    reply = await call()
    check(reply, code)
    assert await state(api) == before
    return reply


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


def forged(api: Api, ada: Person, **changes: Any) -> str:
    payload = jwt.decode(ada.session["access_token"], options={"verify_signature": False}) | changes
    headers = jwt.get_unverified_header(ada.session["access_token"])
    key = api.wiring.tokens._signing.private
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, key, algorithm="ES256", headers=headers)


async def test_authentication(api: Api, ada: Person) -> None:
    async def call(authorization: str | None, path: str = "/api/v1/players/me") -> httpx.Response:
        headers = {} if authorization is None else {"Authorization": authorization.encode()}
        return await api.client.get(path, headers=headers)

    for missing in (None, "", "Basic YTpi", "Bearer", "Bearer ", ada.session["access_token"]):
        await refused(api, lambda a=missing: call(a), "UNAUTHENTICATED")  # type: ignore[misc]
    nested = jwt.utils.base64url_encode(b"[" * 2900).decode() + ".e30.x"
    for bad in ("x", "a.b.c", "é", nested, forged(api, ada, exp=None), forged(api, ada, ver=2)):
        await refused(api, lambda a=bad: call(f"Bearer {a}"), "INVALID_TOKEN")  # type: ignore[misc]
    old = forged(api, ada, iat=1_700_000_000, nbf=1_700_000_000, exp=1_700_000_600)
    await refused(api, lambda: call(f"Bearer {old}"), "TOKEN_EXPIRED")
    for path in ("/api/v1/boards/main/top", "/api/v1/boards/main/entries", "/api/v1/boards"):
        await refused(api, lambda p=path: call("Bearer x", p), "INVALID_TOKEN")  # type: ignore[misc]
    for path in ("/api/v1/boards/hidden/top", "/api/v1/boards/hidden", "/api/v1/boards/hidden/entries"):
        await refused(api, lambda p=path: call(None, p), "UNAUTHENTICATED")  # type: ignore[misc]
    gone = await register(api.client)
    assert (await gone.post("/api/v1/auth/logout")).status_code == 204
    await refused(api, lambda: gone.get("/api/v1/players/me"), "TOKEN_REVOKED")
    await refused(api, lambda: gone.post(UPDATE, {"action_id": "g", "kind": "tap"}), "TOKEN_REVOKED")
    wrong = {"username": ada.username, "password": "not this one"}
    await refused(api, lambda: api.client.post(LOGIN, json=wrong), "INVALID_CREDENTIALS")
    for path in ("/api/v1/analytics/activity", f"/api/v1/players/{gone.id}/history"):
        await refused(api, lambda p=path: ada.get(p), "FORBIDDEN")  # type: ignore[misc]


async def test_action_tokens(api: Api, ada: Person) -> None:
    begun = await ada.begin("quiz")
    token = begun["action_token"]
    flipped = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    for bad, code in (
        (flipped, "INVALID_SIGNATURE"),
        ("", "INVALID_TOKEN"),
        ("é", "INVALID_TOKEN"),
        (token[:-4], "INVALID_TOKEN"),
    ):
        await refused(api, lambda b=bad: ada.complete({**begun, "action_token": b}), code)  # type: ignore[misc]
        await refused(api, lambda b=bad: ada.post(UPDATE, {"action_token": b}), code)  # type: ignore[misc]
    await refused(api, lambda: ada.complete({**begun, "action_id": "x"}), "TASK_NOT_FOUND")
    await refused(api, lambda: ada.complete({**begun, "action_id": str(new_id())}), "INVALID_TOKEN")
    bob = await register(api.client)
    await refused(api, lambda: bob.complete(begun), "UNAUTHORIZED")
    await refused(api, lambda: bob.get(f"/api/v1/actions/{begun['action_id']}"), "TASK_NOT_FOUND")
    await api.sql("DELETE FROM actions WHERE id = :id", id=begun["action_id"])
    await refused(api, lambda: ada.complete(begun), "TASK_NOT_FOUND")
    forgotten = ActionToken(new_id(), UUID(ada.id), 1, utc_now() - timedelta(hours=2))
    stale = {**begun, "action_id": str(forgotten.action_id)}
    stale["action_token"] = action_token.issue(api.platform.action_token_key, forgotten)
    await refused(api, lambda: ada.complete(stale), "INVALID_TOKEN")
    late = await ada.begin("quiz")
    await api.sql("UPDATE actions SET expires_at = now() - interval '1 s' WHERE id = :id", id=late["action_id"])
    await refused(api, lambda: ada.complete(late), "INVALID_TOKEN")
    for status in ("expired", "rejected"):
        await api.sql("UPDATE actions SET status = :s WHERE id = :id", s=status, id=late["action_id"])
        await refused(api, lambda: ada.complete(late), "CONFLICT")


async def test_preconditions(api: Api, ada: Person) -> None:
    begun = await ada.begin("match")
    assert (await ada.complete(begun, points=5)).status_code == 200
    await refused(api, lambda: ada.complete(begun, points=6), "TOKEN_ALREADY_USED")
    again = await refused(api, lambda: ada.complete(begun, points=5), "ALREADY_COMPLETED")
    assert again.json()["result"]["points"] == 5
    slow = await ada.begin("slow")
    early = await refused(api, lambda: ada.complete(slow), "ACTION_TOO_EARLY")
    assert 59 < early.json()["retry_after"] <= 60
    quick = await ada.begin("quick")
    await refused(api, lambda: ada.complete(quick), "ACTION_EXPIRED")
    match, quiz = await ada.begin("match"), await ada.begin("quiz")
    for points in (101, -101, 2**53, None):
        await refused(api, lambda p=points: ada.complete(match, points=p), "INVALID_SCORE")  # type: ignore[misc]
    await refused(api, lambda: ada.complete(quiz, points=11), "INVALID_SCORE")
    assert (await ada.complete(quiz, points=10)).status_code == 200
    await refused(api, lambda: ada.complete(match, points=1, season=999), "CONFLICT")
    await refused(api, lambda: ada.post(CREATE, {"kind": "none"}), "NOT_FOUND")
    await refused(api, lambda: ada.post(CREATE, {"kind": "off"}), "CONFLICT")
    await refused(api, lambda: ada.post(UPDATE, {"action_id": "n", "kind": "none"}), "NOT_FOUND")
    await refused(api, lambda: ada.post(UPDATE, {"action_id": "n", "kind": "quiz"}), "CONFLICT")
    await refused(api, lambda: ada.post(EXECUTE, {"action_id": "n", "kind": "none"}), "NOT_FOUND")
    bob = await register(api.client)
    assert (await bob.post(UPDATE, {"action_id": "big", "kind": "huge", "points": 2**53})).status_code == 200
    await refused(api, lambda: bob.post(UPDATE, {"action_id": "more", "kind": "huge", "points": 1}), "INVALID_SCORE")


async def test_cooldown_attempts_and_once(api: Api, ada: Person) -> None:
    first, second = await ada.begin("daily"), await ada.begin("daily")
    await ada.complete(first)
    for call in (lambda: ada.complete(second), lambda: ada.post(CREATE, {"kind": "daily"})):
        reply = await refused(api, call, "COOLDOWN")
        left = reply.json()["retry_after"]
        assert 58 < left <= 60
        assert int(reply.headers["Retry-After"]) in (int(left), int(left) + 1)
    await api.sql(
        "UPDATE player_kinds SET last_completed_at = last_completed_at - interval '60 s' WHERE player_id = :p", p=ada.id
    )
    assert (await ada.complete(second)).status_code == 200
    for _ in range(3):
        await ada.score("thrice")
    reply = await refused(api, lambda: ada.post(CREATE, {"kind": "thrice"}), "ACTION_LIMIT")
    assert 3500 < int(reply.headers["Retry-After"]) <= 3600
    once = await ada.begin("once")
    await ada.score("once")
    await refused(api, lambda: ada.complete(once), "ALREADY_COMPLETED")
    await refused(api, lambda: ada.post(CREATE, {"kind": "once"}), "ALREADY_COMPLETED")


async def test_accounts_that_may_not_play(api: Api) -> None:
    eve = await register(api.client)
    begun = await eve.begin("quiz")
    log_in = {"username": eve.username, "password": PASSWORD}
    calls: list[Callable[[], Awaitable[httpx.Response]]] = [
        lambda: eve.complete(begun),
        lambda: eve.post(CREATE, {"kind": "quiz"}),
        lambda: eve.post(UPDATE, {"action_id": "e", "kind": "tap"}),
        lambda: api.client.post(LOGIN, json=log_in),
        lambda: api.client.post("/api/v1/auth/refresh", json={"refresh_token": eve.session["refresh_token"]}),
    ]
    for status, until, code in (
        ("suspended", "NULL", "ACCOUNT_SUSPENDED"),
        ("suspended", "now() + interval '90 s'", "ACCOUNT_SUSPENDED"),
        ("banned", "NULL", "ACCOUNT_BANNED"),
    ):
        await api.sql(f"UPDATE players SET status = :s, suspended_until = {until} WHERE id = :p", s=status, p=eve.id)
        for call in calls:
            reply = await refused(api, call, code)
            if until.startswith("now"):
                assert 80 < int(reply.headers["Retry-After"]) <= 90
    await api.sql(
        "UPDATE players SET status = 'suspended', suspended_until = now() - interval '1 s' WHERE id = :p", p=eve.id
    )
    assert (await eve.complete(begun)).status_code == 200


async def test_idempotency_keys(api: Api, ada: Person) -> None:
    body = {"action_id": "keyed", "kind": "tap"}
    assert (await ada.post(UPDATE, body, Idempotency_Key="key-1")).status_code == 200
    for path, other in ((UPDATE, {**body, "action_id": "other"}), (CREATE, {"kind": "quiz"}), (EXECUTE, body)):
        await refused(
            api,
            lambda p=path, o=other: ada.post(p, o, Idempotency_Key="key-1"),
            "IDEMPOTENCY_KEY_REUSED",  # type: ignore[misc]
        )
    assert (await ada.post(EXECUTE, {**body, "action_id": "queued"}, Idempotency_Key="key-2")).status_code == 202
    for path, other in ((UPDATE, {**body, "action_id": "queued"}), (EXECUTE, body)):
        await refused(
            api,
            lambda p=path, o=other: ada.post(p, o, Idempotency_Key="key-2"),
            "IDEMPOTENCY_KEY_REUSED",  # type: ignore[misc]
        )
    assert (await ada.post(CREATE, {"kind": "quiz"}, Idempotency_Key="key-3")).status_code == 201
    await refused(api, lambda: ada.post(UPDATE, body, Idempotency_Key="key-3"), "IDEMPOTENCY_KEY_REUSED")


async def test_a_key_whose_first_request_is_still_under_way(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_DATABASE_LOCK_TIMEOUT="0.1") as api:
        ada = await register(api.client)
        body = {"action_id": "held", "kind": "tap"}
        held = await ada.begin("quiz")
        connection = await asyncpg.connect(api.environment["DATABASE_URL"])
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO idempotency_keys (player_id, key, fingerprint, status, reply)"
            " VALUES ($1, 'flight', '', 200, '{}')",
            UUID(ada.id),
        )
        await connection.execute("SELECT 1 FROM actions WHERE id = $1 FOR UPDATE", UUID(held["action_id"]))
        for path, wanted in ((UPDATE, body), (CREATE, {"kind": "quiz"}), (EXECUTE, body)):
            reply = await ada.post(path, wanted, Idempotency_Key="flight")
            check(reply, "IDEMPOTENCY_KEY_IN_FLIGHT")
        keyless = await ada.complete(held)
        check(keyless, "DEPENDENCY_UNAVAILABLE")
        await transaction.rollback()
        await connection.close()
        assert (await ada.post(UPDATE, body, Idempotency_Key="flight")).status_code == 200
        assert (await ada.complete(held)).status_code == 200


async def test_limits(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_ACTION_PER_MINUTE="2") as api:
        ada = await register(api.client)
        for n in range(2):
            assert (await ada.post(UPDATE, {"action_id": f"l{n}", "kind": "tap"})).status_code == 200
        reply = await refused(api, lambda: ada.post(UPDATE, {"action_id": "l9", "kind": "tap"}), "ACTION_LIMIT")
        assert 28 <= int(reply.headers["Retry-After"]) <= 30
        assert (await ada.post(CREATE, {"kind": "quiz"})).status_code == 201  # another kind, another bucket
    write = {"SCOREBOARD_PLAYER_WRITE_RATE": "0.1", "SCOREBOARD_PLAYER_WRITE_BURST": "2"}
    read = {"SCOREBOARD_PLAYER_READ_RATE": "0.1", "SCOREBOARD_PLAYER_READ_BURST": "2"}
    async with open_api(stores, **write, **read) as api:
        ada, bob = await register(api.client), await register(api.client)
        for _ in range(2):
            await ada.begin("quiz")
            assert (await ada.get("/api/v1/players/me")).status_code == 200
        reply = await refused(api, lambda: ada.post(CREATE, {"kind": "quiz"}), "USER_RATE_LIMIT")
        assert 9 <= int(reply.headers["Retry-After"]) <= 10
        await refused(api, lambda: ada.get("/api/v1/players/me"), "USER_RATE_LIMIT")
        await refused(api, lambda: ada.get("/api/v1/boards/main/top"), "USER_RATE_LIMIT")
        await bob.begin("quiz")
    async with open_api(stores, SCOREBOARD_LOGIN_ACCOUNT_PER_MINUTE="3") as api:
        ada = await register(api.client, "adaline")
        names = ("adaline", "ADALINE", "ａdaline")
        for name in names:
            check(
                await api.client.post(LOGIN, json={"username": name, "password": "wrong wrong"}), "INVALID_CREDENTIALS"
            )
        for name in (*names, "aＤaline"):
            attempt = {"username": name, "password": PASSWORD}
            await refused(api, lambda a=attempt: api.client.post(LOGIN, json=a), "USER_RATE_LIMIT")  # type: ignore[misc]
    async with open_api(stores, SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE="2") as api:
        await register(api.client)
        await register(api.client)
        body = {"username": "third one", "password": PASSWORD}
        await refused(api, lambda: api.client.post(REGISTER, json=body), "TOO_MANY_REQUESTS")
    async with open_api(stores, SCOREBOARD_ADDRESS_RATE="0.1", SCOREBOARD_ADDRESS_BURST="3") as api:
        replies = [await api.client.get("/api/v1/boards") for _ in range(4)]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
        check(replies[3], "TOO_MANY_REQUESTS")
        assert (await api.client.get("/health/live")).status_code == 200
    async with open_api(
        stores, SCOREBOARD_ADDRESS_RATE="0.1", SCOREBOARD_ADDRESS_BURST="1", SCOREBOARD_TRUSTED_PROXY_HOPS="1"
    ) as api:
        replies = [
            await api.client.get("/api/v1/boards", headers={"X-Forwarded-For": value})
            for value in ("10.0.0.1", "10.0.0.2", "6.6.6.6, 10.0.0.1")
        ]
        assert [reply.status_code for reply in replies] == [200, 200, 429]


async def test_limits_without_redis_are_this_replicas_share(stores: Stores) -> None:
    write = {"SCOREBOARD_PLAYER_WRITE_RATE": "0.1", "SCOREBOARD_PLAYER_WRITE_BURST": "4", "SCOREBOARD_REPLICAS": "2"}
    async with open_api(stores, **write) as api:
        ada = await register(api.client)
        stores.valkey.kill()
        try:
            codes = [(await ada.post(CREATE, {"kind": "quiz"})).status_code for _ in range(4)]
        finally:
            stores.valkey.start()
        assert codes == [201, 201, 429, 429]


async def test_overload_is_refused_at_once(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_QUEUE_BOUND="5") as api:
        ada = await register(api.client)
        connection = await asyncpg.connect(api.environment["DATABASE_URL"])
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT 1 FROM ledger_head FOR UPDATE")  # every commit waits
        calls = [asyncio.create_task(ada.post(UPDATE, {"action_id": f"o{n}", "kind": "tap"})) for n in range(20)]
        done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        check(next(iter(done)).result(), "OVERLOADED")
        await transaction.rollback()
        await connection.close()
        replies = [call.result() for call in done] + await asyncio.gather(*waiting)
        assert {reply.status_code for reply in replies} == {200, 503}
        for reply in replies:
            if reply.status_code == 503:
                check(reply, "OVERLOADED")


async def test_draining(stores: Stores) -> None:
    async with open_api(stores) as api:
        ada = await register(api.client)
        api.wiring.draining = True
        await refused(api, lambda: ada.post(CREATE, {"kind": "quiz"}), "DRAINING")
        ready = await api.client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "draining")
        assert (await api.client.get("/health/live")).status_code == 200


async def test_no_answer_in_time_and_the_outcome_is_found_by_the_key(stores: Stores) -> None:
    """Two statements of one transaction are slow: each within its own time, together past the request's."""
    times = {
        "SCOREBOARD_REQUEST_DEADLINE": "0.8",
        "SCOREBOARD_DATABASE_STATEMENT_TIMEOUT": "0.79",
        "SCOREBOARD_DATABASE_LOCK_TIMEOUT": "0.78",
    }
    async with open_api(stores) as patient, beside(patient, **times) as hasty:
        ada = await register(patient.client)
        await patient.sql(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END'"
        )
        for table in ("scores", "ledger"):
            await patient.sql(f"CREATE TRIGGER slow BEFORE INSERT ON {table} EXECUTE FUNCTION dawdle()")
        body = {"action_id": "late", "kind": "tap"}
        in_haste = Person(hasty.client, ada.id, ada.username, ada.session)
        check(await in_haste.post(UPDATE, body, Idempotency_Key="late"), "DEADLINE_EXCEEDED")
        reply = await ada.insist(UPDATE, body, "late")
        assert (reply.status_code, reply.headers["Idempotency-Replayed"]) == (200, "true")
        assert reply.json()["score"]["current"] == 1


@asynccontextmanager
async def broken(api: Api, table: str) -> AsyncIterator[None]:
    await api.sql(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        await api.sql(f"ALTER TABLE {table}_away RENAME TO {table}")


async def test_our_own_faults_say_nothing(api: Api, ada: Person) -> None:
    async with broken(api, "jobs"):
        reply = await ada.get(f"/api/v1/jobs/{new_id()}")
        check(reply, "INTERNAL_ERROR")
        assert "jobs" not in reply.json()["detail"]
    async with broken(api, "player_kinds"):
        reply = await ada.post(UPDATE, {"action_id": "fault", "kind": "tap"})
        check(reply, "INTERNAL_ERROR")
        assert "player_kinds" not in reply.text
    assert (await ada.post(UPDATE, {"action_id": "fault", "kind": "tap"})).status_code == 200


async def test_a_commit_that_fails_is_not_acknowledged(api: Api, ada: Person) -> None:
    """The trigger speaks at the commit itself, when everything else has succeeded."""
    begun = await ada.begin("quiz")
    await api.sql(
        "CREATE FUNCTION fail_commit() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'admin_shutdown'; END $$"
    )
    await api.sql(
        "CREATE CONSTRAINT TRIGGER fail_commit AFTER INSERT ON ledger DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION fail_commit()"
    )
    try:
        await refused(api, lambda: ada.complete(begun), "DEPENDENCY_UNAVAILABLE")
        keyed = {"action_id": "commit", "kind": "tap"}
        await refused(api, lambda: ada.post(UPDATE, keyed, Idempotency_Key="commit"), "DEPENDENCY_UNAVAILABLE")
    finally:
        await api.sql("DROP TRIGGER fail_commit ON ledger")
    assert (await ada.complete(begun)).status_code == 200
    assert (await ada.post(UPDATE, keyed, Idempotency_Key="commit")).status_code == 200


async def test_refresh_reuse_and_missing_keys_and_roles(api: Api) -> None:
    eve = await register(api.client)
    token = {"refresh_token": eve.session["refresh_token"]}
    assert (await api.client.post("/api/v1/auth/refresh", json=token)).status_code == 200
    await api.sql("UPDATE refresh_tokens SET used_at = used_at - interval '1 hour' WHERE used_at IS NOT NULL")
    check(await api.client.post("/api/v1/auth/refresh", json=token), "REFRESH_REUSED")
    server = await register(api.client)
    await api.platform.database.transact(lambda tx: players.set_role(tx, UUID(server.id), Role.SERVICE))
    reply = await api.client.post(LOGIN, json={"username": server.username, "password": PASSWORD})
    server.session = reply.json()
    batch = {"items": [{"player_id": eve.id, "action_token": "x"}]}
    await refused(api, lambda: server.post("/api/v1/actions/complete-batch", batch), "IDEMPOTENCY_KEY_MISSING")
    taken = {"username": eve.username.upper(), "password": PASSWORD}
    await refused(api, lambda: api.client.post(REGISTER, json=taken), "CONFLICT")


async def test_a_kind_that_is_switched_off_meanwhile(stores: Stores) -> None:
    async with open_api(stores) as api:
        ada = await register(api.client)
        begun = await ada.begin("quiz")
        off = ActionKind("quiz", "Quiz", points=10, boards=("main",), enabled=False)
        await configure(api.platform, BOARDS, [off], managed_by="test")
        await refused(api, lambda: ada.complete(begun), "CONFLICT")
        await configure(api.platform, BOARDS, [kind for kind in KINDS if kind.key == "quiz"], managed_by="test")
        assert (await ada.complete(begun)).status_code == 200


async def test_the_request_id_is_ours_unless_it_is_decent(api: Api) -> None:
    given = await api.client.get("/nothing", headers={"X-Request-Id": "abcdefgh-1"})
    assert given.json()["request_id"] == "abcdefgh-1"
    sly = await api.client.get("/nothing", headers={"X-Request-Id": "<script>alert(1)</script>"})
    assert sly.json()["request_id"] != "<script>alert(1)</script>"


async def test_a_person_gets_a_page_and_a_program_a_problem(api: Api) -> None:
    page = await api.client.get("/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (404, "text/html")
    check(await api.client.get("/api/v1/nothing", headers={"Accept": "text/html"}), "NOT_FOUND")


def test_every_code_is_produced_here() -> None:
    """Each is expected of a reply above, or in the tests of signing and of suspicion, in its full form."""
    others = [Path(__file__).parents[1] / "security" / name for name in ("test_signing.py", "test_suspicion.py")]
    text = "".join(path.read_text() for path in (Path(__file__), *others))
    expected = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', text))
    assert {code for code in ErrorCode if code not in expected} == set()
