"""How a freeze ends or is moved, what commits around it, and what is refused."""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from scoreboard.domain.board import Board
from scoreboard.domain.errors import Refusal
from scoreboard.storage.database import Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.configure import configure
from scoreboard.usecases.freeze_boards import freeze_boards
from scoreboard.usecases.keep_snapshots import keep_snapshots
from scoreboard.usecases.run_seasons import run_seasons
from tests.conftest import Api, open_api
from tests.integration.test_freeze import DENSE, FROZEN_OF, Cup, cup, named
from tests.stage import Stores, register, until
from tests.store_calls import store_calls

__all__ = ["cup"]


async def test_all_is_revealed_at_the_end_and_when_the_freeze_is_taken_out(cup: Cup) -> None:
    real = named(cup, ("bob", 1, 35), ("ada", 2, 30))
    await freeze_boards(cup.api.platform)
    tag = (await cup.api.client.get(f"{DENSE}/top")).headers["etag"]
    await cup.declare(frozen_from=cup.since, frozen_until=utc_now() + timedelta(seconds=1.5))
    assert await cup.top() == named(cup, *FROZEN_OF)

    async def revealed() -> bool:
        return await cup.top() == real

    await until(revealed, what="the reveal at its moment")
    assert (await cup.api.client.get(f"{DENSE}/top", headers={"If-None-Match": tag})).status_code == 200
    await cup.declare(frozen_from=cup.since, frozen_until=None)
    assert await cup.top() == named(cup, *FROZEN_OF)
    await cup.declare(frozen_from=None)
    assert await cup.top() == real
    assert (await cup.api.client.get(DENSE)).json()["frozen_from"] is None


async def test_a_freeze_that_is_moved_is_not_answered_with_the_one_before(cup: Cup) -> None:
    assert await freeze_boards(cup.api.platform) == 1
    assert await cup.top() == named(cup, *FROZEN_OF)
    [(later,)] = await cup.api.sql("SELECT clock_timestamp()")
    await cup.declare(frozen_from=later)
    for built in (0, 1):
        assert await cup.top() == named(cup, ("bob", 1, 35), ("ada", 2, 30))
        assert await freeze_boards(cup.api.platform) == 1 - built
    await cup.declare(frozen_from=cup.since)
    assert await cup.top() == named(cup, *FROZEN_OF)


async def test_a_season_that_closes_in_a_freeze_keeps_its_end_to_itself(stores: Stores) -> None:
    async with open_api(stores) as api:
        ada, bob = await register(api.client), await register(api.client)
        await ada.score("match", points=30)
        await bob.score("match", points=20)
        [(since,)] = await api.sql("SELECT clock_timestamp()")
        board = replace(await api.platform.catalog.board("dense"), frozen_from=since)
        await configure(api.platform, [board], [], managed_by="test")
        await bob.score("match", points=15)
        season = (await api.platform.catalog.season("dense", None)).id
        await freeze_boards(api.platform)
        await api.sql("UPDATE seasons SET ends_at = clock_timestamp() WHERE id = :id", id=season)
        await asyncio.sleep(api.platform.settings.season_close_grace)
        await until(lambda: run_seasons(api.platform), what="the season being closed")
        api.platform.catalog.invalidate()
        public = await api.client.get(f"{DENSE}/entries", params={"season": season})
        assert [entry["score"] for entry in public.json()["entries"]] == [30, 20]
        assert public.json()["season"]["status"] == "closed"
        await configure(api.platform, [replace(board, frozen_from=None)], [], managed_by="test")
        final = await api.client.get(f"{DENSE}/entries", params={"season": season})
        assert [entry["score"] for entry in final.json()["entries"]] == [35, 30]


async def test_what_was_done_before_the_freeze_and_commits_after_it_is_on_the_frozen_board(cup: Cup) -> None:
    """A completion has its moment, then waits for the ledger's head while the board freezes."""
    platform = cup.api.platform
    entered, go = asyncio.Event(), asyncio.Event()

    async def keep_the_head(tx: Transaction) -> None:
        await tx.fetch("SELECT 1 FROM ledger_head FOR UPDATE")
        entered.set()
        await go.wait()

    keeper = asyncio.create_task(platform.database.transact(keep_the_head))
    await entered.wait()
    late = asyncio.create_task(cup.ada.score("match", points=7))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    async def blocked() -> bool:
        return (await cup.api.sql(waiting))[0][0] > 0

    await until(blocked, what="the completion waiting for the head")
    since = utc_now()
    await cup.declare(frozen_from=since)
    freezing = asyncio.create_task(freeze_boards(platform))
    done, _ = await asyncio.wait([freezing], timeout=0.6)
    assert not done, "the snapshot is taken although a completion of that time is under way"
    go.set()
    await keeper
    await late
    assert await freezing == 1
    assert await cup.top() == named(cup, ("ada", 1, 37), ("bob", 2, 35))
    [(count,)] = await cup.api.sql(
        "SELECT count(*) FROM snapshots s JOIN snapshot_totals t ON t.snapshot_id = s.id WHERE s.at = :at", at=since
    )
    assert count == 2


async def test_before_a_freeze_a_snapshot_is_taken_so_that_little_is_left_to_fold(cup: Cup) -> None:
    platform = cup.api.platform
    assert await keep_snapshots(platform) == 0
    await cup.declare(frozen_from=utc_now() + timedelta(seconds=60))
    assert await keep_snapshots(platform) == 1
    assert await keep_snapshots(platform) == 0


async def test_a_board_declared_as_before_the_freeze_was_known_is_the_same(api: Api) -> None:
    """Stored specifications of an older version lack the freeze; declaring the same again makes no new version."""
    await api.sql("UPDATE boards SET spec = spec - 'frozen_from' - 'frozen_until' WHERE key = 'main'")
    api.platform.catalog.invalidate()
    board = await api.platform.catalog.board("main")
    assert (board.frozen_from, board.version) == (None, 1)
    assert await configure(api.platform, [Board("main", "All players")], [], managed_by="test") == 0


async def test_a_freeze_that_can_never_be_on_is_refused(api: Api) -> None:
    now = utc_now()
    with pytest.raises(Refusal, match="must end after it begins"):
        await configure(
            api.platform, [Board("bad", "Bad", frozen_from=now, frozen_until=now)], [], managed_by=secrets.token_hex(4)
        )


async def test_without_a_freeze_nothing_more_is_asked_of_the_stores(api: Api) -> None:
    """The paths that everybody takes: one call to Redis for a read, none to Postgres."""
    ada = await register(api.client)
    await ada.score("match", points=3)
    with store_calls(api.platform) as calls:
        for path, expected in (
            ("top?limit=7", ["read_top", "read_range", "keep_top"]),
            ("entries", ["read_range"]),
            (f"around?player_id={ada.id}", ["read_around"]),
        ):
            await api.wiring.marker.finish()
            api.platform.catalog.invalidate()
            await api.platform.catalog.boards()  # fresh, so that it is not read in between
            calls.clear()
            assert (await api.client.get(f"{DENSE}/{path}")).status_code == 200
            assert [call for call in calls if call != "guard"] == expected, path
