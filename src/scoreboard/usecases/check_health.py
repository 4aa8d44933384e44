"""How the stores are: what readiness probes and the status page answer."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from scoreboard import telemetry
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import schema_revision
from scoreboard.storage.database import StoreUnavailable
from scoreboard.usecases.platform import Platform

_log = structlog.get_logger("scoreboard.health")
_UNKNOWN = "unknown"  # no database has answered yet
_SCHEMA = {None: "missing", schema_revision.UNREADABLE: "no rights"}
_NO_RIGHTS = "this login has no rights in the schema: it must be a member of scoreboard_writer, made by the migrations"
_NOT_FIT = "schema does not fit: run the migrations of this version"


@dataclass(slots=True)
class Health:
    """Readiness of one process: ok, degraded (one store is away) or unavailable.

    Unavailable: both are away, the database was never yet reached, or its schema lacks what this version needs.
    A store counts as away only after it failed twice in a row, so that one lost packet does not take a pod out.
    One that hangs has failed too: whoever asks is answered within ``health_timeout`` for each, sooner than a probe
    gives up, or all pods would be taken out although they could go on without that store. Whoever asks while an answer
    is awaited takes that one, so several who ask at once do not turn one failure into two.
    """

    platform: Platform
    _failures: dict[str, int] = field(default_factory=dict)
    _connected: bool = False
    _schema: str | None = _UNKNOWN
    _asked: dict[str, asyncio.Task[bool]] = field(default_factory=dict)
    _looking: "asyncio.Task[tuple[str, dict[str, str]]] | None" = None

    async def check(self) -> tuple[str, dict[str, str]]:
        """The state and that of each store; of the schema too where it does not fit. Never raises."""
        if self._looking is None or self._looking.done():
            self._looking = telemetry.start_nobodys_task(self._look())
        state, stores = await asyncio.shield(self._looking)
        return state, dict(stores)

    async def _look(self) -> tuple[str, dict[str, str]]:
        database, redis = await asyncio.gather(self._ask("database", self._database), self._ask("redis", self._redis))
        stores = {"database": self._judge("database", database), "redis": self._judge("redis", redis)}
        self._connected = self._connected or database
        away = [name for name, state in stores.items() if state != "ok"]
        fits = schema_revision.suffices(self._schema)
        if self._connected and not fits:
            stores["schema"] = _SCHEMA.get(self._schema, "outdated")
        if not self._connected or not fits or len(away) == 2:
            return "unavailable", stores
        return ("degraded" if away else "ok"), stores

    def _judge(self, store: str, healthy: bool) -> str:
        self._failures[store] = 0 if healthy else self._failures.get(store, 0) + 1
        return "ok" if self._failures[store] < (2 if self._connected else 1) else "unavailable"

    async def _ask(self, store: str, question: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Wait a moment for the answer. A question that still waits is not put again: a second one would wait too."""
        task = self._asked.get(store)
        if task is None or task.done():
            task = self._asked[store] = asyncio.get_running_loop().create_task(question())
        done, _ = await asyncio.wait({task}, timeout=self.platform.settings.health_timeout)
        if not done or task.cancelled():
            return False
        error = task.exception()
        if error is None:
            return task.result()
        if not self._failures.get(store):  # once, not with every probe
            _log.error("a store cannot be asked how it is", store=store, exc_info=error)
        return False

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
        unfit = _NO_RIGHTS if revision == schema_revision.UNREADABLE else _NOT_FIT
        tell("schema fits" if fits else unfit, revision=revision or "none", needed=schema_revision.NEEDED)

    async def _redis(self) -> bool:
        try:
            await self.platform.live.ping()
        except LiveUnavailable:
            return False
        return True
