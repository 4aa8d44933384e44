"""Who is hidden, suspended or banned is seen in no closed season either; who is restored has the old place again."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
import pytest_asyncio

from scoreboard.domain.board import RankStyle
from scoreboard.domain.player import PlayerStatus
from scoreboard.domain.season import SeasonStatus
from scoreboard.storage import scores, seasons, standings
from scoreboard.storage.database import Transaction
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.configure import configure
from scoreboard.usecases.run_seasons import run_seasons
from tests.conftest import Api, open_api
from tests.integration.test_seasons import BOARDS, KINDS, end
from tests.stage import Person, Stores, register


@pytest_asyncio.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, SCOREBOARD_CATALOG_TTL="0.01", SCOREBOARD_SEASON_CLOSE_GRACE="0") as opened:
        await configure(opened.platform, BOARDS, KINDS, managed_by="test")
        await run_seasons(opened.platform)
        yield opened


async def play(api: Api, points: int) -> Person:
    person = await register(api.client)
    body = {"action_id": person.id, "kind": "run", "points": points}
    assert (await person.post("/api/v1/scores/update", body)).status_code == 200
    return person


async def shown(api: Api, season: int) -> list[tuple[int, str]]:
    page = (await api.client.get("/api/v1/boards/weekly/entries", params={"season": season})).json()
    assert page["season"]["status"] == "closed"
    assert page["total"] == len(page["entries"])
    return [(entry["rank"], entry["username"]) for entry in page["entries"]]


@pytest.mark.parametrize("style", list(RankStyle))
async def test_places_are_those_of_a_season_in_which_the_concealed_never_played(api: Api, style: RankStyle) -> None:
    chance = random.Random(str(style))
    players = [UUID((await play(api, chance.choice([1, 2, 3]))).id) for _ in range(9)]
    board = replace((await api.platform.catalog.boards())["weekly"], rank_style=style)
    [row] = await api.sql("SELECT id FROM seasons WHERE board_key = 'weekly' AND status = 'open'")

    async def work(tx: Transaction) -> None:
        closed = replace((await seasons.find_many(tx, {row.id}))[row.id], status=SeasonStatus.CLOSED)
        for player in chance.sample(players, 3):
            await scores.set_visible(tx, player, visible=False)
        assert await standings.save_final(tx, board, closed.id) == len(players)
        for _ in range(12):
            concealed = set(chance.sample(players, chance.randrange(len(players) + 1)))
            for player in players:
                await scores.set_visible(tx, player, visible=player not in concealed)
            expected = await standings.page(tx, board, closed.id, 0, 99)
            assert await standings.final_page(tx, closed, 0, 99) == expected
            assert await standings.final_page(tx, closed, 2, 3) == expected[2:5]
            assert await standings.final_total(tx, closed) == len(expected)
            places = await standings.of_players(tx, board, closed.id, players)
            assert await standings.final_of_players(tx, closed, players) == places

    await api.platform.database.transact(work)


async def test_a_ban_reaches_the_archive_at_once_and_a_pardon_too(api: Api) -> None:
    ada, bob = await play(api, 9), await play(api, 5)
    [row] = await api.sql("SELECT id FROM seasons WHERE board_key = 'weekly' AND status = 'open'")
    await end(api, "weekly")
    assert await run_seasons(api.platform) > 0
    api.platform.catalog.invalidate()

    assert await shown(api, row.id) == [(1, ada.username), (2, bob.username)]
    await change_status(api.platform, ada.username, PlayerStatus.BANNED, by="test")
    assert await shown(api, row.id) == [(1, bob.username)]
    await change_status(api.platform, ada.username, PlayerStatus.ACTIVE, by="test")
    assert await shown(api, row.id) == [(1, ada.username), (2, bob.username)]


async def test_who_is_cleared_after_the_season_closed_has_a_place_in_it(api: Api) -> None:
    ada, bob = await play(api, 9), await play(api, 5)
    [row] = await api.sql("SELECT id FROM seasons WHERE board_key = 'weekly' AND status = 'open'")
    await change_status(api.platform, ada.username, PlayerStatus.SUSPENDED, by="test")
    await end(api, "weekly")
    assert await run_seasons(api.platform) > 0
    api.platform.catalog.invalidate()
    assert await shown(api, row.id) == [(1, bob.username)]
    await change_status(api.platform, ada.username, PlayerStatus.ACTIVE, by="test")
    assert await shown(api, row.id) == [(1, ada.username), (2, bob.username)]
