"""A file system without room for the busiest tables. It has to be mounted, which not everybody may do."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.ground import Ground


async def command(*words: str) -> int:
    """Run a program; its exit status."""
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return await process.wait()


_TABLES = ("ledger", "actions", "idempotency_keys")
_ROOM = 16 * 2**20
"""For what is written before there is none left, beside what earlier faults have written."""


@asynccontextmanager
async def small_disk(ground: Ground) -> AsyncIterator[Path]:
    """The busiest tables on a file system of their own. Skips the test where none can be made."""
    folder = ground.folder / "small"
    folder.mkdir()
    [there] = await ground.sql(
        f"SELECT sum(pg_table_size(name::regclass)) AS size FROM unnest(array{list(_TABLES)}) name"
    )
    mount = ["mount", "-t", "tmpfs", "-o", f"size={there['size'] + _ROOM}", "tmpfs", str(folder)]
    if os.geteuid() or await command(*mount):
        pytest.skip("a file system that is full needs the right to mount one")
    try:
        owner = (ground.stores.postgres.directory / "data").stat().st_uid
        os.chown(folder, owner, -1)
        await ground.sql(f"CREATE TABLESPACE small LOCATION '{folder}'")
        for table in _TABLES:
            await ground.sql(f"ALTER TABLE {table} SET TABLESPACE small")
        yield folder
        for table in _TABLES:
            await ground.sql(f"ALTER TABLE {table} SET TABLESPACE pg_default")
        await ground.sql("DROP TABLESPACE small")
    finally:
        assert await command("umount", "-l", str(folder)) == 0


def fill_up(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return
