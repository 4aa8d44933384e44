"""The identity provider's keys: read, rotated, missing, late; and platforms without a provider."""

import asyncio
import json
import threading

import pytest

from tests.conftest import Api, open_api
from tests.integration.test_identity_provider import (
    KEYS,
    _issuer,
    _joined,
    exchange,
    issuer,
    joined,
    let_pass,
    person,
    provider_of,
    refused,
)
from tests.issuer import Issuer, IssuerKey, claims_for
from tests.stage import PASSWORD, Stores, until

__all__ = ["_issuer", "_joined", "issuer", "joined"]


async def test_keys_are_read_once_and_again_when_they_are_old(joined: Api, issuer: Issuer) -> None:
    for n in range(3):
        await person(joined, issuer.token(f"reads-{n}"))
    assert issuer.asked == 1
    let_pass(joined, 3601)
    await person(joined, issuer.token("reads-0"))
    assert issuer.asked == 2


async def test_keys_rotate(joined: Api, issuer: Issuer) -> None:
    old = issuer.token("rotating")
    before = await person(joined, old)
    issuer.keys = [IssuerKey.make("third", "ES256"), *issuer.keys[1:]]
    assert await refused(joined, issuer.token("rotating")) == (401, "INVALID_TOKEN")  # asked a moment ago
    let_pass(joined, 31)
    after = await person(joined, issuer.token("rotating"))
    assert after.id == before.id
    assert await refused(joined, old) == (401, "INVALID_TOKEN")  # withdrawn
    assert issuer.asked == 2


async def test_bad_tokens_cost_the_provider_one_question(joined: Api, issuer: Issuer) -> None:
    strangers = [IssuerKey.make(f"stranger-{n}", "ES256") for n in range(20)]
    hopeless = strangers[0].sign(claims_for("x", iss="https://evil.example"))
    assert await refused(joined, hopeless) == (401, "INVALID_TOKEN")
    assert issuer.asked == 0  # it could not have been accepted with any key
    replies = await asyncio.gather(*(refused(joined, key.sign(claims_for("x"))) for key in strangers))
    assert set(replies) == {(401, "INVALID_TOKEN")}
    for key in strangers:
        assert await refused(joined, key.sign(claims_for("x"))) == (401, "INVALID_TOKEN")
    assert issuer.asked == 1
    let_pass(joined, 31)
    await asyncio.gather(*(refused(joined, key.sign(claims_for("x"))) for key in strangers))
    assert issuer.asked == 2


async def test_everybody_waits_for_the_same_answer(joined: Api, issuer: Issuer) -> None:
    issuer.hold = threading.Event()
    waiting = [asyncio.create_task(exchange(joined, issuer.token(f"waits-{n}"))) for n in range(10)]
    await until(lambda: issuer.asked == 1, what="the question at the provider")
    waiting[0].cancel()  # the one who asked goes away; the others still get their answer
    issuer.hold.set()
    replies = await asyncio.gather(*waiting[1:])
    assert {reply.status_code for reply in replies} == {200}
    assert issuer.asked == 1


async def test_known_keys_stay_good_while_the_provider_is_away(joined: Api, issuer: Issuer) -> None:
    await person(joined, issuer.token("loyal"))
    issuer.status = 500
    let_pass(joined, 3601)
    await person(joined, issuer.token("loyal"))
    assert issuer.asked == 2
    stranger = IssuerKey.make("new", "ES256").sign(claims_for("loyal"))
    reply = await exchange(joined, stranger)
    assert (reply.status_code, reply.json()["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert 1 <= reply.json()["retry_after"] <= 30
    assert issuer.asked == 2
    let_pass(joined, 86_400)
    assert await refused(joined, issuer.token("loyal")) == (503, "DEPENDENCY_UNAVAILABLE")  # not for ever
    issuer.status = 200
    let_pass(joined, 31)
    await person(joined, issuer.token("loyal"))


def _long() -> bytes:
    """Good keys, and more than anybody needs."""
    return json.dumps({"keys": [key.jwk() for key in KEYS]}).encode() + b" " * (64 * 1024)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"Location": "/elsewhere"}, None),
        (301, {"Location": "http://127.0.0.1:1/"}, None),
        (404, {}, None),
        (200, {}, b""),
        (200, {}, b"<html>"),
        (200, {}, b'{"keys": []}'),
        (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"0" * 20),
        (200, {}, _long()),
        (200, {"Content-Length": "9999"}, None),
    ],
    ids=["redirect", "away", "missing", "empty", "page", "no keys", "packed", "too long", "cut off"],
)
async def test_an_answer_without_keys(
    joined: Api, issuer: Issuer, status: int, headers: dict[str, str], body: bytes | None
) -> None:
    issuer.status, issuer.headers, issuer.body = status, headers, body
    assert await refused(joined, issuer.token("x")) == (503, "DEPENDENCY_UNAVAILABLE")
    assert await refused(joined, issuer.token("x")) == (503, "DEPENDENCY_UNAVAILABLE")
    assert issuer.asked == 1
    issuer.status, issuer.headers, issuer.body = 200, {}, None
    let_pass(joined, 31)
    await person(joined, issuer.token("x"))


async def test_private_and_symmetric_keys_in_the_set_are_passed_over(joined: Api, issuer: Issuer) -> None:
    good, shared = issuer.keys[0], {"kty": "oct", "kid": "first", "k": "AAAA", "alg": "HS256"}
    issuer.body = json.dumps({"keys": [shared, good.jwk(kid="leaked", d="AAAA"), good.jwk()]}).encode()
    await person(joined, issuer.token("careful"))
    assert set(provider_of(joined)._keys) == {("first", "ES256")}


async def test_a_provider_that_does_not_answer_is_left_alone(stores: Stores) -> None:
    slow = Issuer([IssuerKey.make("first", "ES256")], hold=threading.Event())
    try:
        async with open_api(stores, **slow.settings(SCOREBOARD_EXTERNAL_TIMEOUT="0.3")) as api:
            assert await refused(api, slow.token("x")) == (503, "DEPENDENCY_UNAVAILABLE")
            assert await refused(api, slow.token("x")) == (503, "DEPENDENCY_UNAVAILABLE")
            assert slow.asked == 1
    finally:
        slow.close()


async def test_nobody_is_at_the_providers_address(stores: Stores) -> None:
    gone = Issuer([IssuerKey.make("first", "ES256")])
    settings = gone.settings()
    gone.close()
    async with open_api(stores, **settings) as api:
        assert await refused(api, gone.token("x")) == (503, "DEPENDENCY_UNAVAILABLE")


async def test_players_come_by_the_provider_only_where_the_operator_wants_it(stores: Stores, issuer: Issuer) -> None:
    async with open_api(stores, **issuer.settings(SCOREBOARD_LOCAL_ACCOUNTS="false")) as api:
        credentials = {"username": "local", "password": PASSWORD}
        reply = await api.client.post("/api/v1/auth/register", json=credentials)
        assert (reply.status_code, reply.json()["code"]) == (403, "FORBIDDEN")
        for role, status in (("service", 200), ("platform-config", 200), ("player", 403), ("admin", 403)):
            name = f"the {role}"
            hashed = await api.wiring.sign_in.passwords.hash(PASSWORD)
            await api.sql(
                "INSERT INTO players (id, username, username_key, role, password_hash)"
                " VALUES (gen_random_uuid(), CAST(:name AS text), :name, :role, :hash)",
                name=name,
                role=role,
                hash=hashed,
            )
            reply = await api.client.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
            assert reply.status_code == status, role
            wrong = await api.client.post("/api/v1/auth/login", json={"username": name, "password": "not this one"})
            assert wrong.json()["code"] == "INVALID_CREDENTIALS"
        await person(api, issuer.token("welcome"))


async def test_a_platform_without_a_provider_says_so(api: Api) -> None:
    assert await refused(api, "x") == (404, "NOT_FOUND")


async def test_exchanges_are_limited_for_each_address(stores: Stores, issuer: Issuer) -> None:
    async with open_api(stores, **issuer.settings(SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE="3")) as api:
        replies = [await refused(api, "x") for _ in range(4)]
        assert replies == [(401, "INVALID_TOKEN")] * 3 + [(429, "TOO_MANY_REQUESTS")]
        credentials = {"username": "late", "password": PASSWORD}
        reply = await api.client.post("/api/v1/auth/register", json=credentials)
        assert (reply.status_code, reply.json()["code"]) == (429, "TOO_MANY_REQUESTS")
        assert provider_of(api)._asked_at == float("-inf")


async def test_the_provider_decides_no_roles_without_a_claim(stores: Stores, issuer: Issuer) -> None:
    async with open_api(stores, **issuer.settings(SCOREBOARD_EXTERNAL_ROLE_CLAIM="")) as api:
        ada = await person(api, issuer.token("ada", realm_access={"roles": ["board-admins"]}))
        assert ada.session["player"]["role"] == "player"
        await api.sql("UPDATE players SET role = 'moderator' WHERE id = :id", id=ada.id)
        assert (await person(api, issuer.token("ada"))).session["player"]["role"] == "moderator"
