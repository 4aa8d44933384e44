"""Seasons as something to declare: they take their boards' time, open, close, are archived or make room."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scoreboard.domain.board import Board, Schedule
from scoreboard.usecases.configure import configure
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from scoreboard.usecases.run_seasons import _close_when_over, run_seasons
from tests.conftest import Api, open_api
from tests.declaring import Declares, declares, managed, problem
from tests.ledger_check import check_ledger, leaderboards_match
from tests.stage import Person, Stores, register, until


@pytest.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, SCOREBOARD_CATALOG_TTL="0.01", SCOREBOARD_SEASON_CLOSE_GRACE="0") as opened:
        await run_seasons(opened.platform)
        yield opened


@pytest.fixture
async def admin(api: Api) -> Declares:
    return await declares(api)


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def seasons(api: Api, board: str = "main") -> list[dict[str, Any]]:
    """Oldest first."""
    api.platform.catalog.invalidate()
    items: list[dict[str, Any]] = (await api.client.get(f"/api/v1/boards/{board}/seasons")).json()["items"]
    return items[::-1]


async def phase(api: Api, admin: Declares, wanted: str, key: str = "cup") -> dict[str, Any]:
    """Wait until the worker, which is played here, has brought a declared season so far."""

    async def reached() -> dict[str, Any] | None:
        await run_seasons(api.platform)
        seen = await admin.seen(f"seasons/{key}")
        return seen if seen["status"]["phase"] == wanted else None

    seen: dict[str, Any] = await until(reached, within=40, every=0.05, what=f"{key} being {wanted}")
    return seen


async def match(person: Person, points: int) -> dict[int, int]:
    """Points on the boards main and dense: season to score."""
    done = await person.score("match", points=points)
    return {standing["season"]: standing["score"] for standing in done["standings"]}


async def test_a_season_from_its_declaration_to_its_archive(api: Api, admin: Declares) -> None:
    ada, bob = await register(api.client), await register(api.client)
    before = await match(ada, 50)
    body = {"title": "Cup", "starts_at": soon(2), "ends_at": soon(12), "boards": ["main", "dense"]}
    made = await admin.must("seasons/cup", body)
    assert (made["outcome"], made["status"]["phase"], made["status"]["snapshot"]) == ("created", "Scheduled", None)
    assert [row["board"] for row in made["status"]["boards"]] == ["dense", "main"]
    running, coming = await seasons(api)
    assert (running["name"], coming["name"], coming["status"]) == ("All time", "Cup", "scheduled")
    assert running["ends_at"] == coming["starts_at"]
    assert (await admin.get("seasons/cup/snapshot")).status_code == 404

    seen = await phase(api, admin, "Active")
    await restore_missing(api.platform)
    cup = {row["board"]: row["season_id"] for row in seen["status"]["boards"]}
    assert not set(cup.values()) & set(before)
    assert await match(ada, 7) == {cup["main"]: 7, cup["dense"]: 7}
    assert await match(bob, 9) == {cup["main"]: 9, cup["dense"]: 9}
    assert (await admin.seen("boards/main"))["status"]["season"]["name"] == "Cup"
    assert await leaderboards_match(api.platform)

    seen = await phase(api, admin, "Archived")
    assert [row["players"] for row in seen["status"]["boards"]] == [2, 2]
    lines = [f"{row['board']}|{row['season_id']}|{row['checksum']}\n" for row in seen["status"]["boards"]]
    assert seen["status"]["checksum"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    snapshot = (await api.client.get(seen["status"]["snapshot"], headers=admin.headers)).json()
    assert snapshot["checksum"] == seen["status"]["checksum"]
    for board in snapshot["boards"]:
        entries = (await api.client.get(board["links"]["entries"])).json()["entries"]
        assert [(entry["username"], entry["score"]) for entry in entries] == [(bob.username, 9), (ada.username, 7)]
    # Archived: nothing counts there until something is declared.
    refused = await ada.post("/api/v1/scores/update", {"action_id": "late", "kind": "tap"})
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert [season["status"] for season in await seasons(api)] == ["closed", "closed"]
    assert problem(await admin.put("seasons/cup", {**body, "title": "Bowl"}))[:3] == (409, "CONFLICT", "immutable")
    assert (await admin.must("seasons/cup", body))["outcome"] == "unchanged"
    await check_ledger(api.platform)


async def test_the_next_season_begins_at_once_after_a_reset(api: Api, admin: Declares) -> None:
    ada = await register(api.client)
    body = {"starts_at": soon(-60), "ends_at": soon(3), "boards": ["main"], "on_end": "reset"}
    await admin.must("seasons/cup", body)
    scored = 0

    async def over() -> bool:
        """She plays without a pause; every action counts somewhere."""
        nonlocal scored
        await ada.score("quiz")
        scored += 10
        return datetime.now(UTC) > datetime.fromisoformat(body["ends_at"]) + timedelta(seconds=0.2)  # type: ignore[arg-type]

    await until(over, within=30, every=0.01, what="the end of the season")
    seen = await phase(api, admin, "Archived")
    first, cup, after = await seasons(api)
    assert (first["name"], cup["name"], after["name"]) == ("All time", "cup", "After cup")
    assert (after["ends_at"], after["starts_at"]) == (None, cup["ends_at"])
    assert first["ends_at"] == cup["starts_at"]
    tops = [
        await api.client.get("/api/v1/boards/main/top", params={"season": each["id"]}) for each in (first, cup, after)
    ]
    scores = [top.json()["entries"][0]["score"] for top in tops]
    assert (sum(scores), min(scores) > 0) == (scored, True), scores
    assert seen["status"]["boards"][0]["season_id"] == cup["id"]


async def test_a_season_that_was_not_to_be(api: Api, admin: Declares) -> None:
    unchanged = await seasons(api)
    await admin.must("seasons/cup", {"starts_at": soon(3600), "boards": ["main"]})
    assert len(await seasons(api)) == 2
    moved = await admin.must("seasons/cup", {"starts_at": soon(7200), "boards": ["main", "dense"], "title": "Cup"})
    assert moved["version"] == 2
    assert (await seasons(api))[1]["starts_at"] == moved["status"]["boards"][1]["starts_at"]
    gone = await admin.retire("seasons/cup")
    assert (gone["outcome"], gone["status"]["boards"]) == ("retired", [])
    assert await seasons(api) == unchanged
    assert not await run_seasons(api.platform)


async def test_a_season_that_is_retired_ends_and_can_be_declared_again(api: Api, admin: Declares) -> None:
    ada = await register(api.client)
    body = {"starts_at": soon(-60), "boards": ["main"]}
    await admin.must("seasons/cup", body)
    await phase(api, admin, "Active")
    await ada.score("quiz")
    assert problem(await admin.put("seasons/cup", {**body, "boards": ["dense"]}))[2:] == ("immutable", ["/boards"])
    assert problem(await admin.put("seasons/cup", {**body, "starts_at": soon(9)}))[2:] == ("immutable", ["/starts_at"])
    assert (await admin.must("seasons/cup", {**body, "title": "Cup", "ends_at": soon(900)}))["version"] == 2
    await admin.retire("seasons/cup")
    seen = await phase(api, admin, "Archived")
    assert seen["status"]["checksum"]
    assert (await ada.post("/api/v1/actions", {"kind": "quiz"})).status_code == 201
    late = await ada.post("/api/v1/scores/update", {"action_id": "late", "kind": "tap"})
    assert late.status_code == 409

    back = await admin.must("seasons/cup", {**body, "title": "Cup"})
    assert (back["outcome"], back["version"]) == ("restored", 3)
    seen = await phase(api, admin, "Active")
    await ada.score("quiz")
    assert seen["status"]["checksum"] is None
    await run_seasons(api.platform)
    assert [season["status"] for season in await seasons(api)] == ["closed", "closed", "open"]
    assert (await admin.seen("boards/main"))["status"]["players"] == 1


async def test_a_boards_own_schedule_and_declared_seasons_do_not_mix(api: Api, admin: Declares) -> None:
    weekly = Board("weekly", "Weekly", schedule=Schedule(cron="0 0 * * 1"))
    await configure(api.platform, [weekly], [], managed_by="test")
    cup = {"starts_at": soon(3600), "ends_at": soon(7200), "boards": ["main", "weekly"]}
    assert problem(await admin.put("seasons/cup", cup)) == (409, "CONFLICT", "scheduled_board", ["/boards/1"])
    await admin.must("seasons/cup", {**cup, "boards": ["main"]})
    own = {"title": "All players", "schedule": {"cron": "0 0 * * 1"}}
    assert problem(await admin.put("boards/main", own)) == (409, "CONFLICT", "scheduled_board", ["/schedule"])
    other = {"starts_at": soon(7100), "boards": ["dense", "main"]}
    assert problem(await admin.put("seasons/bowl", other)) == (409, "CONFLICT", "overlap", ["/starts_at"])
    await admin.must("seasons/bowl", {**other, "starts_at": cup["ends_at"]})
    await admin.retire("seasons/cup")
    await admin.retire("seasons/bowl")
    assert (await admin.must("boards/main", own))["outcome"] == "changed"


async def test_another_schedule_begins_where_the_running_season_can_end(api: Api, admin: Declares) -> None:
    ada = await register(api.client)
    await ada.score("quiz")
    await admin.must("boards/main", {"title": "All players", "schedule": {"cron": "0 0 1 * *"}})
    running, following = await seasons(api)
    assert (running["name"], running["ends_at"]) == ("All time", following["starts_at"])
    await ada.score("quiz")
    assert (await api.client.get("/api/v1/boards/main/top")).json()["entries"][0]["score"] == 20
    await admin.must("boards/main", {"title": "All players"})
    [running] = await seasons(api)
    assert (running["name"], running["ends_at"]) == ("All time", None)
    assert not await run_seasons(api.platform)


async def test_a_season_is_owned_as_everything_else(admin: Declares) -> None:
    body = {"starts_at": soon(3600), "boards": ["main"]}
    await admin.must("seasons/cup", body | managed("a"))
    assert problem(await admin.put("seasons/cup", body | managed("b")))[:3] == (409, "CONFLICT", "owned")
    assert (await admin.retire("seasons/cup", uid="a", generation=1))["outcome"] == "retired"


async def test_a_season_that_was_given_another_end_meanwhile_is_not_closed(api: Api, admin: Declares) -> None:
    """The worker read it as over; by the time it has the lock, its end lies ahead."""
    await admin.must("seasons/cup", {"starts_at": soon(-60), "ends_at": soon(600), "boards": ["main"]})
    seen = await phase(api, admin, "Active")
    board = await api.platform.catalog.board("main")
    season = await api.platform.catalog.season("main", seen["status"]["boards"][0]["season_id"])
    stale = replace(season, ends_at=datetime.now(UTC) - timedelta(seconds=5))
    assert await _close_when_over(api.platform, board, stale, timedelta()) == 0
    assert (await admin.seen("seasons/cup"))["status"]["phase"] == "Active"


async def test_a_rehearsal_moves_no_season(api: Api, admin: Declares) -> None:
    unchanged = await seasons(api)
    told = await admin.must("seasons/cup", {"starts_at": soon(60), "boards": ["main"]}, dry_run="true")
    assert (told["outcome"], told["status"]["phase"]) == ("created", "Scheduled")
    assert (await admin.get("seasons/cup")).status_code == 404
    assert await seasons(api) == unchanged
