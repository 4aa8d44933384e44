"""Which calls to the stores a platform in this process makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scoreboard.usecases.platform import Platform


@contextmanager
def store_calls(platform: Platform) -> Iterator[list[str]]:
    """The calls made within: the name of each script, ``postgres`` for each transaction."""
    live, database = platform.live, platform.database
    calls: list[str] = []
    run, transact = live.run, database.transact

    async def counted(script: Any, *arguments: Any) -> Any:
        calls.append(script.name)
        return await run(script, *arguments)

    async def counted_transact(work: Any) -> Any:
        calls.append("postgres")
        return await transact(work)

    live.run, database.transact = counted, counted_transact  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        live.run, database.transact = run, transact  # type: ignore[method-assign]
