"""Security incidents: who failed to prove an identity too often, from where. Addresses are forgotten in part later."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Interface, IPv6Interface
from uuid import UUID

from scoreboard.storage.database import Transaction

_ADD = (
    "INSERT INTO security_incidents (id, what, address, player_id, failures, first_at, last_at, blocked_until)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING"
)
# IPv4 keeps its first 24 bits and IPv6 its first 48: a network, not a household.
_TRUNCATE = (
    "UPDATE security_incidents SET address = network(set_masklen(address, CASE family(address) WHEN 4 THEN 24 ELSE 48"
    " END)) WHERE last_at < clock_timestamp() - make_interval(days => $1)"
    " AND masklen(address) > CASE family(address) WHEN 4 THEN 24 ELSE 48 END RETURNING 1"
)


@dataclass(frozen=True, slots=True)
class Incident:
    """Too many failures of one address, or of one player; exactly one of the two is set.

    ``what`` names the kinds of failure, the most frequent first. An IPv6 address is its network of 64 bits.
    """

    id: UUID
    what: str
    address: IPv4Interface | IPv6Interface | None
    player_id: UUID | None
    failures: int
    first_at: datetime
    last_at: datetime
    blocked_until: datetime


async def add(tx: Transaction, incident: Incident) -> None:
    """Store an incident; storing it again changes nothing."""
    await tx.fetch(
        _ADD,
        incident.id,
        incident.what,
        incident.address,
        incident.player_id,
        incident.failures,
        incident.first_at,
        incident.last_at,
        incident.blocked_until,
    )


async def truncate_addresses(tx: Transaction, older_than_days: int) -> int:
    """Keep of addresses that are older than so many days only the network. Returns how many were shortened."""
    return len(await tx.fetch(_TRUNCATE, older_than_days))
