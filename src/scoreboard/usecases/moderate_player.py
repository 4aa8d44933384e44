"""A moderator hides, suspends, bans or restores a player, protects one, or brings one before the reviewers."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Player, PlayerStatus, Role
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.domain.signal_words import MODERATOR_REQUEST
from scoreboard.storage import actions, audit, players
from scoreboard.storage.database import Transaction
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.change_status import StatusChange, record_status, set_status, spread_status
from scoreboard.usecases.keyed import Keyed, once, remember
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.raise_cases import raise_cases
from scoreboard.usecases.read_moderated import UNKNOWN_PLAYER, ModeratedPlayer, moderated

_Note = Callable[[], Awaitable[None]]
_Change = Callable[[Transaction, Player], Awaitable[_Note | None]]
"""Changes a locked player, and returns how the audit log is told of it; None where nothing had to change."""


async def moderate_status(
    platform: Platform,
    player_id: UUID,
    status: PlayerStatus,
    until: datetime | None,
    reason: str,
    by: Actor,
    keyed: Keyed | None = None,
) -> ModeratedPlayer:
    """Give a player a status: active, hidden, suspended (until a moment, or until somebody lifts it) or banned.

    Raises:
        Refusal: NOT_FOUND; FORBIDDEN for oneself, and for staff unless an administrator asks; CONFLICT for a protected
            player, who is sanctioned by way of a case only, and for an erased one; the codes of a key.
        StoreUnavailable: nothing changed.
    """
    until = until if status is PlayerStatus.SUSPENDED else None
    changed: list[StatusChange] = []

    async def change(tx: Transaction, player: Player) -> _Note | None:
        _require_sanctionable(player, status, by)
        changed.clear()
        if (player.status, player.suspended_until) == (status, until):
            return None
        made = await set_status(platform, tx, player, status, until)
        changed.append(made)
        return lambda: record_status(tx, made, by="moderator", actor=by, reason=reason)

    view = await _moderate(platform, player_id, by, keyed, change)
    for made in changed:
        await spread_status(platform, made)
    return view


def _require_sanctionable(player: Player, status: PlayerStatus, by: Actor) -> None:
    if player.status is PlayerStatus.ERASED:
        raise Refusal(ErrorCode.CONFLICT, "This account was erased; there is nothing left to change.")
    if player.role is not Role.PLAYER and by.role is not Role.ADMIN:
        raise Refusal(ErrorCode.FORBIDDEN, "Only an administrator may change the status of somebody of the staff.")
    if player.protected and status is not PlayerStatus.ACTIVE:
        words = "This player is protected: open a case, so that a second person looks at it."
        raise Refusal(ErrorCode.CONFLICT, words)


async def protect_player(
    platform: Platform, player_id: UUID, protected: bool, by: Actor, keyed: Keyed | None = None
) -> ModeratedPlayer:
    """Let decisions about a player need two people, or one again. Raises as :func:`moderate_status`."""

    async def change(tx: Transaction, player: Player) -> _Note | None:
        if player.protected == protected:
            return None
        await players.set_protected(tx, player.id, protected=protected)
        event = "player.protected" if protected else "player.unprotected"
        return lambda: _record(tx, event, player, by, {})

    return await _moderate(platform, player_id, by, keyed, change)


async def request_case(
    platform: Platform, player_id: UUID, reason: str, by: Actor, keyed: Keyed | None = None
) -> ModeratedPlayer:
    """Bring a player before the reviewers, or add the reason to the open case. Raises as :func:`moderate_status`."""
    review_s = (await platform.catalog.policy_choice()).general().review_s

    async def change(tx: Transaction, player: Player) -> _Note | None:
        now = await actions.clock(tx)
        event = SuspicionEvent(
            player.id, now, CaseSource.MODERATOR, MODERATOR_REQUEST, 0.0, 0.0, Verdict.FLAG, reference=reason
        )
        suspect = Suspect(player.id, Verdict.FLAG, CaseSource.MODERATOR, (event,), review_s)
        [case_id] = (await raise_cases(tx, [suspect], now)).values()
        return lambda: _record(tx, "review_case.requested", player, by, {"case": str(case_id), "reason": reason})

    return await _moderate(platform, player_id, by, keyed, change)


async def _moderate(
    platform: Platform, player_id: UUID, by: Actor, keyed: Keyed | None, change: _Change
) -> ModeratedPlayer:
    async def work(tx: Transaction) -> tuple[ModeratedPlayer, None]:
        if player_id == by.id:
            raise Refusal(ErrorCode.FORBIDDEN, "Nobody moderates their own account.")
        player = await players.lock(tx, player_id)
        if player is None:
            raise Refusal(ErrorCode.NOT_FOUND, UNKNOWN_PLAYER)
        note = await change(tx, player)
        view = await moderated(tx, player_id)
        await remember(tx, keyed, view)
        if note is not None:
            await note()
        return view, None

    return (await once(platform, keyed, ModeratedPlayer, work))[0]


async def _record(tx: Transaction, event: str, player: Player, by: Actor, detail: dict[str, str]) -> None:
    await audit.record(
        tx, event, str(player.id), actor_id=by.id, actor_role=by.role, detail=detail, request_id=by.request_id
    )
