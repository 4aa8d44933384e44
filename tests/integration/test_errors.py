"""Refusals of the layers: tokens, preconditions, accounts, keys; and that every code is produced somewhere."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2 as httpx
import jwt
import pytest

from scoreboard.domain.action import ActionKind
from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.player import Role
from scoreboard.security import action_token
from scoreboard.security.action_token import ActionToken
from scoreboard.security.identifiers import new_id
from scoreboard.storage import players
from scoreboard.telemetry import utc_now
from scoreboard.usecases.configure import configure
from tests.conftest import BOARDS, KINDS, Api, open_api
from tests.refusals import check, refused
from tests.stage import PASSWORD, Person, Stores, register

CREATE, UPDATE, EXECUTE = "/api/v1/actions", "/api/v1/scores/update", "/api/v1/actions/execute"
LOGIN, REGISTER = "/api/v1/auth/login", "/api/v1/auth/register"


@pytest.fixture(scope="module")
async def ada(api: Api) -> Person:
    return await register(api.client)


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


OTHERS = ("test_signing.py", "test_suspicion.py")


def test_every_code_is_produced_here() -> None:
    """Each is expected of a reply here or in the files beside it, in its full form."""
    tests = Path(__file__).parents[1]
    beside = [*tests.glob("integration/test_errors*.py"), *map((tests / "security").joinpath, OTHERS)]
    text = "".join(path.read_text() for path in beside)
    expected = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', text))
    assert {code for code in ErrorCode if code not in expected} == set()
