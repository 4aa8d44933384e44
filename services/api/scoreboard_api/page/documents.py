"""What all HTML replies share: templates filled in, the page's files under hashed names, security headers.

``pages``, ``docs`` and ``problem_pages`` make their replies of this. Everything is read, hashed and compressed once
when the process starts; a request touches no disk.
"""

import gzip
import hashlib
import re
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from scoreboard.security.reply_headers import reply_headers
from scoreboard.settings import Settings
from scoreboard_api.page.assets import Asset, AssetLibrary

HERE = Path(__file__).resolve().parent
FOLDERS = ("app", "console_app", "docs_app", "style", "vendor", "vendor/swagger-ui")
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
VALUE = re.compile(r"value:(?P<name>[a-z_]+)")
STARTS = re.compile(r'<script type="module" src="asset:(?P<name>[^"]+)">')
DOCS_LINK = re.compile(r'\s*(?:<nav aria-label="For developers">)?<a [^>]*href="/docs"[^>]*>[^<]*</a>(?:</nav>)?')


@cache
def library() -> AssetLibrary:
    """The files of all pages, which cannot change while the process runs.

    Raises:
        ValueError: they do not fit together.
    """
    return AssetLibrary(*(HERE / folder for folder in FOLDERS))


@cache
def _template(name: str, docs: bool) -> str:
    """A document of this package with hashed names in place of ``asset:…`` and ``<!-- module hints -->``.

    Args:
        name: the file.
        docs: whether there is an API reference to which the document's links can lead.
    """
    text = (HERE / name).read_text("utf-8")
    starts = [match["name"] for match in STARTS.finditer(text)]
    if not docs:
        text = DOCS_LINK.sub("", text)
    for source in library().names(""):
        text = text.replace(f"asset:{source}", library().url(source))
    # The browser then loads all modules at once instead of discovering them import by import.
    hints = "\n".join(
        f'  <link rel="modulepreload" href="{library().url(source)}">'
        for start in starts
        for source in library().leads_to(start)
    )
    return text.replace("  <!-- module hints -->", hints)


def filled(settings: Settings, template: str, **values: str) -> bytes:
    """The template with ``value:<name>`` replaced; every value is escaped, for text and for attributes alike.

    Args:
        settings: the process's settings; where the API reference is off, no link leads to it.
        template: the file's name.
        values: what the template asks for.

    Raises:
        KeyError: the template asks for a value that is not given.
    """
    return VALUE.sub(lambda match: escape(values[match["name"]]), _template(template, settings.public_docs)).encode()


def document(body: bytes) -> Asset:
    """An HTML document to be sent many times with :func:`reply`."""
    return Asset(
        name="",
        body=body,
        zipped=gzip.compress(body, 9, mtime=0),
        media_type="text/html; charset=utf-8",
        etag=hashlib.sha256(body).hexdigest()[:16],
    )


def security_headers(settings: Settings, **directives: str) -> dict[str, str]:
    """Headers of every HTML reply: those of all replies, and more.

    The policy allows our own files and the realtime service, nothing else.

    Args:
        settings: the process's settings.
        directives: what a page needs instead, with underscores for hyphens; an empty one is left out.
    """
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": " ".join(["'self'", *_origins(settings.realtime_url)]),
        "font-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        # No policy may be made, so nothing at all can turn text into markup or script.
        "trusted-types": "'none'",
    }
    policy |= {name.replace("_", "-"): value for name, value in directives.items()}
    return reply_headers(settings) | {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items() if value),
        "Permissions-Policy": PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def reply(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    """Send a file or document: compressed where the client can, 304 where it has it already."""
    zipped = asset.zipped if "gzip" in request.headers.get("accept-encoding", "") else None
    etag = f'"{asset.etag}-gz"' if zipped is not None else f'"{asset.etag}"'
    headers = {**headers, "ETag": etag, "Vary": "Accept-Encoding"}
    if etag in (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(None, 304, headers=headers)
    if zipped is None:
        return Response(asset.body, media_type=asset.media_type, headers=headers)
    return Response(zipped, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})


def _origins(realtime_url: str) -> list[str]:
    """What connect-src needs for a realtime service on another origin: its http and its WebSocket origin."""
    if not realtime_url:
        return []
    parts = urlsplit(realtime_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("SCOREBOARD_REALTIME_URL must be an http or https address")
    socket_scheme = "wss" if parts.scheme == "https" else "ws"
    return [f"{parts.scheme}://{parts.netloc}", f"{socket_scheme}://{parts.netloc}"]
