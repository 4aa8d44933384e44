"""Make an account with a role, from the command line of somebody who holds the database's credentials."""

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player, Role
from scoreboard.live.bus import SessionsRevoked
from scoreboard.security.identifiers import new_id
from scoreboard.security.passwords import Passwords
from scoreboard.storage import audit, players
from scoreboard.storage.database import Transaction
from scoreboard.usecases.change_role import record_role, set_role
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.revocation import spread_revocation
from scoreboard.usecases.sign_in import check_credentials


async def create_account(platform: Platform, username: str, password: str, role: Role) -> Player:
    """Open an account with this role, or give the role and this password to the account with that name.

    An account that was there loses its sessions: they were opened with another password.

    Raises:
        Refusal: VALIDATION_ERROR for an unusable name or password.
        StoreUnavailable: nothing was created.
    """
    check_credentials(username, password)
    passwords = Passwords(threads=1, queue=1)
    try:
        password_hash = await passwords.hash(password)
    finally:
        passwords.close()
    player_id = new_id()

    async def work(tx: Transaction) -> tuple[Player, SessionsRevoked | None]:
        player = await players.add(tx, player_id, username, role, email=None, password_hash=password_hash)
        if player is not None:
            await audit.record(tx, "player.created", str(player.id), detail={"role": str(role)})
            return player, None
        known = await players.lock_by_username(tx, username)
        if known is None:
            raise Refusal(ErrorCode.CONFLICT, "This name is taken.")
        await players.set_password(tx, known.id, password_hash)
        message = await set_role(tx, known, role, "password_changed")
        await record_role(tx, known, role, by="command line, with a new password")
        return known, message

    player, message = await platform.database.transact(work)
    if message is not None:
        await spread_revocation(platform, message)
    return player
