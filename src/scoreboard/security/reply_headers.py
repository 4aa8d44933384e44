"""Headers that every HTTP reply carries, errors included. The API and realtime put them on as the last thing they do.

A reply that says something of its own (a page its policy, a public board how long it keeps) is believed. Made once
when a process starts: a reply costs one look at the names that it has already.
"""

from collections.abc import Sequence

from scoreboard.settings import Settings

Header = tuple[bytes, bytes]

CONTENT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For everything that is no page: opened as a document it loads nothing, runs nothing and is framed by nobody."""
_YEAR = 31_536_000


def reply_headers(settings: Settings) -> dict[str, str]:
    """The headers of a reply that says nothing of its own.

    Sources: OWASP ASVS 5.0 V3.4 and V14.3.2. Cross-origin calls that the operator allows go through CORS, which
    Cross-Origin-Resource-Policy does not touch.
    """
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": CONTENT_POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if settings.secure_cookies:  # browsers ignore it over plain http, and a LAN host must not be locked to https
        subdomains = "; includeSubDomains" if settings.hsts_subdomains else ""
        headers["Strict-Transport-Security"] = f"max-age={_YEAR}{subdomains}"
    return headers


class ReplyHeaders:
    """Completes the headers of replies, as ASGI has them. One for each process."""

    def __init__(self, settings: Settings) -> None:
        self._own: tuple[Header, ...] = tuple(
            (name.lower().encode(), value.encode()) for name, value in reply_headers(settings).items()
        )
        self._names = frozenset(name for name, _ in self._own)

    def complete(self, given: Sequence[Header], *more: Header) -> Sequence[Header]:
        """``given`` with what is missing. Its names are in lower case, as ASGI asks for.

        Args:
            given: the reply's own headers; each of them is kept as it is.
            more: headers of this one reply that are added in any case.
        """
        present = {name for name, _ in given}
        if present.isdisjoint(self._names):
            return [*given, *more, *self._own]
        return [*given, *more, *(header for header in self._own if header[0] not in present)]
