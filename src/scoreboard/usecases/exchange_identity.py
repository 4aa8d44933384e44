"""Somebody whom an external identity provider vouches for gets a session of ours, and a player at first sight.

The API calls it with an identity that ``security.external_token`` has verified.
"""

from dataclasses import replace
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.player import Player, Role, require_playing
from scoreboard.domain.provider_name import usernames_for
from scoreboard.live.bus import SessionsRevoked
from scoreboard.security import refresh_token
from scoreboard.security.external_token import Identity
from scoreboard.security.identifiers import new_id
from scoreboard.storage import audit, external_identities, players
from scoreboard.storage.database import Contended, Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_role import record_role, set_role
from scoreboard.usecases.revocation import spread_revocation
from scoreboard.usecases.sign_in import SignedIn, SignIn


async def exchange_identity(sign_in: SignIn, identity: Identity, *, request_id: str | None) -> SignedIn:
    """Open a session for the player of this identity; the first time make that player.

    The provider's person and our player are tied by issuer and subject, never by name: who is called like a player of
    ours gets another name, not that account. Where the provider decides roles, a change there takes effect now and
    ends the sessions with the old one.

    Raises:
        Refusal: ACCOUNT_SUSPENDED or ACCOUNT_BANNED.
        StoreUnavailable: nothing was changed.
    """
    player_id, session_id, refresh = new_id(), new_id(), refresh_token.first()

    async def work(tx: Transaction) -> tuple[Player, SessionsRevoked | None]:
        known = await external_identities.find_player(tx, identity.issuer, identity.subject)
        if known is None:
            player = await _add(tx, identity, player_id)
            await sign_in.open_session(tx, session_id, player.id, refresh)
            await _record_registered(tx, identity, player, request_id)
            return player, None
        before = await players.lock(tx, known)
        if before is None:  # erased between the two looks
            raise Contended
        require_playing(before, utc_now())
        if identity.role is None or identity.role is before.role:
            await sign_in.open_session(tx, session_id, known, refresh)
            return before, None
        return await _with_role(tx, before, identity.role)

    async def _with_role(tx: Transaction, before: Player, role: Role) -> tuple[Player, SessionsRevoked]:
        message = await set_role(tx, before, role, "role_changed")
        await sign_in.open_session(tx, session_id, before.id, refresh)
        await record_role(tx, before, role, by=identity.issuer, request_id=request_id)
        return replace(before, role=role), message

    player, message = await sign_in.platform.database.transact(work)
    if message is not None:
        await spread_revocation(sign_in.platform, message)
    telemetry.AUTH_EVENTS.labels("exchanged").inc()
    return sign_in.signed_in(player, session_id, refresh)


async def _add(tx: Transaction, identity: Identity, player_id: UUID) -> Player:
    for username in usernames_for(identity.username, player_id.int):
        player = await players.add(
            tx, player_id, username, identity.role or Role.PLAYER, email=None, password_hash=None
        )
        if player is not None:
            # The same person, twice at the same moment: the other transaction's player is the one.
            if not await external_identities.add(tx, identity.issuer, identity.subject, player_id):
                raise Contended
            return player
    raise Contended


async def _record_registered(tx: Transaction, identity: Identity, player: Player, request_id: str | None) -> None:
    await audit.record(
        tx,
        "player.registered",
        str(player.id),
        actor_id=player.id,
        actor_role=player.role,
        detail={"issuer": identity.issuer},
        request_id=request_id,
    )
