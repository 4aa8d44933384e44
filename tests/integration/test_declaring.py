"""Declaring boards, kinds and policies through the API: once is as often as wanted, and every no is understood."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Role
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.telemetry import utc_now
from scoreboard.usecases.configure import configure
from scoreboard.usecases.raise_cases import raise_cases
from tests.conftest import BOARDS, KINDS, Api, open_api
from tests.declaring import THRESHOLDS, Declares, declares, managed, problem
from tests.stage import Stores, register, until


@pytest.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores, SCOREBOARD_CATALOG_TTL="0.01") as opened:
        yield opened


@pytest.fixture
async def admin(api: Api) -> Declares:
    return await declares(api)


async def audited(api: Api, event: str) -> list[Any]:
    rows = await api.sql("SELECT * FROM audit_log WHERE event = :event ORDER BY id", event=event)
    return [row for row in rows if row.actor_id is not None or row.actor_role != "platform"]


async def test_a_new_board_takes_points_and_the_same_again_changes_nothing(api: Api, admin: Declares) -> None:
    reply = await admin.put("boards/league", {"title": "League"})
    assert (reply.status_code, reply.headers["location"]) == (201, "/api/v1/admin/boards/league")
    first = reply.json()
    assert (first["outcome"], first["version"], first["managed_by"]) == ("created", 1, None)
    assert first["status"]["season"]["name"] == "All time"
    again = await admin.must("boards/league", first["spec"])
    assert (again["outcome"], again["version"], again["changes"]) == ("unchanged", 1, [])
    assert len(await audited(api, "board.declared")) == 1

    kind = {"title": "Goal", "points": 3, "direct": True, "boards": ["league"]}
    assert (await admin.must("kinds/goal", kind))["status"] == {"counts_on": ["league"], "retired_boards": []}
    ada = await register(api.client)
    done = await ada.post("/api/v1/scores/update", {"action_id": "one", "kind": "goal"})
    assert done.status_code == 200, done.text
    assert (await admin.seen("boards/league"))["status"]["players"] == 1
    shown = (await api.client.get("/api/v1/boards/league")).json()
    assert (shown["title"], shown["season"]["status"]) == ("League", "scheduled")


async def test_a_declared_freeze_is_on_until_it_is_taken_out(api: Api, admin: Declares) -> None:
    freeze = {"from": "2026-01-01T12:00:00+01:00", "until": None}
    declared = await admin.must("boards/league", {"title": "League", "freeze": freeze})
    assert declared["spec"]["freeze"] == {"from": "2026-01-01T11:00:00Z", "until": None}
    assert declared["status"]["frozen"]
    assert (await admin.must("boards/league", declared["spec"]))["outcome"] == "unchanged"
    shown = (await api.client.get("/api/v1/boards/league/top")).json()
    assert shown["freeze"]["since"].startswith("2026-01-01T11:00:00")
    early = {"from": "2026-01-01T00:00:00Z", "until": "2025-12-31T00:00:00Z"}
    for refused, pointer in ((early, "/freeze/until"), ({"until": None}, "/freeze/from")):
        reply = await admin.put("boards/league", {"title": "League", "freeze": refused})
        assert problem(reply) == (400, "VALIDATION_ERROR", None, [pointer])
    taken_out = await admin.must("boards/league", {"title": "League"})
    assert [change["pointer"] for change in taken_out["changes"]] == ["/freeze"]
    assert not taken_out["status"]["frozen"]

    async def revealed() -> bool:
        return (await api.client.get("/api/v1/boards/league/top")).json()["freeze"] is None

    await until(revealed, what="the reveal")


async def test_a_change_makes_a_version_and_is_audited_with_who_did_it(api: Api, admin: Declares) -> None:
    await admin.must("boards/league", {"title": "League"})
    rehearsed = await admin.must("boards/league", {"title": "Cup", "size": 5}, dry_run="true")
    assert (rehearsed["outcome"], rehearsed["version"], rehearsed["dry_run"]) == ("changed", 2, True)
    assert rehearsed["changes"] == [
        {"pointer": "/title", "before": "League", "after": "Cup"},
        {"pointer": "/size", "before": 10, "after": 5},
    ]
    assert (await admin.seen("boards/league"))["version"] == 1
    changed = await admin.must("boards/league", {"title": "Cup", "size": 5})
    assert {**rehearsed, "dry_run": False, "declared_at": changed["declared_at"]} == changed
    rows = await audited(api, "board.declared")
    assert [row.detail["version"] for row in rows] == [1, 2]
    assert {row.actor_role for row in rows} == {"admin"}
    assert all(row.request_id for row in rows)
    assert (await api.client.get("/api/v1/boards/league")).json()["title"] == "Cup"


async def test_a_retired_board_is_out_of_the_lists_takes_nothing_and_comes_back(api: Api, admin: Declares) -> None:
    ada = await register(api.client)
    await ada.score("quiz")
    assert (await admin.retire("boards/main"))["outcome"] == "retired"
    assert (await admin.retire("boards/main"))["outcome"] == "unchanged"
    listed = (await api.client.get("/api/v1/boards")).json()["items"]
    assert "main" not in {board["key"] for board in listed}
    assert (await api.client.get("/api/v1/boards/main/top")).json()["entries"][0]["score"] == 10
    refused = await ada.post("/api/v1/scores/update", {"action_id": "late", "kind": "tap"})
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert (await admin.seen("kinds/quiz"))["status"] == {"counts_on": [], "retired_boards": ["main"]}
    assert "main" not in {board["key"] for board in (await admin.seen("boards"))["items"]}
    assert "main" in {board["key"] for board in (await admin.seen("boards", retired="true"))["items"]}
    pointed = await admin.put("kinds/new", {"title": "New", "points": 1, "boards": ["main"]})
    assert problem(pointed) == (400, "VALIDATION_ERROR", None, ["/boards/0"])

    back = await admin.must("boards/main", {"title": "All players"})
    assert (back["outcome"], back["version"], back["retired_at"]) == ("restored", 2, None)
    await ada.score("quiz")

    async def counts_again() -> bool:
        return (await api.client.get("/api/v1/boards/main/top")).json()["entries"][0]["score"] == 20

    await until(counts_again, what="the restored board's top, which a process keeps for a moment")


async def test_a_retired_kind_cannot_be_begun_or_completed(api: Api, admin: Declares) -> None:
    ada = await register(api.client)
    begun = await ada.begin("quiz")
    await admin.retire("kinds/quiz")
    assert (await ada.complete(begun)).status_code == 409
    assert (await ada.post("/api/v1/actions", {"kind": "quiz"})).status_code == 404
    kinds = (await api.client.get("/api/v1/action-kinds")).json()["items"]
    assert "quiz" not in {kind["key"] for kind in kinds}
    await admin.must("kinds/quiz", {"title": "Quiz", "points": 10, "boards": ["main"]})
    assert (await ada.complete(begun)).status_code == 200


async def test_a_policy_counts_until_it_is_retired(api: Api, admin: Declares) -> None:
    done = await admin.must("policies/strict", {**THRESHOLDS, "kinds": ["tap"], "mode": "enforce"})
    assert done["status"] == {"open_cases": 0}
    assert (await api.platform.catalog.policy_choice()).of("tap").key == "strict"
    await admin.retire("policies/strict")
    assert (await api.platform.catalog.policy_choice()).of("tap").key != "strict"


async def test_a_policy_tells_of_the_cases_that_wait_because_of_its_kinds(api: Api, admin: Declares) -> None:
    ada, bob = await register(api.client), await register(api.client)
    begun, now = await ada.begin("quiz"), utc_now()
    for person, action in ((ada, UUID(begun["action_id"])), (bob, None)):
        event = SuspicionEvent(
            *(UUID(person.id), now, CaseSource.RULES, "frequency", 0.3, 0.6, Verdict.FLAG), action_id=action
        )
        suspect = Suspect(UUID(person.id), Verdict.FLAG, CaseSource.RULES, (event,))
        await api.platform.database.transact(lambda tx, s=suspect: raise_cases(tx, [s], now))  # type: ignore[misc]
    await admin.must("policies/quiz", {**THRESHOLDS, "kinds": ["quiz"]})
    await admin.must("policies/tap", {**THRESHOLDS, "kinds": ["tap"]})
    await admin.must("policies/rest", THRESHOLDS)
    waiting = {one["key"]: one["status"]["open_cases"] for one in (await admin.seen("policies"))["items"]}
    assert waiting == {"quiz": 1, "tap": 0, "rest": 1}


async def test_the_platforms_own_commands_restore_and_ask_no_owner(api: Api, admin: Declares) -> None:
    ada = await register(api.client)
    await admin.retire("boards/main")
    await admin.must("kinds/tap", {"title": "Tap", "points": 2, "direct": True, "boards": ["dense"]} | managed("a"))
    assert await configure(api.platform, BOARDS, KINDS, managed_by="test") == 2
    seen = await admin.seen("boards/main")
    assert (seen["retired_at"], seen["version"], seen["declared_by"]) == (None, 2, "test")
    assert (await admin.seen("kinds/tap"))["spec"]["points"] == 1
    assert (await ada.post("/api/v1/scores/update", {"action_id": "x", "kind": "tap"})).status_code == 200


async def test_what_is_not_there_yet_is_named_and_can_be_waited_for(admin: Declares) -> None:
    kind = {"title": "K", "boards": ["main", "soon"], "points": 1}
    refused = await admin.put("kinds/k", kind)
    assert refused.json()["waits_for"] == [{"resource": "boards", "key": "soon"}]
    await admin.must("boards/soon", {"title": "Soon"})
    assert (await admin.must("kinds/k", kind))["outcome"] == "created"
    policy = {**THRESHOLDS, "kinds": ["later"]}
    assert (await admin.put("policies/p", policy)).json()["waits_for"] == [{"resource": "kinds", "key": "later"}]
    wrong_too = await admin.put("kinds/k", {**kind, "boards": ["nowhere", "nowhere"]})
    assert "waits_for" not in wrong_too.json()


async def test_how_scores_are_counted_stays_once_there_are_scores(api: Api, admin: Declares) -> None:
    await admin.must("boards/main", {"title": "All players", "order": "asc", "tie_rule": "latest"})
    await admin.must("boards/main", {"title": "All players"})
    ada = await register(api.client)
    await ada.score("quiz")
    refused = await admin.put("boards/main", {"title": "All", "order": "asc", "operator": "best"})
    assert problem(refused) == (409, "CONFLICT", "immutable", ["/order", "/operator"])
    assert (await admin.must("boards/main", {"title": "All"}))["outcome"] == "changed"


async def test_two_resources_never_declare_the_same(api: Api, admin: Declares) -> None:
    board = {"title": "League"}
    await admin.must("boards/league", board | managed("a", 3))
    assert problem(await admin.put("boards/league", board | managed("b")))[:3] == (409, "CONFLICT", "owned")
    assert problem(await admin.put("boards/league", board | managed("a", 2)))[:3] == (
        409,
        "CONFLICT",
        "stale_generation",
    )
    assert problem(await admin.put("boards/league", board))[:3] == (409, "CONFLICT", "owned")
    assert (await admin.must("boards/league", board | managed("a", 4)))["managed_by"]["generation"] == 4
    assert (await admin.seen("boards/league"))["version"] == 1
    for wish in ({"uid": "b"}, {}, {"uid": "b", "retain": "true"}):
        assert problem(await admin.delete("boards/league", **wish))[:3] == (409, "CONFLICT", "owned")
    stale = await admin.delete("boards/league", uid="a", generation=3)
    assert problem(stale)[:3] == (409, "CONFLICT", "stale_generation")
    assert len(await audited(api, "board.declared")) == 1


async def test_what_a_resource_lets_go_another_one_may_take(api: Api, admin: Declares) -> None:
    board = {"title": "League"}
    await admin.must("boards/league", board | managed("a"))
    let_go = await admin.retire("boards/league", uid="a", generation=1, retain="true")
    assert (let_go["outcome"], let_go["managed_by"], let_go["retired_at"]) == ("released", None, None)
    assert (await admin.retire("boards/league", uid="a", generation=1, retain="true"))["outcome"] == "unchanged"
    assert problem(await admin.delete("boards/league", uid="a"))[:3] == (409, "CONFLICT", "owned")
    taken = await admin.must("boards/league", board | managed("b"))
    assert (taken["outcome"], taken["managed_by"]["uid"], taken["version"]) == ("unchanged", "b", 1)
    assert [
        row.detail["owner"] and row.detail["owner"]["uid"] for row in await audited(api, "board.owner_changed")
    ] == [
        None,
        "b",
    ]
    gone = await admin.retire("boards/league", uid="b", generation=1)
    assert (gone["outcome"], gone["managed_by"]) == ("retired", None)
    assert (await admin.retire("boards/league", uid="b", generation=1))["outcome"] == "unchanged"
    assert (await admin.delete("boards/never", uid="b")).status_code == 404


async def test_a_person_takes_over_and_gives_back(api: Api, admin: Declares) -> None:
    board = {"title": "League"}
    await admin.must("boards/league", board | managed("a"))
    mine = await admin.must("boards/league", {"title": "By hand"}, take_over="true")
    assert mine["managed_by"] == {"uid": None, "name": mine["declared_by"], "generation": None}
    refused = await admin.put("boards/league", board | managed("a"))
    assert problem(refused)[:3] == (409, "CONFLICT", "taken_over")
    assert problem(await admin.delete("boards/league", uid="a"))[:3] == (409, "CONFLICT", "taken_over")
    other = await declares(api)
    assert (await other.must("boards/league", {"title": "By another hand"}))["managed_by"] == mine["managed_by"]
    await admin.retire("boards/league", retain="true")
    assert (await admin.must("boards/league", board | managed("a")))["outcome"] == "changed"


async def test_nobody_else_declares_or_looks(api: Api) -> None:
    for role in (Role.PLAYER, Role.MODERATOR, Role.SERVICE):
        caller = await declares(api, role)
        for reply in (
            await caller.put("boards/x", {"title": "X"}),
            await caller.get("boards"),
            await caller.delete("boards/main"),
        ):
            assert problem(reply)[:2] == (403, "FORBIDDEN")
    assert problem(await Declares(api.client).get("boards"))[:2] == (401, "UNAUTHENTICATED")
    assert (await (await declares(api, Role.PLATFORM_CONFIG)).must("boards/x", {"title": "X"}))["outcome"] == "created"


async def test_lists_go_on_where_they_ended(admin: Declares) -> None:
    first = await admin.seen("kinds", limit=5)
    rest = await admin.seen("kinds", cursor=first["next_cursor"])
    keys = [kind["key"] for kind in first["items"] + rest["items"]]
    assert (len(first["items"]), rest["next_cursor"]) == (5, None)
    assert keys == sorted(set(keys))
    assert len(keys) == 14
