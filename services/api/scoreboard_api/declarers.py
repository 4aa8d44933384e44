"""Who may declare boards, kinds, policies and seasons: administrators, platform-config accounts, and the operator."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.player import Role
from scoreboard.live.guard import GuardRequest, LimitedBucket
from scoreboard.usecases.declare import Declarer
from scoreboard_api.defence import bearer_token, require_role
from scoreboard_api.deps import Wired, reader, require_redis, writer
from scoreboard_api.wiring import Wiring

# Only documents the scheme in the OpenAPI; the check itself is in the defence.
_SCHEME = HTTPBearer(auto_error=False, bearerFormat="JWT", description="the access token of a session")
_ROLES = (Role.ADMIN, Role.PLATFORM_CONFIG)


async def _operator(request: Request, wiring: Wiring) -> Declarer | None:
    """The operator, if its ServiceAccount's token was sent. It shares the limits of trusted services."""
    token, accounts = bearer_token(request), wiring.service_accounts
    if token is None or accounts is None or not accounts.speaks_of(token):
        return None
    subject = await accounts.identify(token)
    bucket = LimitedBucket("service", subject, wiring.limits.service, ErrorCode.USER_RATE_LIMIT)
    await wiring.admissions.submit(GuardRequest((bucket,), None, None))
    return Declarer(subject, Role.PLATFORM_CONFIG, request_id=request.scope["state"]["request_id"])


async def declaration_reader(request: Request, wiring: Wired, scheme: Annotated[object, Security(_SCHEME)]) -> Declarer:
    """Who looks at what is declared."""
    operator = await _operator(request, wiring)
    if operator is not None:
        return operator
    claims = await reader(request, wiring, scheme)
    require_role(claims, _ROLES)
    return Declarer(claims.username, claims.role, claims.player_id, request.scope["state"]["request_id"])


async def declarer(request: Request, wiring: Wired, scheme: Annotated[object, Security(_SCHEME)]) -> Declarer:
    """Who declares. Closed without Redis, as moderation is."""
    found = await _operator(request, wiring)
    if found is None:
        claims = await writer(request, wiring, scheme)
        require_role(claims, _ROLES)
        found = Declarer(claims.username, claims.role, claims.player_id, request.scope["state"]["request_id"])
    await require_redis(request, wiring, "Declaring")
    return found


DeclarationReader = Annotated[Declarer, Depends(declaration_reader)]
Declaring = Annotated[Declarer, Depends(declarer)]
