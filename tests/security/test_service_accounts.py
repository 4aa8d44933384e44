"""The operator comes in by its ServiceAccount's token: to the admin's endpoints as platform-config, nowhere else."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization

from tests.conftest import Api, beside, open_api
from tests.declaring import Declares, problem
from tests.issuer import Issuer, IssuerKey, claims_for
from tests.security.routes import api_routes
from tests.stage import Stores, until

CLUSTER = "https://kubernetes.default.svc.cluster.local"
ACCOUNT = "system:serviceaccount:games:scoreboard-operator"
KEYS = (IssuerKey.make("rsa", "RS256"), IssuerKey.make("curve", "ES256"))
BOARD = {"title": "League"}


def cluster(url: str, **more: str) -> dict[str, str]:
    return {
        "SCOREBOARD_OPERATOR_ISSUER": CLUSTER,
        "SCOREBOARD_OPERATOR_JWKS_URL": url,
        "SCOREBOARD_OPERATOR_SUBJECTS": f"system:serviceaccount:other:one,{ACCOUNT}",
        **more,
    }


def claims(**changes: Any) -> dict[str, Any]:
    """What kube-apiserver writes into a projected token."""
    pod = {"namespace": "games", "serviceaccount": {"name": "scoreboard-operator", "uid": "6c1d"}}
    usual = {"iss": CLUSTER, "aud": ["scoreboard-api"], "kubernetes.io": pod, "jti": "0f0e", "nbf": None}
    return claims_for(ACCOUNT, **{**usual, **changes})


def token(key: int = 0, **changes: Any) -> str:
    return KEYS[key].sign(claims(**changes), typ=None)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    opened = Issuer(list(KEYS))
    yield opened
    opened.close()


@pytest_asyncio.fixture(scope="module")
async def api(stores: Stores, issuer: Issuer) -> AsyncIterator[Api]:
    async with open_api(stores, **cluster(issuer.url), SCOREBOARD_REQUIRE_SIGNATURES="true") as opened:
        yield opened


async def people(api: Api) -> list[Any]:
    return [(await api.sql(f"SELECT count(*) FROM {table}"))[0][0] for table in ("players", "sessions")]


async def test_the_operator_declares_and_is_no_player(api: Api) -> None:
    before = await people(api)
    operator = Declares(api.client, bearer(token()))
    made = await operator.must("boards/league", BOARD)
    assert made["declared_by"] == ACCOUNT
    assert (await Declares(api.client, bearer(token(key=1))).seen("boards/league"))["version"] == 1
    assert (await operator.retire("boards/league"))["outcome"] == "retired"
    assert await people(api) == before
    rows = await api.sql("SELECT * FROM audit_log WHERE subject = 'league' ORDER BY id")
    assert [row.event for row in rows] == ["board.declared", "board.retired"]
    for row in rows:
        assert (row.actor_id, row.actor_role, row.detail["by"]) == (None, "platform-config", ACCOUNT)
        assert row.request_id


async def test_the_token_opens_no_other_door(api: Api) -> None:
    """Every other route answers as to nobody, or says that it does not know the token."""
    walked = 0
    for route in sorted(await api_routes()):
        method, path = route.split(" ", 1)
        at = re.sub(r"{\w+}", "main", path)
        with_token = await api.client.request(method, at, headers=bearer(token()), json={} if method != "GET" else None)
        if path.startswith("/api/v1/admin/"):
            assert with_token.status_code not in (401, 403), (route, with_token.text)
            continue
        without = await api.client.request(method, at, json={} if method != "GET" else None)
        walked += 1
        if with_token.status_code == 401:
            assert with_token.json()["code"] in ("INVALID_TOKEN", without.json().get("code")), (route, with_token.text)
        else:
            assert with_token.status_code == without.status_code, (route, with_token.text)
        api.client.cookies.clear()
    assert walked > 40


def unsigned() -> str:
    parts = [{"alg": "none", "kid": "rsa"}, claims()]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def signed_with_the_public_key() -> str:
    """The oldest trick: the key that everybody can read, used as a shared secret."""
    public = KEYS[0].private.public_key()
    secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = [{"alg": "HS256", "kid": "rsa"}, claims()]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    mac = hmac.digest(secret, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def changed_afterwards() -> str:
    head, _, signature = token().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(jti="other")).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


WRONG = {
    "another audience": lambda: token(aud=["https://kubernetes.default.svc"]),
    "another account": lambda: token(sub="system:serviceaccount:games:default"),
    "another namespace": lambda: token(sub="system:serviceaccount:evil:scoreboard-operator"),
    "no account": lambda: token(sub="scoreboard-operator"),
    "another issuer": lambda: token(iss="https://kubernetes.evil.example"),
    "a key of another's": lambda: IssuerKey.make("rsa", "RS256").sign(claims()),
    "a key that is not published": lambda: IssuerKey.make("mine", "RS256").sign(claims()),
    "not valid yet": lambda: token(nbf=int(datetime.now(UTC).timestamp()) + 600),
    "no end": lambda: token(exp=None),
    "unsigned": unsigned,
    "signed with the public key": signed_with_the_public_key,
    "changed afterwards": changed_afterwards,
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_token_is_refused(api: Api, name: str) -> None:
    wrong = Declares(api.client, bearer(WRONG[name]()))
    for reply in (await wrong.put("boards/wrong", BOARD), await wrong.get("boards"), await wrong.delete("boards/main")):
        assert problem(reply)[:2] == (401, "INVALID_TOKEN"), reply.text
    assert not await api.sql("SELECT 1 FROM boards WHERE key = 'wrong'")


async def test_an_expired_token_says_so(api: Api) -> None:
    now = int(datetime.now(UTC).timestamp())
    reply = await Declares(api.client, bearer(token(iat=now - 7200, exp=now - 3600))).get("boards")
    assert problem(reply)[:2] == (401, "TOKEN_EXPIRED")
    assert "WWW-Authenticate" in reply.headers


async def test_wrong_tokens_count_as_failures_of_their_address(stores: Stores, issuer: Issuer) -> None:
    async with open_api(stores, **cluster(issuer.url), SCOREBOARD_INCIDENT_FAILURES="3") as api:
        wrong = Declares(api.client, bearer(token(aud=["other"])))

        async def blocked() -> bool:
            return (await wrong.get("boards")).status_code == 429

        await until(blocked, what="the block")
        assert problem(await Declares(api.client, bearer(token())).get("boards"))[:2] == (429, "TOO_MANY_REQUESTS")


async def test_where_no_cluster_is_named_the_token_is_nobodys(stores: Stores) -> None:
    async with open_api(stores) as api:
        assert problem(await Declares(api.client, bearer(token())).get("boards"))[:2] == (401, "INVALID_TOKEN")


async def test_keys_that_cannot_be_read_are_no_no(stores: Stores) -> None:
    away = Issuer(list(KEYS))
    away.close()
    async with open_api(stores, **cluster(away.url)) as api:
        reply = await Declares(api.client, bearer(token())).get("boards")
        assert problem(reply)[:2] == (503, "DEPENDENCY_UNAVAILABLE")
        assert int(reply.headers["retry-after"]) >= 1


async def test_writes_are_closed_without_redis_and_reads_are_not(api: Api) -> None:
    async with beside(api, REDIS_URL="redis://127.0.0.1:1") as away:
        operator = Declares(away.client, bearer(token()))
        assert problem(await operator.put("boards/main", BOARD))[:2] == (503, "DEPENDENCY_UNAVAILABLE")
        assert problem(await operator.delete("boards/main"))[:2] == (503, "DEPENDENCY_UNAVAILABLE")
        assert (await operator.get("boards/main")).status_code == 200
