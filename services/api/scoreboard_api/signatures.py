"""Layer 3: the signature of a request, where it has one. Timestamp, then signature; the nonce goes with the limits.

The nonce comes last and is taken atomically: checked first, two parallel replays would both pass, and outsiders could
use up nonces that they have only seen.
"""

from starlette.requests import Request

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.security.access_token import Claims
from scoreboard.security.request_signing import (
    SignatureParameters,
    SignedRequest,
    read_parameters,
    require_fresh,
    verify,
)
from scoreboard.telemetry import utc_now
from scoreboard_api.wiring import Wiring

_INPUT, _MAC, _DIGEST, _KEY = b"signature-input", b"signature", b"content-digest", b"idempotency-key"
_SIGNED = frozenset({_INPUT, _MAC, _DIGEST, _KEY})
_TWICE = b"twice"
_CLOCK = "clock_ahead"
_UNSIGNED = "Requests about actions must be signed here."


async def read_signature(wiring: Wiring, request: Request, claims: Claims) -> SignatureParameters | Refusal | None:
    """The verified signature, why it is refused, or None for a request without one.

    A refusal is returned and not raised, so that the caller's limits come first: who sends wrong signatures all day
    is slowed down like anybody else.
    """
    headers = _signature_headers(request)
    if _INPUT not in headers and _MAC not in headers:
        return None
    try:
        return await _verified(wiring, request, claims, headers)
    except Refusal as refusal:
        return refusal


async def _verified(wiring: Wiring, request: Request, claims: Claims, headers: dict[bytes, str]) -> SignatureParameters:
    settings = wiring.settings
    if _TWICE in headers:
        raise Refusal(ErrorCode.INVALID_SIGNATURE, "A header that the signature covers was sent more than once.")
    key = headers.get(_KEY)
    parameters = read_parameters(headers.get(_INPUT, ""), keyed=key is not None)
    if parameters.session_id != claims.session_id:
        raise Refusal(ErrorCode.INVALID_SIGNATURE, "This request is signed with the key of another session.")
    now = utc_now().timestamp()
    require_fresh(parameters.created, now, past=settings.signature_past, future=settings.signature_future)
    signed = SignedRequest(
        request.method,
        request.scope["raw_path"].decode("latin-1"),
        request.scope["query_string"].decode("latin-1"),
        await request.body(),
        headers.get(_INPUT, ""),
        headers.get(_MAC, ""),
        headers.get(_DIGEST),
        key,
    )
    verify(signed, parameters, wiring.signing_keys.of(claims.session_id))
    request.scope["state"][_CLOCK] = parameters.created - int(now)
    return parameters


def _signature_headers(request: Request) -> dict[bytes, str]:
    """The headers of a signature in one pass, with a mark where one came twice."""
    found: dict[bytes, str] = {}
    for name, value in request.scope["headers"]:
        if name in _SIGNED:
            if name in found:
                found[_TWICE] = ""
            found[name] = value.decode("latin-1")
    return found


def is_signed(request: Request) -> bool:
    """Whether the caller was let in with a signature; for routes that FastAPI answers."""
    return bool(request.scope["state"].get("signed", False))


def clock_ahead(request: Request) -> int | None:
    """By how many seconds the client's clock was ahead of ours when it signed; None for an unsigned request."""
    ahead: int | None = request.scope["state"].get(_CLOCK)
    return ahead


def require_signature(wiring: Wiring, *, signed: bool) -> None:
    """Where the operator demands it every action is signed. Raises Refusal INVALID_SIGNATURE."""
    if wiring.settings.require_signatures and not signed:
        raise Refusal(ErrorCode.INVALID_SIGNATURE, _UNSIGNED)
