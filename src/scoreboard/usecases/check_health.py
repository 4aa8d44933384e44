"""How the stores are: what readiness probes and the status page answer."""

import asyncio
from dataclasses import dataclass, field

from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage.database import StoreUnavailable
from scoreboard.usecases.platform import Platform


@dataclass(slots=True)
class Health:
    """Readiness of one process: ok, degraded (one store is away) or unavailable (both, or never yet connected).

    A store counts as away only after it failed twice in a row, so that one lost packet does not take a pod out.
    """

    platform: Platform
    _failures: dict[str, int] = field(default_factory=dict)
    _connected: bool = False

    async def check(self) -> tuple[str, dict[str, str]]:
        """The state and that of each store. Never raises."""
        database, redis = await asyncio.gather(self._database(), self._redis())
        stores = {"database": self._judge("database", database), "redis": self._judge("redis", redis)}
        self._connected = self._connected or database
        away = [name for name, state in stores.items() if state != "ok"]
        if not self._connected or len(away) == len(stores):
            return "unavailable", stores
        return ("degraded" if away else "ok"), stores

    async def status(self) -> str:
        """The state alone."""
        return (await self.check())[0]

    def _judge(self, store: str, healthy: bool) -> str:
        self._failures[store] = 0 if healthy else self._failures.get(store, 0) + 1
        return "ok" if self._failures[store] < (2 if self._connected else 1) else "unavailable"

    async def _database(self) -> bool:
        try:
            await self.platform.database.ping()
        except StoreUnavailable:
            return False
        return True

    async def _redis(self) -> bool:
        try:
            await self.platform.live.ping()
        except LiveUnavailable:
            return False
        return True
