"""A player replaces the password. Everybody who was signed in has to prove themselves anew, within a second."""

from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player, require_playing
from scoreboard.live.bus import SessionsRevoked
from scoreboard.security import refresh_token
from scoreboard.security.identifiers import new_id
from scoreboard.security.passwords import password_fault
from scoreboard.storage import audit, players
from scoreboard.storage.database import Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.revocation import end_sessions, spread_revocation
from scoreboard.usecases.sign_in import SignedIn, SignIn, require_usable


async def change_password(
    sign_in: SignIn, player_id: UUID, session_id: UUID, current: str, new: str, *, request_id: str | None
) -> SignedIn:
    """Replace the password and end all of the player's sessions, the asking one included.

    The player gets a fresh one: who changes a password because a token was stolen must not keep the stolen one alive.

    Args:
        sign_in: what signing in needs.
        player_id: the player who asks.
        session_id: the session that asks; it must still be alive when the change is made.
        current: the password until now.
        new: the password from now on.
        request_id: for the audit log.

    Raises:
        Refusal: VALIDATION_ERROR for an unusable password, INVALID_CREDENTIALS for a wrong current one, FORBIDDEN for
            an account without a password, TOKEN_REVOKED, ACCOUNT_SUSPENDED, ACCOUNT_BANNED or OVERLOADED.
        StoreUnavailable: the old password stays.
    """
    database = sign_in.platform.database

    async def look(tx: Transaction) -> tuple[Player | None, str | None]:
        return await players.find(tx, player_id), await players.password_hash(tx, player_id)

    player, old_hash = await database.transact(look)
    if player is None:
        raise _gone()
    if old_hash is None:
        words = "This account has no password here: it signs in with its identity provider. Change it there."
        raise Refusal(ErrorCode.FORBIDDEN, words)
    fault = "This is the password that you have." if new == current else password_fault(new, player.username)
    require_usable({"/new_password": fault})
    if not await sign_in.passwords.verify(old_hash, current):
        telemetry.AUTH_EVENTS.labels("failed").inc()
        raise _wrong()
    new_hash = await sign_in.passwords.hash(new)
    fresh_id, refresh = new_id(), refresh_token.first()

    async def work(tx: Transaction) -> tuple[Player, SessionsRevoked]:
        locked = await players.lock(tx, player_id)
        if locked is None:
            raise _gone()
        stored = await players.password_hash(tx, player_id)
        if stored == new_hash:  # this very request: its commit was answered by a lost connection
            return locked, SessionsRevoked(player_id, (), "password_changed")
        if stored != old_hash:
            raise _wrong()
        require_playing(locked, utc_now())
        await players.set_password(tx, player_id, new_hash)
        message = await end_sessions(tx, player_id, None, "password_changed")
        if session_id not in message.session_ids:
            raise Refusal(ErrorCode.TOKEN_REVOKED, "This session was ended. Please log in again.")
        await sign_in.open_session(tx, fresh_id, player_id, refresh)
        ended = [str(each) for each in message.session_ids]
        await audit.record(
            tx,
            "player.password_changed",
            str(player_id),
            actor_id=player_id,
            actor_role=locked.role,
            detail={"sessions": ended},
            request_id=request_id,
        )
        return locked, message

    changed, message = await database.transact(work)
    await spread_revocation(sign_in.platform, message)
    telemetry.AUTH_EVENTS.labels("password_changed").inc()
    return sign_in.signed_in(changed, fresh_id, refresh)


def _wrong() -> Refusal:
    return Refusal(ErrorCode.INVALID_CREDENTIALS, "The current password is wrong.")


def _gone() -> Refusal:
    return Refusal(ErrorCode.INVALID_TOKEN, "This account does not exist any more.")
