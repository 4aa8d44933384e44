"""How the stores are: what readiness probes and the status page answer."""

import asyncio
from dataclasses import dataclass, field

import structlog

from scoreboard import telemetry
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import schema_revision
from scoreboard.storage.database import StoreUnavailable
from scoreboard.usecases.platform import Platform

_log = structlog.get_logger("scoreboard.health")
_UNKNOWN = "unknown"  # no database has answered yet


@dataclass(slots=True)
class Health:
    """Readiness of one process: ok, degraded (one store is away) or unavailable.

    Unavailable: both are away, the database was never yet reached, or its schema lacks what this version needs.
    A store counts as away only after it failed twice in a row, so that one lost packet does not take a pod out.
    """

    platform: Platform
    _failures: dict[str, int] = field(default_factory=dict)
    _connected: bool = False
    _schema: str | None = _UNKNOWN

    async def check(self) -> tuple[str, dict[str, str]]:
        """The state and that of each store; of the schema too where it does not fit. Never raises."""
        database, redis = await asyncio.gather(self._database(), self._redis())
        stores = {"database": self._judge("database", database), "redis": self._judge("redis", redis)}
        self._connected = self._connected or database
        away = [name for name, state in stores.items() if state != "ok"]
        fits = schema_revision.suffices(self._schema)
        if self._connected and not fits:
            stores["schema"] = "missing" if self._schema is None else "outdated"
        if not self._connected or not fits or len(away) == 2:
            return "unavailable", stores
        return ("degraded" if away else "ok"), stores

    def _judge(self, store: str, healthy: bool) -> str:
        self._failures[store] = 0 if healthy else self._failures.get(store, 0) + 1
        return "ok" if self._failures[store] < (2 if self._connected else 1) else "unavailable"

    async def _database(self) -> bool:
        try:
            revision = await self.platform.database.transact(schema_revision.applied)
        except StoreUnavailable:
            return False
        if revision != self._schema:
            self._note(revision)
        return True

    def _note(self, revision: str | None) -> None:
        """The schema was seen for the first time, or it is another one than before."""
        self._schema = revision
        fits = schema_revision.suffices(revision)
        telemetry.SCHEMA_MISMATCH.set(not fits)
        telemetry.SCHEMA_INFO.clear()
        telemetry.SCHEMA_INFO.labels(revision or "none", schema_revision.NEEDED).set(1)
        tell = _log.info if fits else _log.error
        words = "schema fits" if fits else "schema does not fit: run the migrations of this version"
        tell(words, revision=revision or "none", needed=schema_revision.NEEDED)

    async def _redis(self) -> bool:
        try:
            await self.platform.live.ping()
        except LiveUnavailable:
            return False
        return True
