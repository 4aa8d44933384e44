"""Sessions: rotation, reuse, log-out within a second whatever Redis remembers, cookies for browsers."""

import asyncio
import sys
import traceback

import httpx2 as httpx
import pytest
from redis.asyncio import Redis

from scoreboard.domain.errors import Refusal
from scoreboard.live import sessions
from scoreboard.live.guard import GuardRequest
from scoreboard.usecases.revocation import restore_revocations
from tests.conftest import Api, open_api
from tests.stage import PASSWORD, Person, Stores, register

REFRESH = "/api/v1/auth/refresh"


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(REFRESH, json={"refresh_token": token})


async def works(person: Person, access_token: str | None = None) -> bool:
    headers = {"Authorization": f"Bearer {access_token or person.session['access_token']}"}
    reply = await person.client.get("/api/v1/players/me", headers=headers)
    if reply.status_code == 200:
        return True
    assert code(reply) == (401, "TOKEN_REVOKED")
    return False


async def test_a_repeated_refresh_gets_the_same_successor(api: Api) -> None:
    ada = await register(api.client)
    first = ada.session["refresh_token"]
    replies = await asyncio.gather(*(refresh(api.client, first) for _ in range(10)))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["refresh_token"] for reply in replies}) == 1
    successor = replies[0].json()["refresh_token"]
    assert successor != first
    assert (await refresh(api.client, successor)).json()["refresh_token"] not in (first, successor)
    assert (await refresh(api.client, first)).json()["refresh_token"] == successor
    assert all([await works(ada, reply.json()["access_token"]) for reply in replies])


async def test_reuse_after_the_leeway_ends_the_whole_family(api: Api) -> None:
    ada = await register(api.client)
    first = ada.session["refresh_token"]
    successor = (await refresh(api.client, first)).json()
    await api.sql(
        "UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => 11)"
        " WHERE session_id IN (SELECT id FROM sessions WHERE player_id = :player)",
        player=ada.id,
    )
    reused = await refresh(api.client, first)
    assert code(reused) == (401, "REFRESH_REUSED")
    assert reused.headers["WWW-Authenticate"].startswith("Bearer")
    assert code(await refresh(api.client, successor["refresh_token"])) == (401, "TOKEN_REVOKED")
    assert not await works(ada, successor["access_token"])
    assert not await works(ada)
    events = await api.sql("SELECT event, detail FROM audit_log WHERE subject = :player ORDER BY id", player=ada.id)
    assert [row.event for row in events] == ["player.registered", "sessions.revoked"]
    assert events[1].detail["reason"] == "refresh_reused"


@pytest.mark.parametrize("token", ["", "short", "é" * 43, "A" * 43, "A" * 128])
async def test_what_is_no_refresh_token(api: Api, token: str) -> None:
    reply = await refresh(api.client, token)
    assert code(reply) == ((401, "UNAUTHENTICATED") if not token else (401, "INVALID_TOKEN"))


@pytest.mark.parametrize("column", ["expires_at", "issued_at"])
async def test_an_idle_or_old_session_expires(api: Api, column: str) -> None:
    ada = await register(api.client)
    table = "sessions" if column == "expires_at" else "refresh_tokens"
    condition = (
        "player_id = :player"
        if table == "sessions"
        else ("session_id IN (SELECT id FROM sessions WHERE player_id = :player)")
    )
    await api.sql(f"UPDATE {table} SET {column} = {column} - interval '31 days' WHERE {condition}", player=ada.id)
    assert code(await refresh(api.client, ada.session["refresh_token"])) == (401, "TOKEN_EXPIRED")


async def log_in(api: Api, person: Person, **headers: str) -> httpx.Response:
    body = {"username": person.username, "password": PASSWORD}
    return await api.client.post("/api/v1/auth/login", json=body, headers=headers)


async def test_logging_out_ends_this_session_only_or_all(api: Api) -> None:
    ada = await register(api.client)
    phone = Person(api.client, ada.id, ada.username, (await log_in(api, ada)).json())
    desk = Person(api.client, ada.id, ada.username, (await log_in(api, ada)).json())
    assert (await phone.post("/api/v1/auth/logout")).status_code == 204
    assert [await works(each) for each in (ada, phone, desk)] == [True, False, True]
    assert code(await refresh(api.client, phone.session["refresh_token"])) == (401, "TOKEN_REVOKED")
    assert (await desk.post("/api/v1/auth/logout", {"everywhere": True})).status_code == 204
    assert [await works(each) for each in (ada, phone, desk)] == [False, False, False]
    assert (await log_in(api, ada)).status_code == 200


async def test_a_revoked_session_stays_dead_when_redis_forgets(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    assert (await ada.post("/api/v1/auth/logout")).status_code == 204
    redis = Redis.from_url(api.environment["REDIS_URL"])
    for _ in range(2):
        assert not await works(ada)
        await redis.flushdb()
        assert not await works(ada)  # by Postgres
        assert await works(bob)
        assert await restore_revocations(api.platform)
        assert not await restore_revocations(api.platform)
        assert not await works(ada)  # by Redis again
    await redis.aclose()


async def test_an_interrupted_restore_is_not_believed(api: Api) -> None:
    redis = Redis.from_url(api.environment["REDIS_URL"])
    await redis.flushdb()
    run_id = await sessions.begin_restore(api.platform.live, "mine")
    await redis.flushdb()
    assert not await sessions.finish_restore(api.platform.live, "mine", run_id, {}, 60)
    assert not await sessions.knows_all(api.platform.live)
    assert await restore_revocations(api.platform)
    await redis.aclose()


async def test_logging_out_without_redis(stores: Stores) -> None:
    async with open_api(stores) as api:
        ada, bob = await register(api.client), await register(api.client)
        stores.valkey.kill()
        try:
            assert (await ada.post("/api/v1/auth/logout")).status_code == 204
            for _ in range(3):
                assert not await works(ada)
                assert await works(bob)
        finally:
            stores.valkey.start()
        assert not await works(ada)


async def test_a_redis_that_refuses_writes_hides_no_revocation(api: Api) -> None:
    """Out of memory: the limits cannot be counted, and the answer must not be taken for a grant."""
    ada, bob = await register(api.client), await register(api.client)
    assert (await ada.post("/api/v1/auth/logout")).status_code == 204
    redis = Redis.from_url(api.environment["REDIS_URL"])
    await redis.config_set("maxmemory", "1")
    try:
        assert not await works(ada)
        assert await works(bob)
    finally:
        await redis.config_set("maxmemory", "0")
        await redis.aclose()


async def test_refusals_of_revoked_sessions_do_not_pile_up(api: Api) -> None:
    """A refusal kept for all would keep every frame it was ever raised through."""
    ada = await register(api.client)
    await ada.post("/api/v1/auth/logout")
    request = GuardRequest((), api.wiring.tokens.verify(ada.session["access_token"]).session_id)
    depths = set()
    for _ in range(5):
        try:
            await api.wiring.admissions.submit(request)
        except Refusal:
            depths.add(len(traceback.extract_tb(sys.exc_info()[2])))
    assert len(depths) == 1


async def test_browsers_get_the_refresh_token_as_a_cookie(api: Api) -> None:
    ada = await register(api.client)
    reply = await log_in(api, ada, **{"X-Session-Mode": "cookie"})
    assert reply.json()["refresh_token"] is None
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("scoreboard_refresh=")
    for part in ("HttpOnly", "SameSite=strict", "Path=/api/v1/auth", "Max-Age="):
        assert part in cookie
    assert reply.headers["Cache-Control"] == "no-store"
    token = reply.cookies["scoreboard_refresh"]
    api.client.cookies.clear()
    jar = {"Cookie": f"scoreboard_refresh={token}"}
    renewed = await api.client.post(REFRESH, headers={**jar, "X-Session-Mode": "cookie"})
    assert renewed.status_code == 200
    assert renewed.json()["refresh_token"] is None
    assert renewed.cookies["scoreboard_refresh"] != token
    # A script that forgets the header must not be handed what the cookie hides from it.
    api.client.cookies.clear()
    sly = await api.client.post(REFRESH, headers=jar)
    assert sly.status_code == 200
    assert sly.json()["refresh_token"] is None
    api.client.cookies.clear()
    out = await api.client.post(
        "/api/v1/auth/logout", headers={"Authorization": f"Bearer {renewed.json()['access_token']}"}
    )
    assert out.status_code == 204
    assert 'scoreboard_refresh=""' in out.headers["set-cookie"]
    assert (await api.client.post(REFRESH)).json()["code"] == "UNAUTHENTICATED"
    api.client.cookies.clear()


async def test_cookies_behind_tls_are_bound_to_the_host(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_SECURE_COOKIES="true") as api:
        ada = await register(api.client)
        cookie = (await log_in(api, ada, **{"X-Session-Mode": "cookie"})).headers["set-cookie"]
        assert cookie.startswith("__Host-scoreboard_refresh=")
        assert "Secure" in cookie
        assert "Path=/;" in cookie + ";"


async def test_unknown_names_and_wrong_passwords_read_the_same(api: Api) -> None:
    ada = await register(api.client)
    replies = [
        await api.client.post("/api/v1/auth/login", json={"username": name, "password": "wrong wrong"})
        for name in (ada.username, "nobody-at-all")
    ]
    bodies = [{**reply.json(), "request_id": None} for reply in replies]
    assert bodies[0]["code"] == "INVALID_CREDENTIALS"
    assert bodies == [bodies[0]] * 2
    assert {reply.status_code for reply in replies} == {401}


async def test_names_are_unique_whatever_their_case_and_form(api: Api) -> None:
    await register(api.client, "Zoë Straße")
    for taken in ("zoë strasse", "ZOË STRASSE", "Ｚoë Straße"):
        reply = await api.client.post("/api/v1/auth/register", json={"username": taken, "password": PASSWORD})
        assert code(reply) == (409, "CONFLICT"), taken
    back = await api.client.post("/api/v1/auth/login", json={"username": "ZOË STRASSE", "password": PASSWORD})
    assert back.json()["player"]["username"] == "Zoë Straße"


async def test_the_key_set_holds_no_private_part(api: Api) -> None:
    keys = (await api.client.get("/.well-known/jwks.json")).json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


async def test_an_address_opens_one_account_whatever_its_case(api: Api) -> None:
    first = {"username": "mail one", "password": PASSWORD, "email": "Ada@Example.org"}
    assert (await api.client.post("/api/v1/auth/register", json=first)).status_code == 201
    again = {"username": "mail two", "password": PASSWORD, "email": "ada@example.ORG"}
    reply = await api.client.post("/api/v1/auth/register", json=again)
    assert (reply.status_code, reply.json()["code"]) == (409, "CONFLICT")
