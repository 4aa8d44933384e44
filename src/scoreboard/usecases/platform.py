"""What a use case works with: settings, stores, keys. Each process builds one and hands it on."""

from dataclasses import dataclass

from scoreboard.live.redis_link import Live
from scoreboard.security.derived_keys import derive_key
from scoreboard.settings import Settings
from scoreboard.storage.database import Database
from scoreboard.usecases.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Platform:
    """The stores and keys of one process."""

    settings: Settings
    database: Database
    live: Live
    catalog: Catalog
    action_token_key: bytes
    refresh_token_key: bytes

    async def close(self) -> None:
        """Close every connection."""
        await self.live.close()
        await self.database.close()


def open_platform(settings: Settings, *, application: str) -> Platform:
    """Build a platform. Nothing is contacted yet: a process starts whether or not its stores are there.

    Args:
        settings: the process's settings.
        application: the name that Postgres shows for its connections.
    """
    database = Database(settings, application=application)
    master = settings.master_key_bytes
    return Platform(
        settings=settings,
        database=database,
        live=Live(settings),
        catalog=Catalog(database, settings.catalog_ttl),
        action_token_key=derive_key(master, "action-token"),
        refresh_token_key=derive_key(master, "refresh-token"),
    )
