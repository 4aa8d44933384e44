"""A request of the express lane: Starlette's, with its dear parts replaced by what they come to there.

Measured together they cost a completion 8 µs: every header was looked for from the front, a missing one by way of an
exception, and a body that had come in one piece went through a generator of pieces.
"""

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request


class HotHeaders(Headers):
    """Headers by name; of one that was sent twice the first counts, as in Starlette's."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._first = dict(reversed(raw))

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """The header's text; ``key`` in any case."""
        value = self._first.get(key.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")


class HotRequest(Request):
    """What the handlers of hot routes are given."""

    _taken: bytes | None = None

    @property
    def headers(self) -> HotHeaders:
        """All headers."""
        if not hasattr(self, "_headers"):
            self._headers = HotHeaders(self.scope["headers"])
        return self._headers  # type: ignore[return-value] # Starlette declares the attribute as its own class

    async def body(self) -> bytes:
        """The whole body. Raises ClientDisconnect when the client went away before it was there."""
        if self._taken is None:
            taken, more = b"", True
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                taken += message.get("body", b"")
                more = message.get("more_body", False)
            self._taken = taken
        return self._taken
