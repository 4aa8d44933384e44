"""Make the first administrator, from the command line of somebody who holds the database's credentials."""

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player, Role
from scoreboard.security.identifiers import new_id
from scoreboard.security.passwords import Passwords
from scoreboard.storage import audit, players
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.sign_in import check_credentials


async def create_admin(platform: Platform, username: str, password: str) -> Player:
    """Open an account with the role admin, or give that role and this password to an existing account.

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

    async def work(tx: Transaction) -> Player:
        player = await players.add(tx, new_id(), username, Role.ADMIN, email=None, password_hash=password_hash)
        if player is None:
            player = await players.find_by_username(tx, username)
            if player is None:
                raise Refusal(ErrorCode.CONFLICT, "This name is taken.")
            await players.set_role(tx, player.id, Role.ADMIN)
            await players.set_password(tx, player.id, password_hash)
        await audit.record(tx, "player.made_admin", str(player.id), detail={"username": player.username})
        return player

    return await platform.database.transact(work)
