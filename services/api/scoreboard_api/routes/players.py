"""Players: profiles and histories."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import LedgerEntry
from scoreboard.domain.player import Player, PlayerStatus, Role
from scoreboard.storage import ledger, players
from scoreboard_api.deps import Reader, Wired
from scoreboard_api.routes.actions import as_uuid
from scoreboard_api.routes.auth import player_out
from scoreboard_api.routes.documented import SIGNED_IN, problems
from scoreboard_api.schemas.auth import History, HistoryItem, PlayerOut
from scoreboard_api.wiring import Wiring

router = APIRouter(prefix="/api/v1/players", tags=["players"])
_UNKNOWN = "There is no such player."
_NEWEST = 2**63 - 1
_SEE_ALL = (Role.MODERATOR, Role.ADMIN)


async def _player(wiring: Wiring, player_id: UUID) -> Player:
    player = await wiring.platform.database.transact(lambda tx: players.find(tx, player_id))
    if player is None:
        raise Refusal(ErrorCode.NOT_FOUND, _UNKNOWN)
    return player


@router.get("/me", responses=problems(SIGNED_IN, [ErrorCode.NOT_FOUND]), summary="My profile")
async def read_me(wiring: Wired, claims: Reader) -> PlayerOut:
    """The account of the access token."""
    return player_out(await _player(wiring, claims.player_id))


@router.get("/{player_id}", responses=problems(SIGNED_IN, [ErrorCode.NOT_FOUND]), summary="A player's profile")
async def read_player(player_id: str, wiring: Wired, claims: Reader) -> PlayerOut:
    """What everybody may know of a player. Who is on no board is seen by moderators and by nobody else."""
    player = await _player(wiring, as_uuid(player_id, ErrorCode.NOT_FOUND, _UNKNOWN))
    if player.status is not PlayerStatus.ACTIVE and player.id != claims.player_id and claims.role not in _SEE_ALL:
        raise Refusal(ErrorCode.NOT_FOUND, _UNKNOWN)
    return player_out(player)


def _item(seq: int, entry: LedgerEntry) -> HistoryItem:
    columns = zip(entry.season_ids, entry.previous, entry.current, strict=True)
    return HistoryItem(
        seq=seq,
        at=entry.at,
        entry_type=str(entry.entry_type),
        action_id=entry.action_id,
        kind=entry.kind_key,
        points=entry.points,
        verdict=str(entry.verdict),
        scores=[{"season": season, "previous": before, "current": after} for season, before, after in columns],
    )


@router.get(
    "/{player_id}/history",
    responses=problems(SIGNED_IN, [ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN]),
    summary="A player's score events",
)
async def read_history(
    player_id: str,
    wiring: Wired,
    claims: Reader,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=_NEWEST, description="`next_cursor` of the page before")] = None,
) -> History:
    """Newest first. Players see their own, moderators everybody's."""
    wanted = claims.player_id if player_id == "me" else as_uuid(player_id, ErrorCode.NOT_FOUND, _UNKNOWN)
    if wanted != claims.player_id and claims.role not in _SEE_ALL:
        raise Refusal(ErrorCode.FORBIDDEN, "Only your own history is open to you.")
    await _player(wiring, wanted)
    rows = await wiring.platform.database.transact(
        lambda tx: ledger.of_player(tx, wanted, cursor or _NEWEST, limit + 1)
    )
    items = [_item(seq, entry) for seq, entry in rows[:limit]]
    following = str(items[-1].seq) if len(rows) > limit else None
    links = {"self": f"/api/v1/players/{wanted}/history", "player": f"/api/v1/players/{wanted}"}
    return History(player_id=wanted, items=items, next_cursor=following, links=links)
