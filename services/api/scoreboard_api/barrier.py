"""The first barrier: limits of the process and of each address, before anybody knows whose request it is.

It costs no I/O, so a flood is refused for less than it takes to send it. Each replica grants its share.
"""

import asyncio

from scoreboard.domain.errors import ErrorCode
from scoreboard.live.gcra import Limit, LocalLimits
from scoreboard.live.guard import LimitedBucket, limited
from scoreboard.settings import Settings
from scoreboard_api.incidents import Incidents


class Barrier:
    """One for each process."""

    def __init__(self, settings: Settings, incidents: Incidents) -> None:
        self._all = Limit(settings.global_rate, settings.global_burst)
        self._address = Limit(settings.address_rate, settings.address_burst).share(settings.replicas)
        self._limits = LocalLimits()
        self._incidents = incidents

    def admit(self, address: str | None) -> None:
        """Take from the limit of the process and from that of the address, from both or from neither.

        Args:
            address: None where only the process counts.

        Raises:
            Refusal: TOO_MANY_REQUESTS, also for an address that is blocked; that takes nothing from any limit.
        """
        if address is not None:
            self._incidents.require_unblocked_address(address)
        wanted = [("global:all", self._all)]
        if address is not None:
            wanted.append((f"address:{address}", self._address))
        refused = self._limits.take(wanted, asyncio.get_running_loop().time())
        if refused is not None:
            wait, index = refused
            name, limit = wanted[index]
            scope, _, subject = name.partition(":")
            raise limited(LimitedBucket(scope, subject, limit, ErrorCode.TOO_MANY_REQUESTS), wait)
