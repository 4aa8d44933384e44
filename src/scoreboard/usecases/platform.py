"""What a use case works with: settings, stores, keys. Each process builds one and hands it on."""

import asyncio
from dataclasses import dataclass

from scoreboard.domain.events import Verdict
from scoreboard.domain.policy import AntiCheatPolicy, AtDeadline, Mode
from scoreboard.live.redis_link import Live
from scoreboard.security.derived_keys import derive_key
from scoreboard.settings import Settings
from scoreboard.storage.database import Database
from scoreboard.usecases.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Platform:
    """The stores and keys of one process. ``past_reads`` lets in as many readers of past boards as may be at once."""

    settings: Settings
    database: Database
    live: Live
    catalog: Catalog
    action_token_key: bytes
    refresh_token_key: bytes
    past_reads: asyncio.Semaphore

    async def close(self) -> None:
        """Close every connection."""
        await self.catalog.close()
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
        catalog=Catalog(database, settings.catalog_ttl, settings.catalog_wait, fallback_policy(settings)),
        action_token_key=derive_key(master, "action-token"),
        refresh_token_key=derive_key(master, "refresh-token"),
        past_reads=asyncio.Semaphore(settings.past_reads_at_once),
    )


def fallback_policy(settings: Settings) -> AntiCheatPolicy:
    """The anti-cheat policy that counts where none was declared."""
    return AntiCheatPolicy(
        "settings",
        mode=Mode(settings.anticheat_mode),
        flag=settings.suspicion_flag,
        hold=settings.suspicion_hold,
        suspend=settings.suspicion_suspend,
        half_life_s=settings.suspicion_half_life,
        suspension_s=settings.automatic_suspension_hours * 3600,
        suspensions_per_hour=settings.automatic_suspensions_per_hour,
        review_s=settings.review_hours * 3600,
        at_deadline=AtDeadline(settings.review_deadline),
        model=Verdict(settings.model_gravest),
    )
