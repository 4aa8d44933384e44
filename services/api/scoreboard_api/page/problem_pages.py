"""The page about one kind of error, to which the ``type`` of every error points. Called by the platform routes."""

import re
from html import escape

from starlette.responses import Response

from scoreboard.domain.errors import ErrorCode, layer_of
from scoreboard.settings import Settings
from scoreboard_api.page.documents import filled, security_headers
from scoreboard_api.page.problem_texts import ProblemText

_CODE = re.compile(r"`([^`]+)`")


def problem_page(settings: Settings, code: ErrorCode, status: int, title: str, text: ProblemText) -> Response:
    """A page that says what happened and what to do. It needs no script and hardly ever changes.

    Args:
        settings: the process's settings.
        code: the stable code.
        status: the HTTP status that goes with it.
        title: the title that replies carry.
        text: the explanation; words between backquotes are shown as code.
    """
    body = filled(
        settings,
        "problem.html",
        code=str(code),
        status=str(status),
        title=title,
        layer=layer_of(code).replace("_", "-"),
    )
    body = body.replace(b"<!-- happened -->", _paragraph(text.happened)).replace(
        b"<!-- remedy -->", _paragraph(text.remedy)
    )
    headers = {**security_headers(settings), "Cache-Control": "public, max-age=3600"}
    return Response(body, media_type="text/html", headers=headers)


def _paragraph(words: str) -> bytes:
    return _CODE.sub(r"<code>\1</code>", escape(words)).encode()
