"""A closed season that is ranked again while a player is suspended keeps that player's place."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest_asyncio

from scoreboard.domain.events import EntryType
from scoreboard.domain.player import PlayerStatus
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.configure import configure
from scoreboard.usecases.run_seasons import run_seasons
from tests.amending import amend
from tests.conftest import Api, open_api
from tests.integration.test_concealed_in_archive import play
from tests.integration.test_seasons import BOARDS, KINDS, end
from tests.ledger_check import check_ledger
from tests.stage import Stores


@pytest_asyncio.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, SCOREBOARD_CATALOG_TTL="0.01", SCOREBOARD_SEASON_CLOSE_GRACE="0") as opened:
        await configure(opened.platform, BOARDS, KINDS, managed_by="test")
        await run_seasons(opened.platform)
        yield opened


async def test_who_is_suspended_while_a_closed_season_is_ranked_again_has_the_place_back(api: Api) -> None:
    ada, bob, cy = await play(api, 9), await play(api, 5), await play(api, 3)
    [row] = await api.sql("SELECT id FROM seasons WHERE board_key = 'weekly' AND status = 'open'")
    await end(api, "weekly")
    assert await run_seasons(api.platform) > 0
    api.platform.catalog.invalidate()

    async def shown() -> list[str]:
        page = (await api.client.get("/api/v1/boards/weekly/entries", params={"season": row.id})).json()
        assert [entry["rank"] for entry in page["entries"]] == list(range(1, page["total"] + 1))
        return [entry["username"] for entry in page["entries"]]

    await change_status(api.platform, UUID(bob.id), PlayerStatus.SUSPENDED, by="test")
    [action] = await api.sql("SELECT id FROM actions WHERE player_id = CAST(:id AS uuid)", id=ada.id)
    await amend(api.platform, EntryType.VOIDED, action.id)
    assert await shown() == [cy.username]
    await change_status(api.platform, UUID(bob.id), PlayerStatus.ACTIVE, by="test")
    assert await shown() == [bob.username, cy.username]
    await amend(api.platform, EntryType.RESTORED, action.id)
    await change_status(api.platform, UUID(ada.id), PlayerStatus.BANNED, by="test")
    assert await shown() == [bob.username, cy.username]
    await check_ledger(api.platform, hidden=True)
