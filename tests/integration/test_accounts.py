"""Accounts: changing the password and the role, hashes that are renewed, keys that rotate, who may repeat a refresh."""

import asyncio
import statistics
import time
from typing import Any

import httpx2 as httpx
import pytest
from argon2 import PasswordHasher

from scoreboard.security import passwords as password_module
from tests.conftest import Api, open_api
from tests.stage import PASSWORD, Person, Stores, register

NEW = "another horse battery"
CHANGE = "/api/v1/auth/password"
LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


async def log_in(api: Api, name: str, password: str = PASSWORD) -> httpx.Response:
    return await api.client.post(LOGIN, json={"username": name, "password": password})


async def change(person: Person, current: str = PASSWORD, new: str = NEW, **headers: str) -> httpx.Response:
    return await person.post(CHANGE, {"current_password": current, "new_password": new}, **headers)


async def is_dead(api: Api, session: dict[str, Any]) -> bool:
    """Whether neither the access token nor the refresh token of a session is good any more."""
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    replies = [
        await api.client.get("/api/v1/players/me", headers=headers),
        await api.client.post(REFRESH, json={"refresh_token": session["refresh_token"]}),
    ]
    codes = {reply.json().get("code") for reply in replies}
    assert codes in ({"TOKEN_REVOKED"}, {None}), codes
    return codes == {"TOKEN_REVOKED"}


async def events(api: Api, player_id: str) -> list[Any]:
    return list(await api.sql("SELECT * FROM audit_log WHERE subject = :id ORDER BY id", id=player_id))


async def hash_of(api: Api, player_id: str) -> str:
    stored: str = (await api.sql("SELECT password_hash FROM players WHERE id = :id", id=player_id))[0][0]
    return stored


async def test_a_new_password_ends_every_session_and_gives_a_fresh_one(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    phone = (await log_in(api, ada.username)).json()
    reply = await change(ada)
    assert reply.status_code == 200, reply.text
    assert reply.headers["Cache-Control"] == "no-store"
    fresh = reply.json()
    assert fresh["signing"]["key_id"] != ada.session["signing"]["key_id"]
    assert [await is_dead(api, each) for each in (ada.session, phone, bob.session)] == [True, True, False]
    assert not await is_dead(api, fresh)
    assert code(await log_in(api, ada.username)) == (401, "INVALID_CREDENTIALS")
    assert (await log_in(api, ada.username, NEW)).status_code == 200
    noted = (await events(api, ada.id))[-1]
    assert (noted.event, str(noted.actor_id), noted.actor_role) == ("player.password_changed", ada.id, "player")
    assert len(noted.detail["sessions"]) == 2
    assert NEW not in str(noted.detail)


async def test_a_browser_keeps_its_cookie_mode(api: Api) -> None:
    ada = await register(api.client)
    credentials = {"username": ada.username, "password": PASSWORD}
    reply = await api.client.post(LOGIN, json=credentials, headers={"X-Session-Mode": "cookie"})
    api.client.cookies.clear()
    page = Person(api.client, ada.id, ada.username, reply.json())
    changed = await change(page, Cookie=f"scoreboard_refresh={reply.cookies['scoreboard_refresh']}")
    assert changed.json()["refresh_token"] is None
    assert changed.cookies["scoreboard_refresh"]
    api.client.cookies.clear()


@pytest.mark.parametrize(
    ("current", "new", "expected"),
    [
        ("not this one", NEW, (401, "INVALID_CREDENTIALS")),
        ("", NEW, (401, "INVALID_CREDENTIALS")),
        (PASSWORD, PASSWORD, (400, "VALIDATION_ERROR")),
        (PASSWORD, "short", (400, "VALIDATION_ERROR")),
        (PASSWORD, "password1", (400, "VALIDATION_ERROR")),
        (PASSWORD, "x" * 513, (400, "VALIDATION_ERROR")),
    ],
)
async def test_a_refused_change_changes_nothing(api: Api, current: str, new: str, expected: tuple[int, str]) -> None:
    ada = await register(api.client)
    before = await hash_of(api, ada.id), len(await events(api, ada.id))
    reply = await change(ada, current, new)
    assert code(reply) == expected
    if expected[0] == 400:
        assert [error["pointer"] for error in reply.json()["errors"]] == ["/new_password"]
    assert (await hash_of(api, ada.id), len(await events(api, ada.id))) == before
    assert not await is_dead(api, ada.session)


async def test_the_username_is_no_password(api: Api) -> None:
    ada = await register(api.client, "a name of length")
    assert code(await change(ada, PASSWORD, "A Name of Length")) == (400, "VALIDATION_ERROR")
    body = {"username": "another name", "password": "another name"}
    reply = await api.client.post("/api/v1/auth/register", json=body)
    assert code(reply) == (400, "VALIDATION_ERROR")
    assert reply.json()["errors"] == [{"pointer": "/password", "detail": "The password cannot be the username."}]


async def test_an_account_without_a_password_is_told_so(api: Api) -> None:
    ada = await register(api.client)
    await api.sql("UPDATE players SET password_hash = NULL WHERE id = :id", id=ada.id)
    reply = await change(ada)
    assert code(reply) == (403, "FORBIDDEN")
    assert "identity provider" in reply.json()["detail"]


@pytest.mark.parametrize(("status", "expected"), [("banned", "ACCOUNT_BANNED"), ("suspended", "ACCOUNT_SUSPENDED")])
async def test_who_may_not_play_changes_nothing(api: Api, status: str, expected: str) -> None:
    ada = await register(api.client)
    await api.sql("UPDATE players SET status = :status WHERE id = :id", status=status, id=ada.id)
    before = await hash_of(api, ada.id)
    assert code(await change(ada)) == (403, expected)
    assert await hash_of(api, ada.id) == before


async def test_of_two_changes_at_once_one_is_made(api: Api) -> None:
    ada = await register(api.client)
    replies = await asyncio.gather(*(change(ada, PASSWORD, f"{NEW} {n}") for n in range(4)))
    assert sorted(reply.status_code for reply in replies) == [200, 401, 401, 401]
    winner = next(n for n, reply in enumerate(replies) if reply.status_code == 200)
    assert (await log_in(api, ada.username, f"{NEW} {winner}")).status_code == 200
    assert not await is_dead(api, replies[winner].json())


async def test_a_log_in_that_overlaps_a_change_leaves_no_session_of_the_old_password(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await register(api.client)
    verify, changed = api.wiring.sign_in.passwords.verify, asyncio.Event()

    async def late(encoded: str | None, password: str) -> bool:
        right = await verify(encoded, password)
        if not changed.is_set():
            changed.set()
            assert (await change(ada)).status_code == 200
        return right

    monkeypatch.setattr(type(api.wiring.sign_in.passwords), "verify", lambda _, *given: late(*given))
    assert code(await log_in(api, ada.username)) == (401, "INVALID_CREDENTIALS")
    alive = "SELECT count(*) FROM sessions WHERE player_id = :id AND revoked_at IS NULL"
    assert (await api.sql(alive, id=ada.id))[0][0] == 1


async def test_a_password_that_was_changed_meanwhile_is_not_overwritten(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await register(api.client)
    hashed = api.wiring.sign_in.passwords.hash
    other = await hashed("a third horse battery")

    async def late(password: str) -> str:
        await api.sql("UPDATE players SET password_hash = :hash WHERE id = :id", hash=other, id=ada.id)
        return await hashed(password)

    monkeypatch.setattr(type(api.wiring.sign_in.passwords), "hash", lambda _, password: late(password))
    assert code(await change(ada)) == (401, "INVALID_CREDENTIALS")
    assert await hash_of(api, ada.id) == other
    assert not await is_dead(api, ada.session)


async def test_a_session_that_was_ended_meanwhile_is_not_replaced(api: Api) -> None:
    ada = await register(api.client)
    await api.sql("UPDATE sessions SET revoked_at = now() WHERE player_id = :id", id=ada.id)
    before = await hash_of(api, ada.id)
    assert code(await change(ada)) == (401, "TOKEN_REVOKED")  # Redis has not heard of it
    assert await hash_of(api, ada.id) == before


async def test_guessing_the_current_password_is_limited_for_the_account(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_LOGIN_ACCOUNT_PER_MINUTE="3") as api:
        ada = await register(api.client)
        for _ in range(3):
            assert code(await change(ada, "not this one")) == (401, "INVALID_CREDENTIALS")
        limited = await change(ada)
        assert code(limited) == (429, "USER_RATE_LIMIT")
        assert int(limited.headers["Retry-After"]) >= 1
        assert (await log_in(api, ada.username)).status_code == 200  # a limit of its own


async def test_a_hash_of_former_parameters_is_renewed_at_log_in(api: Api) -> None:
    ada = await register(api.client)
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await api.sql("UPDATE players SET password_hash = :hash WHERE id = :id", hash=old, id=ada.id)
    assert code(await log_in(api, ada.username, "not this one")) == (401, "INVALID_CREDENTIALS")
    assert await hash_of(api, ada.id) == old
    assert (await log_in(api, ada.username)).status_code == 200
    renewed = await hash_of(api, ada.id)
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await log_in(api, ada.username)).status_code == 200
    assert await hash_of(api, ada.id) == renewed


async def test_unknown_and_known_players_cost_the_same_work(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(PasswordHasher):
        verified = 0

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - its name
            Counting.verified += 1
            return super().verify(hash, password)

    monkeypatch.setattr(password_module, "_HASHER", Counting(2, 19_456, 1))
    ada, external = await register(api.client), await register(api.client)
    await api.sql("UPDATE players SET password_hash = NULL WHERE id = :id", id=external.id)
    replies = []
    for name in (ada.username, "nobody at all", external.username):
        Counting.verified = 0
        replies.append(await log_in(api, name, "not this one"))
        assert Counting.verified == 1, name
    assert len({str({**reply.json(), "request_id": None}) for reply in replies}) == 1
    shown = [{name: value for name, value in reply.headers.items() if name != "x-request-id"} for reply in replies]
    assert [set(each) for each in shown] == [set(shown[0])] * 3


@pytest.mark.slow
@pytest.mark.full
async def test_unknown_and_known_players_take_the_same_time(api: Api) -> None:
    ada = await register(api.client)
    took: dict[str, list[float]] = {ada.username: [], "nobody at all": []}
    for _ in range(60):
        for name, times in took.items():
            began = time.perf_counter()
            await log_in(api, name, "not this one")
            times.append(time.perf_counter() - began)
    known, unknown = (statistics.median(times) for times in took.values())
    assert 0.5 < known / unknown < 2, took
