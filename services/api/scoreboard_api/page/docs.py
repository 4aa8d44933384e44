"""The page with the API reference at /docs: Swagger UI over /openapi.json, from our own files.

The API's wiring adds ``docs_routes(settings)`` beside ``page_routes(settings)``, which also serves the files.
"""

from starlette.requests import Request
from starlette.responses import Response

from scoreboard.settings import Settings
from scoreboard_api.page.documents import document, filled, reply, security_headers
from scoreboard_api.routes.templated import TemplatedRoute


def docs_routes(settings: Settings) -> list[TemplatedRoute]:
    """Build the route of the API reference; none where the operator keeps it private.

    Raises:
        ValueError: the page's files do not fit together.
    """
    if not settings.public_docs:
        return []
    headers = security_headers(
        settings,
        # Only the API itself is called from here, not the realtime service.
        connect_src="'self'",
        # Swagger UI cleans descriptions (DOMPurify makes the one policy) and then assigns them as markup, which Trusted
        # Types would forbid. It sets its styles by script, property by property, so style-src needs no 'unsafe-inline'.
        require_trusted_types_for="",
        trusted_types="dompurify",
    )
    page = document(filled(settings, "docs.html"))

    async def docs(request: Request) -> Response:
        return reply(request, page, {**headers, "Cache-Control": "no-cache"})

    return [TemplatedRoute("/docs", docs, name="docs")]
