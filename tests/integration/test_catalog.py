"""What a process knows of boards: what was declared a moment ago elsewhere is there, and made-up names cost little."""

import asyncio
import itertools

import pytest

from scoreboard.domain.board import Board
from scoreboard.domain.errors import Refusal
from scoreboard.storage import catalog as catalog_rows
from scoreboard.storage.database import Transaction
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import open_platform
from tests.conftest import Api


async def test_a_board_is_there_as_soon_as_it_is_declared_elsewhere(api: Api) -> None:
    elsewhere = open_platform(api.platform.settings, application="elsewhere")
    try:
        for index in range(5):
            board = Board(f"late{index}", "Late")
            with pytest.raises(Refusal):
                await api.platform.catalog.board(board.key)
            await configure(elsewhere, [board], [], managed_by="test")
            assert await api.platform.catalog.board(board.key) == board
    finally:
        await elsewhere.close()


async def test_made_up_names_share_a_look_and_looks_are_a_tenth_of_a_second_apart(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, catalog, looks = asyncio.get_running_loop(), api.platform.catalog, []
    boards = catalog_rows.current_boards

    async def counted(tx: Transaction) -> list[Board]:
        looks.append(loop.time())
        return await boards(tx)

    monkeypatch.setattr(catalog_rows, "current_boards", counted)

    async def ask(name: str) -> None:
        with pytest.raises(Refusal):
            await catalog.board(name)

    async def keep_asking(name: str) -> None:
        until = loop.time() + 0.5
        while loop.time() < until:
            await ask(name)

    await asyncio.gather(*(keep_asking(f"made-up-{index}") for index in range(20)))
    # Up to six fit into half a second, and one more is under way for those who asked just before its end.
    assert 2 <= len(looks) <= 7
    assert all(later - earlier > 0.09 for earlier, later in itertools.pairwise(looks))
