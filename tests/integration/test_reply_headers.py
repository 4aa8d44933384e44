"""Every reply of the API carries the headers that protect browsers: each route, each kind of answer, errors too."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio

from scoreboard.domain.errors import ErrorCode
from scoreboard.security.reply_headers import CONTENT_POLICY
from scoreboard_api.errors import problem_type
from scoreboard_api.page.documents import library
from scoreboard_api.routes.hot import hot_routes
from tests.conftest import Api, open_api
from tests.stage import Person, Stores, register

pytestmark = pytest.mark.timeout(180)
ORIGIN = "https://board.example.org"
METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
PUBLIC = ("/assets/", "/favicon.ico", "/robots.txt", "/problems/", "/.well-known/")
"""What anybody may keep: it is the same for everybody."""
ONCE = (
    "x-content-type-options",
    "content-security-policy",
    "cache-control",
    "referrer-policy",
    "cross-origin-resource-policy",
    "strict-transport-security",
    "x-request-id",
)


def check(reply: httpx.Response) -> None:
    """The reply carries the whole set, each header once, and says nothing about what serves it."""
    where = f"{reply.request.method} {reply.request.url} {reply.status_code}"
    for name in ONCE:
        assert len(reply.headers.get_list(name)) == 1, f"{where}: {name} {reply.headers.get_list(name)}"
    assert reply.headers["x-content-type-options"] == "nosniff", where
    assert reply.headers["referrer-policy"] == "same-origin", where
    assert reply.headers["cross-origin-resource-policy"] == "same-origin", where
    assert reply.headers["strict-transport-security"] == "max-age=31536000", where
    policy = reply.headers["content-security-policy"]
    for directive in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert directive in policy, where
    assert "unsafe" not in policy, where
    if reply.headers.get("content-type", "").startswith("text/html"):
        assert "trusted-types" in policy, where
        assert reply.headers["cross-origin-opener-policy"] == "same-origin", where
        assert reply.headers["permissions-policy"], where
    elif reply.status_code != 304:
        assert policy == CONTENT_POLICY, where
    assert not {"server", "x-powered-by", "x-aspnet-version", "via"} & set(reply.headers), where
    kept = reply.headers["cache-control"]
    personal = "authorization" in reply.request.headers and reply.request.url.path.startswith("/api/")
    if reply.status_code >= 400 or personal:
        assert kept in ("no-store", "private, no-cache"), f"{where}: {kept}"
    elif not reply.request.url.path.startswith(PUBLIC):
        assert kept in ("no-store", "no-cache", "public, s-maxage=1", "private, no-cache"), f"{where}: {kept}"
    if reply.content and reply.request.method != "HEAD":
        assert reply.headers["content-type"], where


@pytest_asyncio.fixture(scope="module")
async def api(stores: Stores) -> AsyncIterator[Api]:
    """Behind TLS, with one foreign page that may call it."""
    async with open_api(stores, SCOREBOARD_SECURE_COOKIES="true", SCOREBOARD_ALLOWED_ORIGINS=ORIGIN) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def ada(api: Api) -> Person:
    return await register(api.client)


async def paths(api: Api) -> list[str]:
    """Every path of the API and of its pages, with something in place of each parameter."""
    loaded: dict[str, Any] = (await api.client.get("/openapi.json")).json()
    asset = library().url("main.js")
    pages = [
        "/",
        "/docs",
        "/openapi.json",
        "/favicon.ico",
        "/robots.txt",
        asset,
        "/assets/none.js",
        "/none",
        "/health/",
    ]
    named = {*loaded["paths"], *(route.path for route in hot_routes())}
    filled = [
        re.sub(r"{(\w+)}", lambda match: {"key": "main", "name": "cooldown"}.get(match[1], "x"), path) for path in named
    ]
    return sorted({*pages, *filled, *(problem_type(code) for code in ErrorCode)})


@pytest.mark.parametrize("caller", ["anonymous", "player", "wrong token", "a person"])
async def test_every_route_and_method(api: Api, ada: Person, caller: str) -> None:
    headers = {
        "anonymous": {},
        "player": ada.headers,
        "wrong token": {"Authorization": "Bearer x"},
        "a person": {"Accept": "text/html"},
    }[caller]
    statuses: dict[int, int] = {}
    for path in await paths(api):
        for method in METHODS:
            if "logout" in path or (method == "delete" and path.endswith("/me")):
                continue
            reply = await api.client.request(method, path, headers=headers)
            check(reply)
            assert method != "trace" or reply.status_code in (404, 405), path
            assert not 300 <= reply.status_code < 400, f"{path} leads elsewhere"
            statuses[reply.status_code] = statuses.get(reply.status_code, 0) + 1
    assert {200, 404, 405} <= set(statuses), statuses
    assert sum(statuses.values()) > 400


async def test_every_kind_of_error(api: Api, ada: Person) -> None:
    json_body = {**ada.headers, "Content-Type": "application/json"}
    create = "/api/v1/actions"
    wanted = {
        400: await api.client.post(create, content=b"{", headers=json_body),
        401: await api.client.get("/api/v1/players/me"),
        403: await ada.get("/api/v1/analytics/activity"),
        404: await ada.get("/api/v1/boards/none/top"),
        405: await api.client.put(create, headers=ada.headers),
        413: await api.client.post(create, content=b"x" * 20_000, headers=json_body),
        415: await api.client.post(create, content=b"{}", headers={**ada.headers, "Content-Type": "text/plain"}),
        422: await ada.complete(await ada.begin("match"), points=1000),
    }
    for status, reply in wanted.items():
        assert reply.status_code == status, reply.text
        check(reply)


async def test_limits_restarts_and_faults(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"SCOREBOARD_ADDRESS_BURST": "2", "SCOREBOARD_ADDRESS_RATE": "0.001", "SCOREBOARD_SECURE_COOKIES": "true"}
    async with open_api(stores, **limits) as api:
        replies = [await api.client.get("/api/v1/boards") for _ in range(3)]
        assert replies[-1].status_code == 429
        api.wiring.draining = True
        replies += [await api.client.get("/api/v1/boards"), await api.client.get("/health/ready")]
        assert [reply.status_code for reply in replies[3:]] == [503, 503]
        for reply in replies:
            check(reply)
    async with open_api(stores, SCOREBOARD_SECURE_COOKIES="true") as api:
        monkeypatch.setattr(api.wiring, "platform", None)  # whatever touches it breaks
        broken = await api.client.get("/api/v1/boards")
        assert broken.status_code == 500
        check(broken)
        monkeypatch.undo()


async def test_conditional_replies_and_preflights(api: Api, ada: Person) -> None:
    for path, headers in (("/api/v1/leaderboard/top", {}), ("/api/v1/leaderboard/top", ada.headers), ("/", {})):
        first = await api.client.get(path, headers=headers)
        again = await api.client.get(path, headers={**headers, "If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert again.headers["cache-control"] == first.headers["cache-control"]
        check(first)
        check(again)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin, status in ((ORIGIN, 200), ("https://elsewhere.example.org", 400)):
        preflight = await api.client.options("/api/v1/actions", headers={"Origin": origin, **asked})
        assert preflight.status_code == status
        assert ("access-control-allow-origin" in preflight.headers) == (origin == ORIGIN)
        check(preflight)
        plain = await api.client.get("/api/v1/boards", headers={"Origin": origin})
        assert ("access-control-allow-origin" in plain.headers) == (origin == ORIGIN)
        assert "access-control-allow-credentials" not in plain.headers
        check(plain)


async def test_what_is_personal_is_never_kept(api: Api, ada: Person) -> None:
    body = {"username": ada.username, "password": "correct horse battery"}
    replies = [
        await api.client.post("/api/v1/auth/login", json=body),
        await ada.get("/api/v1/players/me"),
        await ada.get("/api/v1/players/me/history"),
        await ada.get("/api/v1/boards/main/around"),
        await ada.complete(await ada.begin("quiz")),
        await ada.get("/api/v1/boards/main/me"),
    ]
    for reply in replies:
        check(reply)
    assert {reply.headers["cache-control"] for reply in replies} == {"no-store"}


async def test_over_plain_http_nobody_is_locked_to_https(stores: Stores) -> None:
    async with open_api(stores) as api:
        for path in ("/", "/api/v1/boards", "/none"):
            assert "strict-transport-security" not in (await api.client.get(path)).headers


async def test_subdomains_only_when_asked_for(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_SECURE_COOKIES="true", SCOREBOARD_HSTS_SUBDOMAINS="true") as api:
        for path in ("/", "/api/v1/boards", "/none"):
            said = (await api.client.get(path)).headers["strict-transport-security"]
            assert said == "max-age=31536000; includeSubDomains"


async def test_docs_can_be_kept_from_the_public_port(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_PUBLIC_DOCS="false") as api:
        for path in ("/docs", "/openapi.json", "/redoc", "/metrics"):
            reply = await api.client.get(path)
            assert reply.status_code == 404, path
        assert "/docs" not in (await api.client.get("/")).text
        assert (await api.client.get("/problems/cooldown")).status_code == 200
    async with open_api(stores) as api:
        assert (await api.client.get("/docs")).status_code == 200
        assert (await api.client.get("/openapi.json")).status_code == 200
        assert (await api.client.get("/metrics")).status_code == 404, "never on the public port"
