"""Work that goes on when the request that wanted it gives up at its deadline: corrections of many thousand actions.

A request that comes again with the same key joins the work that is under way in this process; in another process it
waits for the same rows, and is answered IDEMPOTENCY_KEY_IN_FLIGHT or, later, with the stored reply.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast
from uuid import UUID

T = TypeVar("T")


class Steady:
    """The work of one process that outlives its requests."""

    def __init__(self) -> None:
        self._running: dict[tuple[UUID, str, bytes], asyncio.Task[object]] = {}

    async def run(self, player_id: UUID, key: str, fingerprint: bytes, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work, or wait for the same that is under way. Being cancelled ends the waiting, not the work.

        Raises:
            Whatever the work raises.
        """
        name = (player_id, key, fingerprint)
        task = self._running.get(name)
        if task is None:
            task = asyncio.get_running_loop().create_task(_run(work))
            self._running[name] = task
            task.add_done_callback(lambda done: self._forget(name, done))
        return cast(T, await asyncio.shield(task))

    def _forget(self, name: tuple[UUID, str, bytes], done: "asyncio.Task[object]") -> None:
        self._running.pop(name, None)
        if not done.cancelled():
            done.exception()  # whoever waited has it; without anybody it is not news to the event loop either

    async def finish(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
