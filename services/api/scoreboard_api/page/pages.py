"""Routes of the pages that people open: the live page, the console, the files of all pages, the icon and robots.txt.

The API's wiring adds ``page_routes(settings)`` to its routes and answers browsers that asked for an unknown page with
``not_found_page``.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scoreboard.settings import Settings
from scoreboard_api.page.assets import Asset
from scoreboard_api.page.console import console_route
from scoreboard_api.page.documents import document, filled, library, reply, security_headers
from scoreboard_api.routes.templated import TemplatedRoute

FOREVER = "public, max-age=31536000, immutable"
ONE_DAY = "public, max-age=86400"
ROBOTS = "User-agent: *\nAllow: /$\nDisallow: /api/\nDisallow: /console\n"


def page_routes(settings: Settings) -> list[TemplatedRoute]:
    """Build the pages' routes. Raises ValueError when the pages' files do not fit together."""
    headers = security_headers(settings)
    values = {"realtime": settings.realtime_url.rstrip("/"), "board": settings.default_board}
    live_page = document(filled(settings, "index.html", **values))
    icon = _asset_named("favicon.svg")

    async def page(request: Request) -> Response:
        return reply(request, live_page, {**headers, "Cache-Control": "no-cache"})

    async def asset(request: Request) -> Response:
        found = library().find(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return reply(request, found, {"Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"})

    async def favicon(request: Request) -> Response:
        return reply(request, icon, {"Cache-Control": ONE_DAY, "X-Content-Type-Options": "nosniff"})

    async def robots(_request: Request) -> Response:
        return Response(ROBOTS, media_type="text/plain", headers={"Cache-Control": ONE_DAY})

    return [
        TemplatedRoute("/", page, name="page"),
        console_route(settings),
        TemplatedRoute("/assets/{name}", asset, name="page_asset"),
        TemplatedRoute("/favicon.ico", favicon, name="page_icon"),
        TemplatedRoute("/robots.txt", robots, name="page_robots"),
    ]


def not_found_page(settings: Settings) -> Response:
    """A friendly 404 for a browser that asked for a page; whoever asks for JSON gets a problem instead.

    Build it once when the process starts: the one response may be sent any number of times.
    """
    headers = {**security_headers(settings), "Cache-Control": "no-store"}
    return Response(filled(settings, "not_found.html"), 404, media_type="text/html", headers=headers)


def _asset_named(source: str) -> Asset:
    found = library().find(library().url(source).removeprefix("/assets/"))
    if found is None:
        raise ValueError(f"the page needs {source}")
    return found
