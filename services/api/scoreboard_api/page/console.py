"""The moderators' page at /console: a document and modules that ask the moderation API like any other client.

``pages`` adds its route. The document holds nothing that is not public: what a moderator may see comes from the API,
which checks the role of each request.
"""

from starlette.requests import Request
from starlette.responses import Response

from scoreboard.settings import Settings
from scoreboard_api.page.documents import document, filled, reply, security_headers
from scoreboard_api.routes.templated import TemplatedRoute


def console_route(settings: Settings) -> TemplatedRoute:
    """Build the route of the console.

    Raises:
        ValueError: the page's files do not fit together.
    """
    # Only the API is called from here, not the realtime service.
    more = {"Cache-Control": "no-cache", "X-Robots-Tag": "noindex"}
    headers = security_headers(settings, connect_src="'self'") | more
    page = document(filled(settings, "console.html"))

    async def console(request: Request) -> Response:
        return reply(request, page, headers)

    return TemplatedRoute("/console", console, name="console")
