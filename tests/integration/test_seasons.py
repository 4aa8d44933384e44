"""Seasons: opened, rolled over and closed by the worker; what counts where; final standings that stay."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board, Operator, Order, RankStyle, Schedule
from scoreboard.storage import standings
from scoreboard.usecases.configure import configure
from scoreboard.usecases.fit_seasons import ensure_seasons
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from scoreboard.usecases.run_seasons import run_seasons
from tests.conftest import Api, open_api
from tests.ledger_check import check_ledger, leaderboards_match
from tests.stage import Stores, register, until

WEEKLY = Board("weekly", "Weekly", schedule=Schedule(cron="0 0 * * 1", time_zone="Europe/Berlin"))
BOARDS = (
    WEEKLY,
    Board("sprint", "Sprint", operator=Operator.BEST, rank_style=RankStyle.DENSE, schedule=WEEKLY.schedule),
    Board("newest", "Newest", operator=Operator.LATEST, order=Order.ASC, schedule=WEEKLY.schedule),
    Board(
        "cup",
        "Cup",
        schedule=Schedule(starts_at=datetime(2020, 1, 1, tzinfo=UTC), ends_at=datetime(2020, 2, 1, tzinfo=UTC)),
    ),
    Board("later", "Later", schedule=Schedule(starts_at=datetime(2200, 1, 1, tzinfo=UTC))),
)
KINDS = (
    ActionKind("run", "Run", min_points=0, max_points=100, direct=True, boards=("weekly", "sprint", "newest")),
    ActionKind("goal", "Goal", points=1, direct=True, boards=("cup",)),
    ActionKind("soon", "Soon", points=1, direct=True, boards=("later",)),
    ActionKind("try", "Try", min_points=0, max_points=100, boards=("weekly",)),
)


@pytest.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, SCOREBOARD_CATALOG_TTL="0.01", SCOREBOARD_SEASON_CLOSE_GRACE="0") as opened:
        await configure(opened.platform, BOARDS, KINDS, managed_by="test")
        await run_seasons(opened.platform)
        await restore_missing(opened.platform)
        yield opened


async def seasons(api: Api, board: str = "weekly") -> list[dict[str, Any]]:
    """Oldest first."""
    items: list[dict[str, Any]] = (await api.client.get(f"/api/v1/boards/{board}/seasons")).json()["items"]
    return items[::-1]


async def end(api: Api, *boards: str) -> None:
    """The running season of these boards ends at this moment, and the next one begins."""
    for board in boards:
        await api.sql(
            "WITH moment AS (SELECT clock_timestamp() AS now), ended AS (UPDATE seasons SET ends_at = now FROM moment"
            " WHERE board_key = :board AND status = 'open' RETURNING board_key)"
            " UPDATE seasons s SET starts_at = now FROM moment, ended"
            " WHERE s.board_key = ended.board_key AND s.status = 'scheduled'",
            board=board,
        )
    api.platform.catalog.invalidate()


async def test_the_season_of_now_is_open_and_the_next_one_is_there(api: Api) -> None:
    now, following = await seasons(api)
    assert [now["status"], following["status"]] == ["open", "scheduled"]
    assert now["ends_at"] == following["starts_at"]
    assert now["starts_at"] <= datetime.now(UTC).isoformat() < now["ends_at"]
    assert not await run_seasons(api.platform)
    assert len(await seasons(api)) == 2


async def test_rolling_over(api: Api) -> None:
    ada, bob, eve = [await register(api.client) for _ in range(3)]

    async def run(person: Any, name: str, points: int, **body: Any) -> dict[str, Any]:
        reply = await person.post("/api/v1/scores/update", {"action_id": name, "kind": "run", "points": points, **body})
        assert reply.status_code == 200, reply.text
        done: dict[str, Any] = reply.json()
        return done

    first = (await seasons(api))[0]["id"]
    for person, points in ((ada, 30), (ada, 10), (bob, 30), (eve, 5)):
        await run(person, f"r{points}", points)
    begun = await ada.begin("try")
    before = (await api.client.get("/api/v1/boards/weekly/top")).json()
    ranks = {
        key: (await api.client.get(f"/api/v1/boards/{key}/entries")).json()["entries"]
        for key in ("weekly", "sprint", "newest")
    }
    assert [entry["score"] for entry in ranks["sprint"]] == [30, 30, 5]
    assert [entry["rank"] for entry in ranks["sprint"]] == [1, 1, 2]
    assert [entry["score"] for entry in ranks["newest"]] == [5, 10, 30]

    await end(api, "weekly", "sprint", "newest")
    # Nobody has closed it yet: the dates decide.
    done = await ada.complete(begun, points=7)
    assert done.status_code == 200
    second = done.json()["standings"][0]["season"]
    assert second != first
    assert done.json()["standings"][0]["score"] == 7
    assert (await run(bob, "new", 9))["standings"][0]["season"] == second
    wrong = await eve.post("/api/v1/scores/update", {"action_id": "w", "kind": "run", "points": 1, "season": first})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "CONFLICT")
    await run(eve, "right", 1, season=second)

    assert await run_seasons(api.platform) > 0
    api.platform.catalog.invalidate()
    states = {season["id"]: season["status"] for season in await seasons(api)}
    assert states[first] == "closed"
    assert states[second] == "open"
    assert sorted(states.values()) == ["closed", "open", "scheduled"]
    # The closed season is read as it was, from the archive.
    for key in ranks:
        old = (await seasons(api, key))[0]["id"]
        page = (await api.client.get(f"/api/v1/boards/{key}/entries", params={"season": old})).json()
        assert (page["entries"], page["epoch"], page["season"]["status"]) == (ranks[key], "", "closed")
    top = (await api.client.get("/api/v1/boards/weekly/top", params={"season": first})).json()
    assert top["entries"] == before["entries"]
    mine = (await ada.get("/api/v1/boards/weekly/me", season=first)).json()
    assert (mine["score"], mine["rank"], mine["total"]) == (40, 1, 3)
    around = (await ada.get("/api/v1/boards/weekly/around", season=first, radius=1)).json()
    assert [entry["username"] for entry in around["entries"]] == [ada.username, bob.username]
    current = (await api.client.get("/api/v1/boards/weekly/entries")).json()
    assert [entry["score"] for entry in current["entries"]] == [9, 7, 1]
    await check_ledger(api.platform)
    await restore_missing(api.platform)
    assert await leaderboards_match(api.platform)


async def test_final_standings_have_a_checksum_that_shows_a_change(api: Api) -> None:
    ada = await register(api.client)
    await ada.post("/api/v1/scores/update", {"action_id": "a", "kind": "run", "points": 5})
    await end(api, "weekly")
    await run_seasons(api.platform)
    [row] = await api.sql("SELECT id, checksum FROM seasons WHERE board_key = 'weekly' AND status = 'closed'")
    again = "SELECT detail FROM audit_log WHERE event = 'season.closed' AND subject = :subject"
    [noted] = await api.sql(again, subject=f"weekly/{row.id}")
    assert noted.detail == {"entries": 1, "checksum": bytes(row.checksum).hex()}

    async def checksum() -> bytes:
        return await api.platform.database.transact(lambda tx: standings.final_checksum(tx, row.id))

    assert await checksum() == bytes(row.checksum)
    await api.sql("UPDATE season_standings SET score = score + 1 WHERE season_id = :id", id=row.id)
    assert await checksum() != bytes(row.checksum)


async def test_closing_waits_for_writers_and_no_write_lands_after_it(api: Api) -> None:
    ada = await register(api.client)
    first = (await seasons(api))[0]["id"]
    connection = await asyncpg.connect(api.environment["DATABASE_URL"])
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT 1 FROM seasons WHERE id = $1 FOR KEY SHARE", first)  # a completion under way
    await end(api, "weekly")
    closing = asyncio.create_task(run_seasons(api.platform))

    async def waits() -> bool:
        return bool(await api.sql("SELECT 1 FROM pg_locks WHERE NOT granted"))

    await until(waits, what="the closer waiting")
    assert not closing.done()
    await transaction.rollback()
    await connection.close()
    assert await closing > 0
    reply = await ada.post("/api/v1/scores/update", {"action_id": "late", "kind": "run", "points": 3})
    assert reply.json()["standings"][0]["season"] != first
    [row] = await api.sql("SELECT count(*) FROM scores WHERE season_id = :season", season=first)
    assert row[0] == 0


async def test_two_workers_close_a_season_once(api: Api) -> None:
    await end(api, "weekly", "sprint")
    await asyncio.gather(run_seasons(api.platform), run_seasons(api.platform))
    rows = await api.sql("SELECT subject, count(*) FROM audit_log WHERE event = 'season.closed' GROUP BY 1")
    assert {row[1] for row in rows} == {1}


async def test_boards_whose_season_is_over_or_not_begun(api: Api) -> None:
    ada = await register(api.client)
    for kind in ("goal", "soon"):
        reply = await ada.post("/api/v1/scores/update", {"action_id": kind, "kind": kind})
        assert (reply.status_code, reply.json()["code"]) == (409, "CONFLICT")
    for board in ("cup", "later"):
        page = await api.client.get(f"/api/v1/boards/{board}/top")
        assert (page.status_code, page.json()["entries"], page.json()["total"]) == (200, [], 0)
    assert [season["status"] for season in await seasons(api, "cup")] == ["closed"]
    assert [season["status"] for season in await seasons(api, "later")] == ["scheduled"]


async def test_declaring_again_changes_nothing_and_a_change_makes_a_version(api: Api) -> None:
    assert await configure(api.platform, BOARDS, KINDS, managed_by="test") == 0
    changed = replace(WEEKLY, title="Another title")
    assert await configure(api.platform, [changed], [], managed_by="test") == 1
    assert (await api.client.get("/api/v1/boards/weekly")).json()["title"] == "Another title"
    rows = await api.sql("SELECT version, current FROM boards WHERE key = 'weekly' ORDER BY version")
    assert [tuple(row) for row in rows] == [(1, False), (2, True)]


async def test_a_board_declared_in_the_last_second_of_a_season(api: Api) -> None:
    """Half a second before midnight the season of the day is still the one that counts."""
    board = Board("daily", "Daily", schedule=Schedule(cron="0 0 * * *"))
    moment = datetime(2026, 3, 1, 23, 59, 59, 500_000, tzinfo=UTC)
    made = await api.platform.database.transact(lambda tx: ensure_seasons(tx, board, moment))
    assert [(season.starts_at, season.ends_at) for season in made] == [
        (datetime(2026, 3, day, tzinfo=UTC), datetime(2026, 3, day, tzinfo=UTC) + timedelta(days=1)) for day in (1, 2)
    ]
