"""Accounts and sessions."""

import base64
import hashlib

from fastapi import APIRouter, Request, Response

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player
from scoreboard.usecases.change_password import change_password
from scoreboard.usecases.exchange_identity import exchange_identity
from scoreboard.usecases.sign_in import SignedIn
from scoreboard_api.deps import Wired, Writer
from scoreboard_api.login_limits import limit_log_in
from scoreboard_api.routes.documented import WITH_BODY, WRITING, problems
from scoreboard_api.schemas.auth import (
    Credentials,
    LogOut,
    NewPassword,
    PlayerOut,
    ProviderToken,
    Refresh,
    Registration,
    Session,
    SigningKey,
)
from scoreboard_api.wiring import Wiring

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
legacy = APIRouter(prefix="/api/auth", tags=["auth"])
_NO_STORE = "no-store"


def player_out(player: Player) -> PlayerOut:
    """A player as others see them."""
    return PlayerOut(
        id=player.id,
        username=player.username,
        role=str(player.role),
        status=str(player.status),
        created_at=player.created_at,
        updated_at=player.updated_at,
        links={"self": f"/api/v1/players/{player.id}", "history": f"/api/v1/players/{player.id}/history"},
    )


def _cookie(wiring: Wiring) -> tuple[str, str]:
    """Name and path of the refresh cookie; the prefix makes browsers insist on TLS, this host and the root path."""
    secure = wiring.settings.secure_cookies
    return ("__Host-scoreboard_refresh", "/") if secure else ("scoreboard_refresh", "/api/v1/auth")


def _session(
    request: Request, response: Response, wiring: Wiring, signed_in: SignedIn, *, from_cookie: bool = False
) -> Session:
    """The reply; browsers get the refresh token as a cookie that scripts cannot read.

    What came as a cookie stays one, or a script could read it by leaving the header out.
    """
    response.headers["Cache-Control"] = _NO_STORE
    by_cookie = from_cookie or request.headers.get("x-session-mode") == "cookie"
    if by_cookie:
        name, path = _cookie(wiring)
        response.set_cookie(
            name,
            signed_in.refresh_token,
            max_age=signed_in.refresh_expires_in,
            path=path,
            secure=wiring.settings.secure_cookies,
            httponly=True,
            samesite="strict",
        )
    return Session(
        access_token=signed_in.access_token,
        expires_in=signed_in.expires_in,
        refresh_token=None if by_cookie else signed_in.refresh_token,
        refresh_expires_in=signed_in.refresh_expires_in,
        signing=SigningKey(
            key_id=signed_in.signing_key_id, key=base64.urlsafe_b64encode(signed_in.signing_key).decode().rstrip("=")
        ),
        player=player_out(signed_in.player),
        links={"refresh": "/api/v1/auth/refresh", "logout": "/api/v1/auth/logout", "me": "/api/v1/players/me"},
    )


@router.post(
    "/register",
    status_code=201,
    responses=problems(WITH_BODY, [ErrorCode.CONFLICT, ErrorCode.FORBIDDEN]),
    summary="Open an account and log in",
)
async def register(request: Request, response: Response, wiring: Wired, body: Registration) -> Session:
    """Names are unique whatever their case. The reply is a live session."""
    await limit_log_in(request, wiring, None)
    request_id = request.scope["state"]["request_id"]
    signed_in = await wiring.sign_in.register(body.username, body.password, body.email, request_id=request_id)
    return _session(request, response, wiring, signed_in)


_LOGIN_PROBLEMS = (
    ErrorCode.INVALID_CREDENTIALS,
    ErrorCode.USER_RATE_LIMIT,
    ErrorCode.FORBIDDEN,
    ErrorCode.ACCOUNT_SUSPENDED,
    ErrorCode.ACCOUNT_BANNED,
)


@legacy.post("/login", responses=problems(WITH_BODY, _LOGIN_PROBLEMS), summary="Log in (unversioned path)")
@router.post("/login", responses=problems(WITH_BODY, _LOGIN_PROBLEMS), summary="Log in")
async def log_in(request: Request, response: Response, wiring: Wired, body: Credentials) -> Session:
    """Send `X-Session-Mode: cookie` from a browser to get the refresh token as an HttpOnly cookie."""
    await limit_log_in(request, wiring, body.username)
    return _session(request, response, wiring, await wiring.sign_in.log_in(body.username, body.password))


_EXCHANGE_PROBLEMS = (
    ErrorCode.INVALID_TOKEN,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.NOT_FOUND,
    ErrorCode.ACCOUNT_SUSPENDED,
    ErrorCode.ACCOUNT_BANNED,
)


@router.post("/session", responses=problems(WITH_BODY, _EXCHANGE_PROBLEMS), summary="Log in with an identity provider")
async def exchange(request: Request, response: Response, wiring: Wired, body: ProviderToken) -> Session:
    """Exchange a token of the external identity provider for a session here. The first time makes the player.

    The provider's token is good for this one thing only; everything else takes the access token of the session.
    """
    await limit_log_in(request, wiring, None)
    if wiring.provider is None:
        raise Refusal(ErrorCode.NOT_FOUND, "This platform has no identity provider; log in with name and password.")
    identity = await wiring.provider.identify(body.token)
    request_id = request.scope["state"]["request_id"]
    return _session(request, response, wiring, await exchange_identity(wiring.sign_in, identity, request_id=request_id))


_PASSWORD_PROBLEMS = (
    ErrorCode.INVALID_CREDENTIALS,
    ErrorCode.FORBIDDEN,
    ErrorCode.ACCOUNT_SUSPENDED,
    ErrorCode.ACCOUNT_BANNED,
)


@router.post("/password", responses=problems(WRITING, WITH_BODY, _PASSWORD_PROBLEMS), summary="Change the password")
async def replace_password(
    request: Request, response: Response, wiring: Wired, claims: Writer, body: NewPassword
) -> Session:
    """All sessions of the player end within a second, this one included; the reply is a fresh one."""
    await limit_log_in(request, wiring, str(claims.player_id), "password-account")
    signed_in = await change_password(
        wiring.sign_in,
        claims.player_id,
        claims.session_id,
        body.current_password,
        body.new_password,
        request_id=request.scope["state"]["request_id"],
    )
    return _session(request, response, wiring, signed_in, from_cookie=_cookie(wiring)[0] in request.cookies)


_REFRESH_PROBLEMS = (
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.INVALID_TOKEN,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.TOKEN_REVOKED,
    ErrorCode.REFRESH_REUSED,
    ErrorCode.ACCOUNT_SUSPENDED,
    ErrorCode.ACCOUNT_BANNED,
)


@router.post("/refresh", responses=problems(WITH_BODY, _REFRESH_PROBLEMS), summary="Exchange the refresh token")
async def refresh(request: Request, response: Response, wiring: Wired, body: Refresh | None = None) -> Session:
    """Each refresh token works once. Repeated within ten seconds it gives the same successor, later it ends it all."""
    given = body.refresh_token if body is not None else None
    token = given or request.cookies.get(_cookie(wiring)[0])
    if not token:
        raise Refusal(ErrorCode.UNAUTHENTICATED, "There is no refresh token in this request; please log in.")
    signed_in = await wiring.sign_in.refresh(token, client=_client(request, from_cookie=not given))
    return _session(request, response, wiring, signed_in, from_cookie=not given)


def _client(request: Request, *, from_cookie: bool) -> bytes:
    """What is the same when a client repeats a refresh whose answer was lost: how it carries the token, and its name.

    Not its address: an answer is lost most often while a phone changes networks, and its owner would be logged out.
    It is no proof, for a thief can copy both. A copied token is found out anyway: two hold the same successor, and the
    second to spend it after the leeway ends the session. This ends it at once for the thief who does not take the care.
    """
    carried = "cookie" if from_cookie else "body"
    return hashlib.sha256(f"{carried}\0{request.headers.get('user-agent', '')}".encode()).digest()


@router.post("/logout", status_code=204, responses=problems(WRITING, WITH_BODY), summary="End the session")
async def log_out(
    request: Request, response: Response, wiring: Wired, claims: Writer, body: LogOut | None = None
) -> None:
    """Access tokens and live connections of the ended sessions stop working within a second."""
    everywhere = body is not None and body.everywhere
    await wiring.sign_in.log_out(
        claims.player_id, claims.session_id, everywhere=everywhere, request_id=request.scope["state"]["request_id"]
    )
    name, path = _cookie(wiring)
    response.delete_cookie(name, path=path, secure=wiring.settings.secure_cookies, httponly=True, samesite="strict")
