"""Which schema this version of the code needs, and which one the database has. Asked by ``usecases.check_health``.

Migrations only add (expand), so a version also runs on a newer schema; what is no longer needed is removed a version
later (contract). An older schema lacks what the code asks for.
"""

import asyncpg

from scoreboard.storage.database import Transaction

# The newest migration. Alembic, which could tell, is not among the services' libraries; a test compares.
NEEDED = "0014"
UNREADABLE = "unreadable"
"""In place of a revision: the schema is there, and this login has no rights in it."""


async def applied(tx: Transaction) -> str | None:
    """The revision of the database's schema; None while there is none, ``UNREADABLE`` without rights in it."""
    try:
        if not await tx.fetch("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL"):
            return None  # asked for without trying, which would write an error into the server's log
        rows = await tx.fetch("SELECT version_num FROM alembic_version")
    except asyncpg.InsufficientPrivilegeError:
        return UNREADABLE  # they are granted after the last migration: it is still under way, or the role is missing
    return str(rows[0][0]) if rows else None


def suffices(revision: str | None) -> bool:
    """Whether this version runs on it: the revision needed or a newer one. Revisions are numbers of four digits."""
    return revision is not None and revision.isdigit() and int(revision) >= int(NEEDED)


def is_newer(revision: str) -> bool:
    """Whether a later version than this one made the schema."""
    return revision.isdigit() and int(revision) > int(NEEDED)
