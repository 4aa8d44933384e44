"""Players as moderators see and sanction them."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.player import PlayerStatus
from scoreboard.usecases import moderate_player, read_moderated
from scoreboard_api.acting import actor_of, keyed, mark_repeated
from scoreboard_api.deps import Administrator, CaseReader, CaseWriter, Wired
from scoreboard_api.routes.actions import as_uuid
from scoreboard_api.routes.documented import KEYED, SIGNED_IN, WITH_BODY, WRITING, problems
from scoreboard_api.schemas.model import TEXT
from scoreboard_api.schemas.moderated_players import FoundPlayers, ModeratedPlayer, OpenCase, Protect, SetStatus

router = APIRouter(prefix="/api/v1/moderation", tags=["moderation"])
PLAYERS = "/api/v1/moderation/players"
_READ = (ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND)
_WRITE = problems(WRITING, WITH_BODY, KEYED, (*_READ, ErrorCode.CONFLICT, ErrorCode.IDEMPOTENCY_KEY_MISSING))


def _links(player_id: object) -> dict[str, str]:
    one = f"{PLAYERS}/{player_id}"
    return {
        "self": one,
        "status": f"{one}/status",
        "case": f"{one}/case",
        "history": f"/api/v1/players/{player_id}/history",
    }


def _full(view: read_moderated.ModeratedPlayer) -> ModeratedPlayer:
    fields = msgspec.to_builtins(view)
    player = fields.pop("player")
    return ModeratedPlayer.model_validate(player | fields | {"links": _links(player["id"])})


def _player_id(text: str) -> UUID:
    return as_uuid(text, ErrorCode.NOT_FOUND, read_moderated.UNKNOWN_PLAYER)


@router.get("/players", responses=problems(SIGNED_IN, [ErrorCode.FORBIDDEN]), summary="Find players by name")
async def find_players(
    wiring: Wired,
    claims: CaseReader,
    query: Annotated[str, Query(min_length=1, max_length=64, pattern=TEXT, description="how the name begins")],
) -> FoundPlayers:
    """At most twenty, whatever the case of the letters and the status of the account."""
    found = await read_moderated.search_players(wiring.platform, query, claims.player_id)
    items = [msgspec.to_builtins(player) | {"links": _links(player.id)} for player in found]
    return FoundPlayers.model_validate({"items": items, "links": {"self": PLAYERS}})


@router.get("/players/{player_id}", responses=problems(SIGNED_IN, _READ), summary="A player as moderators see one")
async def read_player(wiring: Wired, claims: CaseReader, player_id: str) -> ModeratedPlayer:
    """Status, suspicion, what is held, all cases. Nobody reads this about themselves."""
    return _full(await read_moderated.read_moderated(wiring.platform, _player_id(player_id), claims.player_id))


@router.post("/players/{player_id}/status", responses=_WRITE, summary="Hide, suspend, ban or restore a player")
async def set_status(
    request: Request, response: Response, wiring: Wired, claims: CaseWriter, player_id: str, body: SetStatus
) -> ModeratedPlayer:
    """Only active players are on boards; hidden ones play on unseen. Protected players are sanctioned by cases only."""
    until = None if body.until is None else body.until.isoformat()
    wanted, who = keyed(request, claims, body.status, until, body.reason), actor_of(request, claims)
    view = await moderate_player.moderate_status(
        wiring.platform, _player_id(player_id), PlayerStatus(body.status), body.until, body.reason, who, wanted
    )
    mark_repeated(response, wanted)
    return _full(view)


@router.post("/players/{player_id}/protect", responses=_WRITE, summary="Let decisions need two people (administrators)")
async def protect(
    request: Request, response: Response, wiring: Wired, claims: Administrator, player_id: str, body: Protect
) -> ModeratedPlayer:
    """For players of public interest: what one reviewer decides, a second has to confirm."""
    wanted, who = keyed(request, claims, body.protected), actor_of(request, claims)
    view = await moderate_player.protect_player(wiring.platform, _player_id(player_id), body.protected, who, wanted)
    mark_repeated(response, wanted)
    return _full(view)


@router.post("/players/{player_id}/case", responses=_WRITE, summary="Bring a player before the reviewers")
async def open_case(
    request: Request, response: Response, wiring: Wired, claims: CaseWriter, player_id: str, body: OpenCase
) -> ModeratedPlayer:
    """Opens a case, or adds the reason to the open one."""
    wanted, who = keyed(request, claims, body.reason), actor_of(request, claims)
    view = await moderate_player.request_case(wiring.platform, _player_id(player_id), body.reason, who, wanted)
    mark_repeated(response, wanted)
    return _full(view)
