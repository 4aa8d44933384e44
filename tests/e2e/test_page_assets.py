"""The pages as they are served: hashed assets that fit together, strict headers, nothing inline. Needs no server."""

import base64
import hashlib
import re
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from scoreboard.domain.errors import ErrorCode
from scoreboard.settings import Settings
from scoreboard_api.errors import STATUS
from scoreboard_api.page import assets, docs, pages
from scoreboard_api.page.problem_pages import problem_page
from scoreboard_api.page.problem_texts import TEXTS

PAGE = Path(pages.__file__).parent
FOLDERS = ("app", "console_app", "docs_app", "style", "vendor", "vendor/swagger-ui")
DOCUMENTS = ("index.html", "console.html", "docs.html", "problem.html", "not_found.html")
REALTIME = "http://127.0.0.1:8001"
HASHED = re.compile(r"/assets/[\w.-]+\.[0-9a-f]{12}\.(?:js|css|svg|woff2)")
IMPORT = re.compile(r"""\b(?:from|import)\s*["'](\.[^"']+)["']""")
URL = re.compile(r"""url\(["'](\.[^"']+)["']\)""")


def settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "DATABASE_URL": "postgresql://nobody@localhost/none",
        "REDIS_URL": "redis://localhost/0",
        "signing_key": SecretStr("unused"),
        "master_key": SecretStr(base64.b64encode(bytes(32)).decode()),
        "realtime_url": REALTIME,
    }
    return Settings.model_validate(values | changes)


def client(**changes: object) -> httpx.AsyncClient:
    own = settings(**changes)
    app = Starlette(routes=[*pages.page_routes(own), *docs.docs_routes(own)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page")


def policy(reply: httpx.Response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in reply.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def about(code: ErrorCode) -> httpx.Response:
    status, title = STATUS[code]
    made = problem_page(settings(), code, status, title, TEXTS[code])
    return httpx.Response(made.status_code, headers=dict(made.headers), content=bytes(made.body))


async def linked(http: httpx.AsyncClient, text: str) -> dict[str, httpx.Response]:
    """Everything that a document leads to, followed to the end."""
    found: dict[str, httpx.Response] = {}
    waiting = HASHED.findall(text)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = reply = await http.get(path)
        assert reply.status_code == 200, path
        if path.endswith((".js", ".css")):
            pattern = IMPORT if path.endswith(".js") else URL
            waiting += [f"/assets/{name.removeprefix('./')}" for name in pattern.findall(reply.text)]
    return found


async def test_document_has_strict_headers() -> None:
    async with client() as http:
        reply = await http.get("/")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert policy(reply) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self' http://127.0.0.1:8001 ws://127.0.0.1:8001",
        "font-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    assert "referrer-policy" in reply.headers
    assert "permissions-policy" in reply.headers
    assert "strict-transport-security" not in reply.headers


async def test_the_console_is_as_strict_and_calls_nothing_but_the_api() -> None:
    async with client() as http:
        live, console = await http.get("/"), await http.get("/console")
        assert (await http.get("/console", headers={"If-None-Match": console.headers["etag"]})).status_code == 304
    assert console.status_code == 200
    assert policy(console) == policy(live) | {"connect-src": "'self'"}
    assert console.headers["x-robots-tag"] == "noindex"
    assert console.headers["cache-control"] == "no-cache"
    assert "socket.io" not in console.text


async def test_behind_tls_the_page_insists_on_it() -> None:
    async with client(secure_cookies=True, realtime_url="https://live.example.org") as http:
        reply = await http.get("/")
    assert "strict-transport-security" in reply.headers
    assert policy(reply)["connect-src"] == "'self' https://live.example.org wss://live.example.org"


async def test_own_origin_needs_no_further_address() -> None:
    async with client(realtime_url="") as http:
        assert policy(await http.get("/"))["connect-src"] == "'self'"


def test_realtime_address_cannot_smuggle_a_directive() -> None:
    with pytest.raises(ValueError, match="REALTIME_URL"):
        pages.page_routes(settings(realtime_url="x; script-src *"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_inline(document: str) -> None:
    text = (PAGE / document).read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert "<style" not in text
    assert not re.search(r"\s(?:style|on\w+)\s*=", text)
    assert "javascript:" not in text


@pytest.mark.parametrize("module", sorted(PAGE.glob("*app/*.js")), ids=lambda path: path.name)
def test_modules_never_make_markup_from_text(module: Path) -> None:
    text = module.read_text("utf-8")
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function"
    assert not re.search(sinks, text)
    assert text.startswith("//"), "says why it exists"
    assert len(text.splitlines()) < 250


async def test_every_reference_leads_to_an_immutable_asset() -> None:
    lost = bytes(pages.not_found_page(settings()).body).decode()
    async with client() as http:
        opened = [(await http.get(path)).text for path in ("/", "/console", "/docs")]
        texts = [*opened, about(ErrorCode.COOLDOWN).text, lost]
        found = {path: reply for text in texts for path, reply in (await linked(http, text)).items()}
    served = {re.sub(r"\.[0-9a-f]{12}\.", ".", path.removeprefix("/assets/")) for path in found}
    assert served == {
        path.name for folder in FOLDERS for path in (PAGE / folder).iterdir() if path.suffix in assets.MEDIA_TYPES
    }, "a file of the pages is not used"
    for path, reply in found.items():
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-type"] == assets.MEDIA_TYPES[Path(path).suffix]
        assert path.rsplit(".", 2)[1] == hashlib.sha256(reply.content).hexdigest()[:12]


@pytest.mark.parametrize("path", ["/", "/console"])
async def test_modules_are_announced_so_that_they_load_at_once(path: str) -> None:
    async with client() as http:
        text = (await http.get(path)).text
        found = await linked(http, text)
    announced = set(re.findall(r'rel="modulepreload" href="([^"]+)"', text)) | set(
        re.findall(r'script[^>]* src="([^"]+)"', text)
    )
    assert announced == {path for path in found if path.endswith(".js")}


async def test_compression_and_revalidation() -> None:
    async with client() as http:
        path = HASHED.findall((await http.get("/")).text)[1]
        plain = await http.get(path, headers={"Accept-Encoding": "identity"})
        zipped = await http.get(path, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert zipped.headers["content-encoding"] == "gzip"
        assert plain.content == zipped.content
        assert plain.headers["etag"] != zipped.headers["etag"]
        assert plain.headers["vary"] == "Accept-Encoding"
        again = await http.get(
            path, headers={"Accept-Encoding": "gzip", "If-None-Match": f'"other", W/{zipped.headers["etag"]}'}
        )
        assert again.status_code == 304
        assert again.content == b""
        page = await http.get("/")
        assert (await http.get("/", headers={"If-None-Match": page.headers["etag"]})).status_code == 304


async def test_configuration_is_escaped() -> None:
    async with client(default_board='a"><script>', realtime_url="") as http:
        text = (await http.get("/")).text
    assert 'name="scoreboard-board" content="a&quot;&gt;&lt;script&gt;"' in text


async def test_unknown_asset_icon_and_robots() -> None:
    async with client() as http:
        assert (await http.get("/assets/main.000000000000.js")).status_code == 404
        assert (await http.get("/assets/..%2Fpages.py")).status_code == 404
        assert (await http.get("/favicon.ico")).headers["content-type"] == "image/svg+xml"
        robots = await http.get("/robots.txt")
        assert robots.headers["content-type"].startswith("text/plain")
        assert "Disallow: /api/" in robots.text
        assert "Disallow: /console" in robots.text
        assert (await http.head("/")).status_code == 200


async def test_lost_visitors_get_a_page() -> None:
    lost = pages.not_found_page(settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(lost), base_url="http://page") as http:
        reply = await http.get("/nowhere")
    assert reply.status_code == 404
    assert policy(reply)["default-src"] == "'none'"
    async with client() as http:
        for path in HASHED.findall(reply.text):
            assert (await http.get(path)).status_code == 200


def test_vendored_files_are_those_that_the_readme_names() -> None:
    named = dict(
        re.findall(
            r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (PAGE / "vendor/README.md").read_text("utf-8"), re.MULTILINE
        )
    )
    held = {
        str(path.relative_to(PAGE / "vendor")): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (PAGE / "vendor").rglob("*")
        if path.suffix in assets.MEDIA_TYPES
    }
    assert named == held
    assert (PAGE / "vendor/socket.io-client.LICENSE").read_text("utf-8").startswith("The MIT License")


async def test_the_reference_is_as_strict_as_swagger_ui_allows() -> None:
    async with client() as http:
        reply = await http.get("/docs")
        live = policy(await http.get("/"))
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-cache"
    assert policy(reply) == {name: value for name, value in live.items() if name != "require-trusted-types-for"} | {
        "connect-src": "'self'",
        "trusted-types": "dompurify",
    }
    assert 'href="/"' in reply.text


async def test_where_the_reference_is_private_nothing_leads_to_it() -> None:
    async with client(public_docs=False) as http:
        assert (await http.get("/docs")).status_code == 404
        page = (await http.get("/")).text
    lost = bytes(pages.not_found_page(settings(public_docs=False)).body).decode()
    about_it = problem_page(
        settings(public_docs=False), ErrorCode.COOLDOWN, 429, "Cooling down", TEXTS[ErrorCode.COOLDOWN]
    )
    for text in (page, lost, bytes(about_it.body).decode()):
        assert "/docs" not in text
        assert "For developers" not in text
        assert text.count("<nav") == text.count("</nav>")


async def test_only_the_reference_loads_swagger_ui() -> None:
    async with client() as http:
        assert "swagger" not in (await http.get("/")).text
        assert "swagger" in (await http.get("/docs")).text


def test_every_code_is_explained() -> None:
    assert set(TEXTS) == set(ErrorCode)
    for text in TEXTS.values():
        assert text.happened.endswith(".")
        assert text.remedy.endswith(".")


def test_a_page_about_an_error() -> None:
    reply = about(ErrorCode.ALREADY_COMPLETED)
    assert reply.status_code == 200
    assert policy(reply)["default-src"] == "'none'"
    for words in ("Completed before", "ALREADY_COMPLETED", "409", "It was not counted again.", "<code>result</code>"):
        assert words in reply.text
    assert "<!--" not in reply.text
    assert "value:" not in reply.text
    assert "&lt;token&gt;" in about(ErrorCode.UNAUTHENTICATED).text
