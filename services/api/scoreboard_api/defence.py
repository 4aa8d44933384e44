"""The layers that a request passes, as plain functions over the raw request.

FastAPI dependencies and the hot Starlette routes call the same ones, in this order: limits before authentication,
authentication and role, player and action limits, (request signing), then the use case's preconditions.
"""

from collections.abc import Iterable

from starlette.requests import Request

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.live.guard import GuardRequest, LimitedBucket
from scoreboard.security.access_token import Claims
from scoreboard.security.request_signing import SignatureParameters
from scoreboard_api.wiring import Wiring

_LONGEST_KEY = 255
_OURS = ("job:", "batch:")
"""Beginnings of the keys under which the platform itself completes actions for players."""


def client_address(scope_client: tuple[str, int] | None, forwarded: str | None, hops: int) -> str:
    """The address of the client, as far as our own proxies can tell.

    Args:
        scope_client: the peer of the connection.
        forwarded: the X-Forwarded-For header. Entries left of our own proxies' are the client's to invent.
        hops: how many proxies of ours append to that header.
    """
    peer = scope_client[0] if scope_client else "unknown"
    if not hops or not forwarded:
        return peer
    entries = [entry.strip() for entry in forwarded.split(",") if entry.strip()]
    return entries[-hops][:64] if len(entries) >= hops else peer


def is_json(request: Request) -> bool:
    """Whether the body says that it is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def wiring_of(request: Request) -> Wiring:
    """The parts of this process."""
    wiring: Wiring = request.scope["state"]["wiring"]
    return wiring


def bearer_token(request: Request) -> str | None:
    """The access token of the Authorization header; None without one.

    Raises:
        Refusal: UNAUTHENTICATED for another scheme.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(ErrorCode.UNAUTHENTICATED, "Send the access token as: Authorization: Bearer <token>.")
    return token.strip()


def authenticate(request: Request) -> Claims:
    """Who is calling. Revocation is asked for together with the limits, see :func:`admit`.

    Raises:
        Refusal: UNAUTHENTICATED, INVALID_TOKEN, TOKEN_EXPIRED, or TOO_MANY_REQUESTS for a player who is blocked.
    """
    token = bearer_token(request)
    if token is None:
        raise Refusal(ErrorCode.UNAUTHENTICATED, "Log in first; this needs an access token.")
    wiring = wiring_of(request)
    claims = wiring.tokens.verify(token)
    request.scope["state"]["player_id"] = claims.subject
    wiring.incidents.require_unblocked_player(claims.player_id)
    return claims


def require_role(claims: Claims, allowed: Iterable[Role]) -> None:
    """Raises Refusal FORBIDDEN for a caller with another role."""
    if claims.role not in allowed:
        raise Refusal(ErrorCode.FORBIDDEN, "Your role does not allow this.")


async def admit(
    wiring: Wiring,
    claims: Claims,
    *,
    write: bool,
    kind: str | None = None,
    signature: SignatureParameters | Refusal | None = None,
) -> None:
    """Take from the caller's limits, all or none; make sure that the session is alive and a signature's nonce new.

    Requests of the same moment share one call to Redis. Without Redis this process grants its share, and Postgres
    says whether the session is alive; without both, reads go on until the token expires and writes are refused.

    Args:
        wiring: the parts of this process.
        claims: who calls.
        write: which of the player's limits applies.
        kind: the kind of action that is asked for, if it has a limit of its own.
        signature: the verified signature, or the reason to refuse it once the limits are taken.

    Raises:
        Refusal: USER_RATE_LIMIT, ACTION_LIMIT, TOKEN_REVOKED, REPLAY_ATTACK, DEPENDENCY_UNAVAILABLE, or the
            signature's.
    """
    player, limits = claims.subject, wiring.limits
    if claims.role is Role.SERVICE:
        scope, limit = "service", limits.service
    else:
        scope, limit = ("player-write", limits.write) if write else ("player-read", limits.read)
    buckets = [LimitedBucket(scope, player, limit, ErrorCode.USER_RATE_LIMIT)]
    if kind is not None:
        buckets.append(LimitedBucket("action", f"{player}:{kind}", limits.action, ErrorCode.ACTION_LIMIT))
    nonce = signature.nonce if isinstance(signature, SignatureParameters) else None
    await wiring.admissions.submit(GuardRequest(tuple(buckets), claims.session_id, nonce))
    if isinstance(signature, Refusal):
        raise signature


def idempotency_key(request: Request, *, required: bool = False) -> str | None:
    """The Idempotency-Key header (IETF draft-ietf-httpapi-idempotency-key-header).

    Raises:
        Refusal: IDEMPOTENCY_KEY_MISSING where it is required, VALIDATION_ERROR when it is empty, too long or not text.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        if required:
            raise Refusal(ErrorCode.IDEMPOTENCY_KEY_MISSING, "This request needs an Idempotency-Key header.")
        return None
    key = key.strip().strip('"')
    if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable() or not key.isascii() or key.startswith(_OURS):
        fault = {"pointer": "#/headers/idempotency-key", "detail": f"1 to {_LONGEST_KEY} printable ASCII characters"}
        raise Refusal(ErrorCode.VALIDATION_ERROR, "The Idempotency-Key cannot be used.", extra={"errors": [fault]})
    return key
