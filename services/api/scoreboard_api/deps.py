"""The defence as FastAPI parameters: a route says in its signature whom it lets in."""

from typing import Annotated

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPBearer

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.access_token import Claims
from scoreboard_api.defence import admit, authenticate, bearer_token, require_role, wiring_of
from scoreboard_api.signatures import read_signature
from scoreboard_api.wiring import Wiring

# Only documents the scheme in the OpenAPI; the check itself is in the defence.
_SCHEME = HTTPBearer(auto_error=False, bearerFormat="JWT", description="the access token of a session")

Wired = Annotated[Wiring, Depends(wiring_of)]


async def reader(request: Request, wiring: Wired, _: Annotated[object, Security(_SCHEME)]) -> Claims:
    """A signed-in caller who reads."""
    claims = authenticate(request)
    await admit(wiring, claims, write=False)
    return claims


async def writer(request: Request, wiring: Wired, _: Annotated[object, Security(_SCHEME)]) -> Claims:
    """A signed-in caller who changes something."""
    claims = authenticate(request)
    signature = await read_signature(wiring, request, claims)
    await admit(wiring, claims, write=True, signature=signature)
    request.scope["state"]["signed"] = signature is not None
    return claims


async def moderator(claims: Annotated[Claims, Depends(reader)]) -> Claims:
    """A moderator or an administrator who reads."""
    require_role(claims, (Role.MODERATOR, Role.ADMIN))
    return claims


async def require_redis(request: Request, wiring: Wiring, closed: str = "Moderation") -> None:
    """Moderation is closed without Redis: who was dismissed a second ago must not decide about others.

    ``closed``: what the words call that which is closed. It is no failure of the API's: the alert about Redis says it.

    Raises:
        Refusal: DEPENDENCY_UNAVAILABLE.
    """
    try:
        await wiring.platform.live.ping()
    except LiveUnavailable as error:
        request.scope["state"]["closed"] = True
        words = f"{closed} is closed for the moment: without Redis nobody can make sure who may still do it."
        raise Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, words, 1) from error


async def case_reader(request: Request, wiring: Wired, claims: Annotated[Claims, Depends(moderator)]) -> Claims:
    """A moderator or an administrator who reads cases, players and corrections."""
    await require_redis(request, wiring)
    return claims


async def case_writer(request: Request, wiring: Wired, claims: Annotated[Claims, Depends(writer)]) -> Claims:
    """A moderator or an administrator who decides."""
    require_role(claims, (Role.MODERATOR, Role.ADMIN))
    await require_redis(request, wiring)
    return claims


async def administrator(request: Request, wiring: Wired, claims: Annotated[Claims, Depends(writer)]) -> Claims:
    """An administrator who changes something."""
    require_role(claims, (Role.ADMIN,))
    await require_redis(request, wiring)
    return claims


async def service(claims: Annotated[Claims, Depends(writer)]) -> Claims:
    """A trusted game server."""
    require_role(claims, (Role.SERVICE,))
    return claims


async def perhaps_writer(
    request: Request, wiring: Wired, scheme: Annotated[object, Security(_SCHEME)]
) -> Claims | None:
    """Somebody signed in who writes, or somebody without a token; a token that is sent must be good."""
    return None if bearer_token(request) is None else await writer(request, wiring, scheme)


async def visitor(request: Request, wiring: Wired, _: Annotated[object, Security(_SCHEME)]) -> Claims | None:
    """Anybody where public boards may be read without a token; a token that is sent must be good."""
    if bearer_token(request) is None:
        if not wiring.settings.anonymous_reads:
            raise Refusal(ErrorCode.UNAUTHENTICATED, "Log in first; boards are not public here.")
        return None
    claims = authenticate(request)
    await admit(wiring, claims, write=False)
    return claims


Reader = Annotated[Claims, Depends(reader)]
Writer = Annotated[Claims, Depends(writer)]
PerhapsWriter = Annotated[Claims | None, Depends(perhaps_writer)]
Moderator = Annotated[Claims, Depends(moderator)]
CaseReader = Annotated[Claims, Depends(case_reader)]
CaseWriter = Annotated[Claims, Depends(case_writer)]
Administrator = Annotated[Claims, Depends(administrator)]
Service = Annotated[Claims, Depends(service)]
Visitor = Annotated[Claims | None, Depends(visitor)]
SeasonId = Annotated[int | None, Query(alias="season", ge=1, le=2**53, description="the current one when left out")]
