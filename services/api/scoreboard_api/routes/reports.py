"""What players tell the moderators: reports of others, appeals for themselves."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.usecases.appeal_case import appeal_case, find_appellant, identify_for_appeal
from scoreboard.usecases.report_player import ReportReason, report_player
from scoreboard_api.acting import keyed_if_wished, mark_repeated
from scoreboard_api.deps import PerhapsWriter, Wired, Writer
from scoreboard_api.login_limits import limit_log_in
from scoreboard_api.routes.actions import as_uuid
from scoreboard_api.routes.documented import KEYED, WITH_BODY, WITHOUT_TOKEN, WRITING, problems
from scoreboard_api.schemas.reports import AppealDecision, Received, ReportPlayer
from scoreboard_api.wiring import Wiring

router = APIRouter(prefix="/api/v1", tags=["reports"])
_REPORT = (ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)
_APPEAL = (*_REPORT, ErrorCode.INVALID_CREDENTIALS)


@router.post(
    "/reports", status_code=202, responses=problems(WRITING, WITH_BODY, KEYED, _REPORT), summary="Report a player"
)
async def report(request: Request, response: Response, wiring: Wired, claims: Writer, body: ReportPlayer) -> Received:
    """Moderators look at it. One report a day about the same player."""
    player_id = as_uuid(body.player_id, ErrorCode.NOT_FOUND, "There is no such player.")
    wanted = keyed_if_wished(request, claims, player_id.hex, body.reason, body.note)
    reported = await report_player(
        wiring.platform, claims.player_id, player_id, ReportReason(body.reason), body.note, wanted
    )
    mark_repeated(response, wanted)
    return Received(id=reported.report_id, links={"player": f"/api/v1/players/{player_id}"})


@router.post(
    "/appeals",
    status_code=202,
    responses=problems(WRITING, WITH_BODY, KEYED, _APPEAL),
    openapi_extra=WITHOUT_TOKEN,
    summary="Appeal against a decision",
)
async def appeal(
    request: Request, response: Response, wiring: Wired, claims: PerhapsWriter, body: AppealDecision
) -> Received:
    """Once against each decision; somebody looks at it again.

    Who cannot sign in any more sends name and password, or a token of the identity provider.
    """
    if claims is not None:
        player_id = claims.player_id
        wanted = keyed_if_wished(request, claims, body.words, body.case_number)
    else:
        player_id, wanted = await _appellant(request, wiring, body), None
    request_id = request.scope["state"]["request_id"]
    heard = await appeal_case(wiring.platform, player_id, body.words, body.case_number, wanted, request_id)
    mark_repeated(response, wanted)
    return Received(id=heard.appeal_id, links={"login": "/api/v1/auth/login"})


async def _appellant(request: Request, wiring: Wiring, body: AppealDecision) -> UUID:
    """Who appeals without a session. A suspension ends all sessions, so an access token would not do."""
    if body.provider_token is not None:
        await limit_log_in(request, wiring, None)
        if wiring.provider is None:
            raise Refusal(ErrorCode.NOT_FOUND, "This platform has no identity provider; send name and password.")
        return await find_appellant(wiring.platform, await wiring.provider.identify(body.provider_token))
    if body.username is None or body.password is None:
        words = "Log in first, or send your name and your password with it, or a token of your identity provider."
        raise Refusal(ErrorCode.UNAUTHENTICATED, words)
    await limit_log_in(request, wiring, body.username)
    return await identify_for_appeal(wiring.sign_in, body.username, body.password)
