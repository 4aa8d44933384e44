"""A running platform's parts for the stateful test, driven from a thread of its own."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from typing import TypeVar

import pytest

from scoreboard.domain.action import ActionKind
from scoreboard.usecases.configure import configure
from tests.arena import BOARDS, KINDS, open_arena
from tests.stage import Stores

T = TypeVar("T")
EVERYWHERE = tuple(board.key for board in BOARDS)
MORE = (
    ActionKind("match", "Match", min_points=-9, max_points=9, boards=EVERYWHERE),
    ActionKind("once", "Once", min_points=-9, max_points=9, once=True, direct=True, boards=("sum", "best")),
    ActionKind("rest", "With a pause", min_points=-9, max_points=9, cooldown_s=3600, direct=True, boards=("low",)),
    ActionKind("twice", "Twice", min_points=-9, max_points=9, attempts=2, direct=True, boards=("sum", "newest")),
)


class Theatre:
    """One arena for all runs, in a loop of its own: every run has players of its own in it."""

    def __init__(self, stores: Stores) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.arena = self.do(self._stack.enter_async_context(open_arena(stores)))
        self.do(configure(self.arena.platform, BOARDS, (*KINDS, *MORE), managed_by="test"))

    def do(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return self._runner.run(waited())

    def close(self) -> None:
        self.do(self._stack.aclose())
        self._runner.close()


@pytest.fixture
def theatre(stores: Stores) -> Iterator[Theatre]:
    opened = Theatre(stores)
    yield opened
    opened.close()
