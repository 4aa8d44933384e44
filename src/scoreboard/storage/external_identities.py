"""Which player somebody is who comes from an external identity provider."""

from uuid import UUID

from scoreboard.storage.database import Transaction

_FIND = "SELECT player_id FROM external_identities WHERE issuer = $1 AND subject = $2"
_ADD = (
    "INSERT INTO external_identities (issuer, subject, player_id) VALUES ($1, $2, $3)"
    " ON CONFLICT DO NOTHING RETURNING player_id"
)


async def find_player(tx: Transaction, issuer: str, subject: str) -> UUID | None:
    """The player of this person there; None at first sight."""
    rows = await tx.fetch(_FIND, issuer, subject)
    return rows[0]["player_id"] if rows else None


async def add(tx: Transaction, issuer: str, subject: str, player_id: UUID) -> bool:
    """Tie a person there to a player here, for good. False: another transaction has just done so."""
    return bool(await tx.fetch(_ADD, issuer, subject, player_id))
