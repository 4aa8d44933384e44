"""Give a player another role. Whoever was given a session with the old one has to sign in again, within a second."""

from dataclasses import replace

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player, Role
from scoreboard.live.bus import SessionsRevoked
from scoreboard.storage import audit, players
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.revocation import end_sessions, spread_revocation


async def change_role(platform: Platform, username: str, role: Role) -> tuple[Player, bool]:
    """Give the account with this name the role, and end its sessions. Called from the command line.

    Returns:
        The account as it is now, and whether anything had to be changed.

    Raises:
        Refusal: NOT_FOUND when there is no such account.
        StoreUnavailable: nothing was changed.
    """

    async def work(tx: Transaction) -> tuple[Player, SessionsRevoked | None]:
        player = await players.lock_by_username(tx, username)
        if player is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no player with this name.")
        if player.role is role:
            return player, None
        message = await set_role(tx, player, role, "role_changed")
        await record_role(tx, player, role, by="command line")
        return replace(player, role=role), message

    player, message = await platform.database.transact(work)
    if message is not None:
        await spread_revocation(platform, message)
    return player, message is not None


async def set_role(tx: Transaction, player: Player, role: Role, reason: str) -> SessionsRevoked:
    """Give a locked account the role and end its sessions, in the caller's transaction. :func:`record_role` follows."""
    await players.set_role(tx, player.id, role)
    return await end_sessions(tx, player.id, None, reason)


async def record_role(tx: Transaction, player: Player, role: Role, *, by: str, request_id: str | None = None) -> None:
    """Note in the audit log who gave the role; ``player`` is the account as it was before."""
    detail = {"from": str(player.role), "to": str(role), "by": by}
    await audit.record(tx, "player.role_changed", str(player.id), detail=detail, request_id=request_id)
