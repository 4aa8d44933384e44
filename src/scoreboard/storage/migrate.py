"""Brings the schema up to date. Called by ``scoreboard migrate``, ``scoreboard up`` and the tests."""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from scoreboard.storage import schema_revision
from scoreboard.storage.database import driver_url
from scoreboard.storage.privileges import grant_writer, has_writer

# Any number will do as long as nobody else uses it: two migrations at once must take turns.
_ADVISORY_LOCK = 7_206_402_101
_LOCK_TIMEOUT = "2s"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def head_revision() -> str:
    """The revision that this version of the code expects."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migrations")
    return revision


@dataclass(frozen=True, slots=True)
class Migrated:
    """How a database stands after :func:`migrate`.

    Attributes:
        newer: a later version of this software has migrated it, and nothing was done: this version runs on it as it is.
        has_writer: there is a role for the services with no more rights than they need (see ``storage.privileges``).
    """

    newer: bool
    has_writer: bool


def _upgrade(connection: Connection) -> Migrated:
    applied = MigrationContext.configure(connection).get_current_revision()
    # After a rollback, and for a pod of the former version that starts during an upgrade. Its own table of rights is
    # older too: granting by it would take from the later version what that needs.
    if applied is not None and schema_revision.is_newer(applied):
        return Migrated(newer=True, has_writer=has_writer(connection))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return Migrated(newer=False, has_writer=grant_writer(connection))


async def migrate(database_url: str) -> Migrated:
    """Apply every pending migration. Waits for another migration that is under way; safe to repeat.

    Raises:
        sqlalchemy.exc.DBAPIError, OSError: Postgres refused or cannot be reached; nothing was applied.
    """
    engine = create_async_engine(driver_url(database_url))
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            await connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT}'"))
            await connection.commit()
            migrated = await connection.run_sync(_upgrade)
            await connection.commit()
            return migrated
    finally:
        await engine.dispose()


def upgrade(database_url: str) -> Migrated:
    """The same for callers without an event loop."""
    import asyncio

    return asyncio.run(migrate(database_url))
