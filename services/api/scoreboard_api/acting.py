"""Who acts, and under which Idempotency-Key: what audited and repeatable use cases want to know of a request."""

from fastapi import Request, Response

from scoreboard.security.access_token import Claims
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.keyed import Keyed
from scoreboard_api.defence import idempotency_key
from scoreboard_api.routes.hot import fingerprint


def actor_of(request: Request, claims: Claims) -> Actor:
    """The signed-in caller, for the rules and the audit log."""
    return Actor(claims.player_id, claims.role, request.scope["state"]["request_id"])


def keyed(request: Request, claims: Claims, *parts: object) -> Keyed:
    """The request under its key, which it has to have. ``parts`` is what is asked for beside method and path.

    Raises:
        Refusal: IDEMPOTENCY_KEY_MISSING, or VALIDATION_ERROR for an unusable one.
    """
    key = idempotency_key(request, required=True) or ""
    return Keyed(claims.player_id, key, fingerprint(request.method, request.url.path, *parts))


def keyed_if_wished(request: Request, claims: Claims, *parts: object) -> Keyed | None:
    """The request under its key, if it has one. Raises as :func:`keyed`."""
    return keyed(request, claims, *parts) if "idempotency-key" in request.headers else None


def mark_repeated(response: Response, wanted: Keyed | None) -> None:
    """Say so in the headers when the answer is that of an earlier, equal request."""
    if wanted is not None and wanted.repeated:
        response.headers["Idempotency-Replayed"] = "true"
