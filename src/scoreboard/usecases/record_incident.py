"""Record a security incident: one log line, one metric, one row."""

from ipaddress import IPv4Interface, IPv6Interface, ip_network

import structlog

from scoreboard import telemetry
from scoreboard.storage import incidents
from scoreboard.storage.incidents import Incident
from scoreboard.usecases.platform import Platform

_log = structlog.get_logger("scoreboard.security")
_KEPT_BITS = {4: 24, 6: 48}


def announce_incident(incident: Incident) -> None:
    """Write the line and count it. A log keeps what it is told, so the line has only the network of an address."""
    subject = "address" if incident.address is not None else "player"
    telemetry.SECURITY_INCIDENTS.labels(subject).inc()
    _log.warning(
        "security_incident",
        incident=str(incident.id),
        what=incident.what,
        subject=subject,
        network=None if incident.address is None else network_of(incident.address),
        player=None if incident.player_id is None else str(incident.player_id),
        failures=incident.failures,
        first_at=incident.first_at.isoformat(),
        last_at=incident.last_at.isoformat(),
        blocked_until=incident.blocked_until.isoformat(),
    )


def network_of(address: IPv4Interface | IPv6Interface) -> str:
    """The part of an address that may be kept: 24 bits of IPv4, 48 of IPv6."""
    return str(ip_network((address.ip, _KEPT_BITS[address.version]), strict=False))


async def save_incident(platform: Platform, incident: Incident) -> None:
    """Store the row. Raises StoreUnavailable: try again, the same incident is stored once."""
    await platform.database.transact(lambda tx: incidents.add(tx, incident))
