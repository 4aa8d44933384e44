"""Who is calling: the address that limits count, and whether a page may open a live connection at all."""

from typing import Any

from scoreboard.settings import Settings

UNKNOWN = "unknown"


def header(scope: dict[str, Any], name: bytes) -> str:
    """The value of a header, empty when it is absent. ``name`` in lower case.

    A header that is there twice is one list (RFC 9110 §5.3): two origins are then none that is allowed.
    """
    return b", ".join(content for key, content in scope["headers"] if key == name).decode("latin-1")


def client_address(scope: dict[str, Any], trusted_hops: int) -> str:
    """The client's address: what the outermost of our own proxies saw. Entries before it are the client's own words."""
    client = scope.get("client")
    direct = str(client[0]) if client else UNKNOWN
    if trusted_hops == 0:
        return direct
    joined = b",".join(content for key, content in scope["headers"] if key == b"x-forwarded-for").decode("latin-1")
    forwarded = [part.strip() for part in joined.split(",") if part.strip()]
    if not forwarded:
        return direct
    return forwarded[max(0, len(forwarded) - trusted_hops)][:64]


def origin_allowed(settings: Settings, origin: str) -> bool:
    """Whether a page of this origin may connect. Software that is no browser sends none."""
    return not origin or "*" in settings.allowed_origins or origin in settings.allowed_origins


def bearer(scope: dict[str, Any]) -> str | None:
    """The access token of an Authorization header; None without one."""
    scheme, _, token = header(scope, b"authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
