"""Accounts and sessions: register, log in, refresh, log out, revoke.

A session is one row in Postgres; its refresh tokens form a family. Revoking it is announced at once on the control
channel and marked in Redis; the outbox repeats it should Redis be away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player, Role, require_playing, username_fault
from scoreboard.live.bus import SessionsRevoked
from scoreboard.security import refresh_token
from scoreboard.security.access_token import AccessTokens
from scoreboard.security.derived_keys import derive_key
from scoreboard.security.identifiers import new_id
from scoreboard.security.passwords import Passwords, password_fault
from scoreboard.storage import audit, players, sessions
from scoreboard.storage.database import Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.revocation import end_sessions, spread_revocation

_NOT_PLAYERS = (Role.SERVICE, Role.PLATFORM_CONFIG)
"""Who has no place at an identity provider: game servers and the operator. The command line makes their accounts."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session as its owner gets it. Lifetimes in seconds; ``signing_key`` signs requests of this session."""

    player: Player
    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
    signing_key_id: UUID
    signing_key: bytes


@dataclass(frozen=True, slots=True)
class SignIn:
    """What signing in needs beside the stores."""

    platform: Platform
    tokens: AccessTokens
    passwords: Passwords

    async def open_session(self, tx: Transaction, session_id: UUID, player_id: UUID, refresh: bytes) -> None:
        """Begin a session with its first refresh token, in the caller's transaction."""
        await sessions.open_session(tx, session_id, player_id, self.platform.settings.refresh_absolute_ttl)
        await sessions.add_refresh_token(tx, session_id, refresh_token.digest(refresh))

    def signed_in(self, player: Player, session_id: UUID, refresh: bytes) -> SignedIn:
        """What the owner of a session is handed, once the transaction that opened or renewed it is committed."""
        access, expires_in = self.tokens.issue(player.id, session_id, player.username, player.role)
        key = derive_key(self.platform.settings.master_key_bytes, f"request:{session_id}")
        idle = self.platform.settings.refresh_idle_ttl
        return SignedIn(player, access, expires_in, refresh_token.encode(refresh), idle, session_id, key)

    async def register(
        self,
        username: str,
        password: str,
        email: str | None,
        *,
        role: Role = Role.PLAYER,
        request_id: str | None = None,
    ) -> SignedIn:
        """Open an account and its first session.

        Raises:
            Refusal: VALIDATION_ERROR for an unusable name or password, CONFLICT when the name or the address is taken,
                FORBIDDEN where players come from an identity provider only, OVERLOADED.
            StoreUnavailable: nothing was created.
        """
        self._require_local_account(role)
        check_credentials(username, password)
        password_hash = await self.passwords.hash(password)
        player_id, session_id, refresh = new_id(), new_id(), refresh_token.first()
        # No mailbox tells Ada@ from ada@, so neither may open two accounts.
        address = email.lower() if email is not None else None

        async def work(tx: Transaction) -> Player:
            player = await players.add(tx, player_id, username, role, email=address, password_hash=password_hash)
            if player is None:
                return await _same_account(tx, player_id)
            await self.open_session(tx, session_id, player_id, refresh)
            await audit.record(
                tx, "player.registered", str(player_id), actor_id=player_id, actor_role=role, request_id=request_id
            )
            return player

        player = await self.platform.database.transact(work)
        telemetry.AUTH_EVENTS.labels("registered").inc()
        return self.signed_in(player, session_id, refresh)

    async def log_in(self, username: str, password: str) -> SignedIn:
        """Open a session. An unknown name and a wrong password take as long and read the same.

        Raises:
            Refusal: INVALID_CREDENTIALS, ACCOUNT_SUSPENDED, ACCOUNT_BANNED, OVERLOADED, or FORBIDDEN where players come
                from an identity provider only.
            StoreUnavailable: Postgres cannot be used.
        """
        found = await self.platform.database.transact(lambda tx: players.credentials(tx, username))
        player, password_hash = found if found is not None else (None, None)
        right = await self.passwords.verify(password_hash, password)
        if player is None or password_hash is None or not right:
            telemetry.AUTH_EVENTS.labels("failed").inc()
            raise wrong_credentials()
        self._require_local_account(player.role)
        renewed = await self.passwords.hash(password) if self.passwords.is_outdated(password_hash) else None
        session_id, refresh = new_id(), refresh_token.first()

        async def work(tx: Transaction) -> Player:
            # Once more, under a lock: while the password was checked it may have been changed, or the player banned,
            # and a session that opens after all others were ended would live on.
            current = await players.lock(tx, player.id)
            if current is None or await players.password_hash(tx, player.id) not in (password_hash, renewed):
                raise wrong_credentials()
            require_playing(current, utc_now())
            if renewed is not None:
                await players.renew_password_hash(tx, player.id, password_hash, renewed)
            await self.open_session(tx, session_id, player.id, refresh)
            return current

        current = await self.platform.database.transact(work)
        telemetry.AUTH_EVENTS.labels("logged_in").inc()
        return self.signed_in(current, session_id, refresh)

    def _require_local_account(self, role: Role) -> None:
        if not self.platform.settings.local_accounts and role not in _NOT_PLAYERS:
            words = "Players of this platform sign in with their identity provider, not with a password."
            raise Refusal(ErrorCode.FORBIDDEN, words)

    async def refresh(self, text: str, *, client: bytes) -> SignedIn:
        """Exchange a refresh token for its one successor and a new access token.

        The same token from the same kind of client within the leeway gives the same successor: the first answer may
        have been lost. Later, or from another kind of client, it is a sign of theft, and the whole session ends.

        Args:
            text: the token.
            client: what stays the same in a client while it repeats a request, see the route.

        Raises:
            Refusal: INVALID_TOKEN, TOKEN_EXPIRED, TOKEN_REVOKED, REFRESH_REUSED, ACCOUNT_SUSPENDED or ACCOUNT_BANNED.
            StoreUnavailable: Postgres cannot be used; the old token stays good.
        """
        token = refresh_token.decode(text)
        follower = refresh_token.successor(self.platform.refresh_token_key, token)

        async def work(tx: Transaction) -> tuple[Player, UUID] | SessionsRevoked:
            state = await sessions.lock_refresh_token(tx, refresh_token.digest(token))
            if state is None:
                raise Refusal(ErrorCode.INVALID_TOKEN, "This refresh token is not known here. Please log in again.")
            player = await players.find(tx, state.player_id)
            if player is None:
                raise Refusal(ErrorCode.INVALID_TOKEN, "This account does not exist any more.")
            require_playing(player, state.now)  # first: who is suspended shall hear so, not only that the session ended
            self._require_alive(state)
            if self._is_reuse(state, client):
                return await _revoke(tx, player, state.session_id, "refresh_reused", None)
            if state.used_at is None:
                await sessions.spend_refresh_token(tx, refresh_token.digest(token), state.session_id, client)
            await sessions.add_refresh_token(tx, state.session_id, refresh_token.digest(follower))
            return player, state.session_id

        outcome = await self.platform.database.transact(work)
        if isinstance(outcome, SessionsRevoked):
            await spread_revocation(self.platform, outcome)
            telemetry.AUTH_EVENTS.labels("refresh_reused").inc()
            raise Refusal(
                ErrorCode.REFRESH_REUSED, "This refresh token was used before. To be safe, the session has been ended."
            )
        telemetry.AUTH_EVENTS.labels("refreshed").inc()
        return self.signed_in(*outcome, follower)

    def _is_reuse(self, state: sessions.RefreshState, client: bytes) -> bool:
        if state.used_at is None:
            return False
        # Tokens that were spent before clients were noted have none.
        same_client = state.used_by is None or state.used_by == client
        return not same_client or state.now - state.used_at > timedelta(seconds=self.platform.settings.refresh_leeway)

    def _require_alive(self, state: sessions.RefreshState) -> None:
        if state.revoked_at is not None:
            raise Refusal(ErrorCode.TOKEN_REVOKED, "This session was ended. Please log in again.")
        idle = timedelta(seconds=self.platform.settings.refresh_idle_ttl)
        if state.now > state.expires_at or (state.used_at is None and state.now - state.issued_at > idle):
            raise Refusal(ErrorCode.TOKEN_EXPIRED, "This session has expired. Please log in again.")

    async def log_out(self, player_id: UUID, session_id: UUID, *, everywhere: bool, request_id: str | None) -> None:
        """End this session, or all of the player's. Access tokens and live connections die within a second.

        Raises:
            StoreUnavailable: nothing was ended.
        """
        target = None if everywhere else session_id

        async def work(tx: Transaction) -> SessionsRevoked:
            player = await players.find(tx, player_id)
            if player is None:
                return SessionsRevoked(player_id, (), "logged_out")
            return await _revoke(tx, player, target, "logged_out", request_id)

        message = await self.platform.database.transact(work)
        await spread_revocation(self.platform, message)
        telemetry.AUTH_EVENTS.labels("logged_out").inc()


def wrong_credentials() -> Refusal:
    """One sentence for an unknown name, a wrong password, and one that was changed a moment ago."""
    return Refusal(ErrorCode.INVALID_CREDENTIALS, "The name or the password is wrong.")


def check_credentials(username: str, password: str) -> None:
    """Whether a name and a password may be used. Raises Refusal VALIDATION_ERROR with pointers to the fields."""
    require_usable({"/username": username_fault(username), "/password": password_fault(password, username)})


def require_usable(faults: Mapping[str, str | None]) -> None:
    """Raise Refusal VALIDATION_ERROR when a field has a fault. ``faults``: pointer to the field, and what is wrong."""
    errors = [{"pointer": pointer, "detail": fault} for pointer, fault in faults.items() if fault is not None]
    if errors:
        raise Refusal(ErrorCode.VALIDATION_ERROR, "Some fields cannot be used.", extra={"errors": errors})


async def _same_account(tx: Transaction, player_id: UUID) -> Player:
    """The account of this very request, when its first commit was answered by a lost connection."""
    player = await players.find(tx, player_id)
    if player is None:
        raise Refusal(ErrorCode.CONFLICT, "This name or e-mail address is taken.")
    return player


async def _revoke(
    tx: Transaction, player: Player, session_id: UUID | None, reason: str, request_id: str | None
) -> SessionsRevoked:
    message = await end_sessions(tx, player.id, session_id, reason)
    if message.session_ids:
        await audit.record(
            tx,
            "sessions.revoked",
            str(player.id),
            actor_id=player.id,
            actor_role=player.role,
            detail={"sessions": [str(ended) for ended in message.session_ids], "reason": reason},
            request_id=request_id,
        )
    return message
