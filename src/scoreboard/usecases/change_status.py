"""Suspend, ban, hide or restore a player: sessions end, boards follow, the audit log says who did it.

The one rule of visibility is ``scores.visible``: true exactly while the player is active. Every view goes by it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player, PlayerStatus, Role
from scoreboard.live import leaderboard
from scoreboard.live.bus import CatalogChanged, SessionsRevoked
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.identifiers import new_id
from scoreboard.storage import audit, outbox, players, scores, suspicion
from scoreboard.storage.database import StoreContended, Transaction
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.freeze_boards import drop_frozen
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.revocation import end_sessions, forget_reason, longest_life, spread_revocation

_ENDS_SESSIONS = (PlayerStatus.SUSPENDED, PlayerStatus.BANNED, PlayerStatus.ERASED)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A change of status in a transaction, and what is still to be told of it once that is committed.

    ``player`` is the account as it was, ``row`` the outbox row by which the boards follow.
    """

    player: Player
    status: PlayerStatus
    until: datetime | None
    ended: SessionsRevoked
    row: int


async def change_status(
    platform: Platform, who: str | UUID, status: PlayerStatus, *, until: datetime | None = None, by: str
) -> tuple[Player, bool]:
    """Give an account the status.

    Args:
        platform: stores.
        who: its id, or its name, whatever its case.
        status: what it is from now on.
        until: when a suspension ends by itself; None for one that somebody has to lift.
        by: who wanted it, for the audit log.

    Returns:
        The account as it is now, and whether anything had to be changed.

    Raises:
        Refusal: NOT_FOUND when there is no such account.
        StoreUnavailable: nothing was changed.
    """
    until = until if status is PlayerStatus.SUSPENDED else None

    async def work(tx: Transaction) -> tuple[Player, StatusChange | None]:
        player = await (players.lock(tx, who) if isinstance(who, UUID) else players.lock_by_username(tx, who))
        if player is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no player with this name.")
        if (player.status, player.suspended_until) == (status, until):
            return player, None
        change = await _apply(platform, tx, player, status, until, by)
        return replace(player, status=status, suspended_until=until), change

    player, change = await platform.database.transact(work)
    if change is None:
        return player, False
    await spread_status(platform, change)
    return player, True


async def suspend_automatically(platform: Platform, player_id: UUID, until: datetime, *, by: str) -> bool:
    """Suspend a player whom nobody has decided about: an active one, and only one who plays.

    Staff and game servers are left to people, and so is who is hidden or suspended already: when the time is over a
    suspension makes active, which would undo what a person wanted.

    Returns:
        Whether the player was suspended.

    Raises:
        StoreUnavailable: nothing was changed.
    """

    async def work(tx: Transaction) -> StatusChange | None:
        player = await players.lock(tx, player_id)
        if player is None or player.status is not PlayerStatus.ACTIVE or player.role is not Role.PLAYER:
            return None
        return await _apply(platform, tx, player, PlayerStatus.SUSPENDED, until, by)

    change = await platform.database.transact(work)
    if change is not None:
        await spread_status(platform, change)
    return change is not None


async def lift_suspensions(platform: Platform) -> int:
    """Make players active again whose suspension has ended. Run by every worker. Returns how many.

    Raises:
        StoreUnavailable: the next round does it.
    """

    lifted = 0
    for player_id in await platform.database.transact(players.whose_suspension_ended):
        try:
            lifted += await _lift(platform, player_id)
        except StoreContended:  # somebody decides about this player just now: the next round looks again
            continue
    return lifted


async def _lift(platform: Platform, player_id: UUID) -> bool:
    """A transaction for each player: the audit log's head is the last lock of one, never before the next one's rows."""

    async def work(tx: Transaction) -> StatusChange | None:
        player = await players.lock_ended_suspension(tx, player_id)
        if player is None:
            return None
        return await _apply(platform, tx, player, PlayerStatus.ACTIVE, None, "the suspension's end")

    change = await platform.database.transact(work)
    if change is not None:
        await spread_status(platform, change)
    return change is not None


async def set_status(
    platform: Platform, tx: Transaction, player: Player, status: PlayerStatus, until: datetime | None
) -> StatusChange:
    """Change a locked account in the caller's transaction. :func:`record_status` follows as its last step, and
    :func:`spread_status` after the commit.

    Takes the lock of the player's suspicion: completions that began before are seen, and later ones see the status.
    """
    await suspicion.lock(tx, [player.id])
    await players.set_status(tx, player.id, status, until)
    if status in _ENDS_SESSIONS:
        ended = await end_sessions(tx, player.id, None, str(status))
    else:
        ended = await forget_reason(tx, player.id, longest_life(platform))
    if status is PlayerStatus.ACTIVE:
        await suspicion.forgive(tx, player.id)
    await scores.set_visible(tx, player.id, visible=status is PlayerStatus.ACTIVE)
    return StatusChange(player, status, until, ended, await outbox.add_standings(tx, player.id))


async def record_status(
    tx: Transaction, change: StatusChange, *, by: str, actor: Actor | None = None, reason: str | None = None
) -> None:
    """Note in the audit log who changed a status, and why."""
    detail = {
        "from": str(change.player.status),
        "to": str(change.status),
        "until": change.until.isoformat() if change.until else None,
        "by": by,
    }
    await audit.record(
        tx,
        "player.status_changed",
        str(change.player.id),
        actor_id=actor.id if actor is not None else None,
        actor_role=str(actor.role) if actor is not None else "platform",
        detail=detail if reason is None else detail | {"reason": reason},
        request_id=actor.request_id if actor is not None else None,
    )


async def _apply(
    platform: Platform, tx: Transaction, player: Player, status: PlayerStatus, until: datetime | None, by: str
) -> StatusChange:
    change = await set_status(platform, tx, player, status, until)
    await record_status(tx, change, by=by)
    return change


async def spread_status(platform: Platform, change: StatusChange) -> None:
    """Make sessions and boards follow now; should Redis be away the sweep does it."""
    await spread_revocation(platform, change.ended)
    try:
        await project_standings(platform, change.ended.player_id)
    except LiveUnavailable:
        return
    await platform.database.transact(lambda tx: outbox.mark(tx, [change.row]))


async def project_standings(platform: Platform, player_id: UUID) -> None:
    """Bring a player's present totals, or their absence, to every leaderboard, and let the boards be sent anew.

    Raises:
        LiveUnavailable: nothing is known to be projected; doing it again is safe.
        StoreUnavailable: the totals cannot be read.
    """
    boards = await platform.catalog.boards()
    changes = await platform.database.transact(lambda tx: scores.changes_of_player(tx, player_id))
    groups = [
        (change.season_id, boards[change.board_key], [change]) for change in changes if change.board_key in boards
    ]
    if not groups:
        return
    await drop_frozen(platform, [(season_id, board) for season_id, board, _ in groups])
    await leaderboard.project(
        platform.live,
        groups,
        event=b"",
        numbers=0,
        stream_length=platform.settings.stream_length,
        fresh_epoch=new_id().hex,
    )
    for board_key in {board.key for _, board, _ in groups}:
        if not await announce_control(platform, CatalogChanged(board_key)):
            raise LiveUnavailable("Redis is away")
