"""Which schema the database has and which one this version needs, without the migrations' own library."""

from functools import cache
from pathlib import Path

from scoreboard.storage.database import Transaction

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_FIND = "SELECT max(version_num) FROM alembic_version"


@cache
def needed_revision() -> str:
    """The newest revision of this version of the code; revisions are numbered, and files begin with the number."""
    return max(path.name.split("_", 1)[0] for path in _VERSIONS.glob("[0-9]*.py"))


async def is_behind(tx: Transaction) -> bool:
    """Whether migrations are missing. A newer schema is fine: migrations add first and remove a version later."""
    if (await tx.fetch("SELECT to_regclass('alembic_version') IS NULL"))[0][0]:
        return True
    found: str | None = (await tx.fetch(_FIND))[0][0]
    return found is None or found < needed_revision()
