"""Players of an external identity provider: exchange, keys that rotate, names, roles, and a provider that is away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio

from scoreboard_api.identity_provider import IdentityProvider
from tests.conftest import Api, open_api
from tests.issuer import Issuer, IssuerKey, claims_for
from tests.stage import PASSWORD, Person, Stores, register

EXCHANGE = "/api/v1/auth/session"
KEYS = (IssuerKey.make("first", "ES256"), IssuerKey.make("second", "RS256"))


@pytest.fixture(scope="module")
def _issuer() -> Any:
    opened = Issuer(list(KEYS))
    yield opened
    opened.close()


@pytest_asyncio.fixture(scope="module")
async def _joined(stores: Stores, _issuer: Issuer) -> AsyncIterator[Api]:
    async with open_api(stores, **_issuer.settings()) as opened:
        yield opened


@pytest.fixture
def issuer(_issuer: Issuer) -> Issuer:
    """The issuer, as it was at first."""
    _issuer.keys = list(KEYS)
    _issuer.status, _issuer.body, _issuer.headers, _issuer.hold = 200, None, {}, None
    return _issuer


@pytest.fixture
def joined(_joined: Api, issuer: Issuer) -> Api:
    """An API that has just been started, as far as keys are concerned."""
    provider = provider_of(_joined)
    provider._keys, provider._away = {}, False
    provider._read_at = provider._asked_at = float("-inf")
    issuer.asked = 0
    return _joined


def provider_of(api: Api) -> IdentityProvider:
    provider = api.wiring.provider
    assert provider is not None
    return provider


def let_pass(api: Api, seconds: float) -> None:
    """As if the keys had been read and asked for so much earlier."""
    provider = provider_of(api)
    provider._read_at -= seconds
    provider._asked_at -= seconds


async def exchange(api: Api, token: str, **headers: str) -> httpx.Response:
    return await api.client.post(EXCHANGE, json={"token": token}, headers=headers)


async def person(api: Api, token: str) -> Person:
    reply = await exchange(api, token)
    assert reply.status_code == 200, reply.text
    session = reply.json()
    return Person(api.client, session["player"]["id"], session["player"]["username"], session)


async def refused(api: Api, token: str) -> tuple[int, str]:
    reply = await exchange(api, token)
    return reply.status_code, reply.json()["code"]


async def state(api: Api) -> dict[str, int]:
    """How much there is that an exchange could have added to."""
    tables = ("players", "external_identities", "sessions", "refresh_tokens", "audit_log", "outbox")
    return {table: (await api.sql(f"SELECT count(*) FROM {table}"))[0][0] for table in tables}


async def events(api: Api, player_id: str) -> list[Any]:
    return list(await api.sql("SELECT event, detail FROM audit_log WHERE subject = :id ORDER BY id", id=player_id))


async def test_a_token_becomes_a_session_and_a_player(joined: Api, issuer: Issuer) -> None:
    ada = await person(joined, issuer.token("ada-1", preferred_username="Ada L", email="ada@example.org"))
    assert ada.username == "Ada L"
    assert ada.session["player"]["role"] == "player"
    assert len(ada.session["signing"]["key"]) == 43
    assert await ada.score("quiz")
    renewed = await joined.client.post("/api/v1/auth/refresh", json={"refresh_token": ada.session["refresh_token"]})
    assert renewed.status_code == 200
    noted = await events(joined, ada.id)
    assert [(row.event, row.detail["issuer"]) for row in noted] == [
        ("player.registered", "https://id.example.org/realms/play")
    ]
    assert (await joined.sql("SELECT email, password_hash FROM players WHERE id = :id", id=ada.id))[0] == (None, None)
    again = await person(joined, issuer.token("ada-1", key=1, preferred_username="Another"))
    assert (again.id, again.username) == (ada.id, "Ada L")
    assert again.session["signing"]["key_id"] != ada.session["signing"]["key_id"]
    assert len(await events(joined, ada.id)) == 1


async def test_browsers_get_a_cookie(joined: Api, issuer: Issuer) -> None:
    reply = await exchange(joined, issuer.token("ada-2"), **{"X-Session-Mode": "cookie"})
    assert reply.json()["refresh_token"] is None
    assert "HttpOnly" in reply.headers["set-cookie"]
    assert reply.headers["Cache-Control"] == "no-store"
    joined.client.cookies.clear()


async def test_parallel_first_sights_make_one_player(joined: Api, issuer: Issuer) -> None:
    replies = await asyncio.gather(
        *(exchange(joined, issuer.token("twins", preferred_username="Gemini")) for _ in range(12))
    )
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["player"]["id"] for reply in replies}) == 1
    assert issuer.asked == 1
    names = await asyncio.gather(
        *(person(joined, issuer.token(f"many-{n}", preferred_username="Castor")) for n in range(8))
    )
    assert len({each.id for each in names}) == len({each.username for each in names}) == 8
    assert [each.username for each in names].count("Castor") == 1


async def test_a_name_never_takes_an_account_over(joined: Api, issuer: Issuer) -> None:
    local = await register(joined.client, "Grace Hopper")
    for wished in ("Grace Hopper", "GRACE HOPPER", "Ｇrace Hopper", "grace hopper@example.org"):
        stranger = await person(joined, issuer.token(f"grace-{wished}", preferred_username=wished))
        assert stranger.id != local.id
        assert stranger.username.casefold().endswith(stranger.username[-4:])
        assert stranger.username[-5] == "-"
    body = {"username": "Grace Hopper", "password": PASSWORD}
    assert (await joined.client.post("/api/v1/auth/login", json=body)).json()["player"]["id"] == local.id


@pytest.mark.parametrize("password", ["", "None", "null", PASSWORD])
async def test_nobody_logs_in_with_a_password_that_is_not_there(joined: Api, issuer: Issuer, password: str) -> None:
    ada = await person(joined, issuer.token("ada-3"))
    body = {"username": ada.username, "password": password}
    reply = await joined.client.post("/api/v1/auth/login", json=body)
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_CREDENTIALS")


async def test_the_provider_gives_and_takes_roles(joined: Api, issuer: Issuer) -> None:
    eve = await person(joined, issuer.token("eve", realm_access={"roles": ["board-admins"]}))
    assert eve.session["player"]["role"] == "admin"
    same = await person(joined, issuer.token("eve", realm_access={"roles": ["board-admins", "x"]}))
    assert (await eve.get("/api/v1/players/me")).status_code == 200
    lower = await person(joined, issuer.token("eve", realm_access={"roles": ["board-mods"]}))
    assert (lower.id, lower.session["player"]["role"]) == (eve.id, "moderator")
    for old in (eve, same):
        assert (await old.get("/api/v1/players/me")).json()["code"] == "TOKEN_REVOKED"
        token = {"refresh_token": old.session["refresh_token"]}
        assert (await joined.client.post("/api/v1/auth/refresh", json=token)).json()["code"] == "TOKEN_REVOKED"
    assert (await lower.get("/api/v1/players/me")).json()["role"] == "moderator"
    none = await person(joined, issuer.token("eve"))
    assert none.session["player"]["role"] == "player"
    noted = [row.detail for row in await events(joined, eve.id) if row.event == "player.role_changed"]
    assert [(detail["from"], detail["to"]) for detail in noted] == [("admin", "moderator"), ("moderator", "player")]
    assert noted[0]["by"] == "https://id.example.org/realms/play"


@pytest.mark.parametrize(
    ("status", "until_when", "code"),
    [("banned", None, "ACCOUNT_BANNED"), ("suspended", "2099-01-01", "ACCOUNT_SUSPENDED")],
)
async def test_players_who_may_not_play_are_refused(
    joined: Api, issuer: Issuer, status: str, until_when: str | None, code: str
) -> None:
    bad = await person(joined, issuer.token(f"bad-{status}", realm_access={"roles": ["board-mods"]}))
    await joined.sql(
        "UPDATE players SET status = :status, suspended_until = CAST(CAST(:until AS text) AS timestamptz)"
        " WHERE id = :id",
        status=status,
        until=until_when,
        id=bad.id,
    )
    before = await state(joined)
    assert await refused(joined, issuer.token(f"bad-{status}")) == (403, code)
    assert await state(joined) == before
    assert (await joined.sql("SELECT role FROM players WHERE id = :id", id=bad.id))[0][0] == "moderator"


async def test_a_refused_token_changes_nothing(joined: Api, issuer: Issuer) -> None:
    await person(joined, issuer.token("known"))
    before = await state(joined)
    expired = issuer.token("x", iat=1, exp=2)
    forged = IssuerKey.make("first", "ES256").sign(claims_for("known"))
    for token in ("", "x", forged, issuer.token("x", iss="https://evil.example"), issuer.token("x", aud="other")):
        assert await refused(joined, token) == (401, "INVALID_TOKEN")
    assert await refused(joined, expired) == (401, "TOKEN_EXPIRED")
    reply = await exchange(joined, forged)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert reply.json()["layer"] == "authentication"
    assert await state(joined) == before


async def test_a_providers_token_opens_nothing_else(joined: Api, issuer: Issuer) -> None:
    token = issuer.token("ada-4")
    reply = await joined.client.get("/api/v1/players/me", headers={"Authorization": f"Bearer {token}"})
    assert reply.json()["code"] == "INVALID_TOKEN"
    ours = await register(joined.client)
    assert await refused(joined, ours.session["access_token"]) == (401, "INVALID_TOKEN")
    reply = await joined.client.post(EXCHANGE, headers={"Authorization": f"Bearer {token}"}, json={})
    assert (reply.status_code, reply.json()["code"]) == (400, "VALIDATION_ERROR")
