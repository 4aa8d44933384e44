"""Impossible requests add up: from the hold threshold points wait, at the last one the account is suspended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.storage import players
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.execute_action import run_due_jobs
from tests.conftest import Api, open_api
from tests.refusals import check, refused
from tests.stage import PASSWORD, Person, Stores, register

UPDATE, EXECUTE = "/api/v1/scores/update", "/api/v1/actions/execute"


@asynccontextmanager
async def strict(stores: Stores, **settings: str) -> AsyncIterator[tuple[Api, Person]]:
    async with open_api(stores, SCOREBOARD_ANTICHEAT_MODE="enforce", **settings) as api:
        yield api, await register(api.client)


def impossible(number: int) -> dict[str, object]:
    return {"action_id": f"cheat-{number}", "kind": "tap", "points": 1_000_000}


async def test_nine_impossible_results_suspend_the_account(stores: Stores) -> None:
    async with strict(stores) as (api, ada):
        await ada.score("quiz")
        for number in range(8):
            await refused(api, lambda n=number: ada.post(UPDATE, impossible(n)), "INVALID_SCORE")  # type: ignore[misc]
        body = check(await ada.post(UPDATE, impossible(8)), "SUSPICIOUS_ACTIVITY")
        assert body["layer"] == "anti_cheat"
        for later in (
            ada.post(UPDATE, impossible(9)),
            ada.get("/api/v1/players/me"),
            ada.post("/api/v1/actions", {"kind": "quiz"}),
        ):
            check(await later, "ACCOUNT_SUSPENDED")
        credentials = {"username": ada.username, "password": PASSWORD}
        refusal = check(await api.client.post("/api/v1/auth/login", json=credentials), "ACCOUNT_SUSPENDED")
        assert 86_000 < refusal["retry_after"] <= 86_400
        top = (await api.client.get("/api/v1/boards/main/top")).json()
        assert ada.username not in [entry["username"] for entry in top["entries"]]
        [row] = await api.sql("SELECT detail->>'by' FROM audit_log WHERE event = 'player.status_changed'")
        assert row[0] == "anti-cheat: impossible_points"
        [row] = await api.sql("SELECT score FROM scores WHERE player_id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] == 10  # what was earned before is kept for the person who decides
        await change_status(api.platform, ada.username, PlayerStatus.ACTIVE, by="test")
        reply = await api.client.post("/api/v1/auth/login", json=credentials)
        back = Person(api.client, ada.id, ada.username, reply.json())
        check(await back.post(UPDATE, impossible(10)), "INVALID_SCORE")  # a person has decided: it begins anew


async def test_a_queued_action_is_weighed_as_well(stores: Stores) -> None:
    async with strict(stores) as (api, ada):
        for number in range(9):
            assert (await ada.post(EXECUTE, impossible(number))).status_code == 202
        while await run_due_jobs(api.platform, api.wiring.marker):
            pass
        [row] = await api.sql("SELECT status FROM players WHERE id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] == "suspended"
        check(await ada.get("/api/v1/players/me"), "ACCOUNT_SUSPENDED")


@pytest.mark.parametrize(
    "settings",
    [
        {"SCOREBOARD_ANTICHEAT_MODE": "shadow"},
        {"SCOREBOARD_SUSPICION_HALF_LIFE": "0.001"},
    ],
    ids=["shadow", "long pauses"],
)
async def test_nothing_happens_to_the_player(stores: Stores, settings: dict[str, str]) -> None:
    async with open_api(stores, **{"SCOREBOARD_ANTICHEAT_MODE": "enforce", **settings}) as api:
        ada = await register(api.client)
        for number in range(15):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")
        await ada.score("quiz")
        assert await api.sql("SELECT 1 FROM review_cases") == []


async def test_with_the_hour_used_up_points_are_held_instead(stores: Stores) -> None:
    async with strict(stores, SCOREBOARD_AUTOMATIC_SUSPENSIONS_PER_HOUR="0") as (api, ada):
        for number in range(15):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")
        reply = await ada.complete(await ada.begin("quiz"))
        assert (reply.status_code, reply.json()["verdict"]) == (202, "hold")
        [row] = await api.sql("SELECT verdict, status FROM review_cases")
        assert tuple(row) == ("hold", "open")
        [row] = await api.sql("SELECT status FROM players WHERE id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] == "active"


async def test_an_honest_player_who_errs_is_left_alone(stores: Stores) -> None:
    async with strict(stores) as (api, ada):
        for number in range(2):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")
        begun = await ada.begin("once")
        assert (await ada.complete(begun)).status_code == 200
        for _ in range(30):
            assert (await ada.complete(begun)).json()["code"] == "ALREADY_COMPLETED"
        await ada.score("quiz")
        assert (await api.client.get(f"/api/v1/players/{ada.id}", headers=ada.headers)).json()["status"] == "active"


async def test_one_who_floods_is_suspended_once_and_uses_up_one_place(stores: Stores) -> None:
    async with strict(stores, SCOREBOARD_AUTOMATIC_SUSPENSIONS_PER_HOUR="2") as (api, ada):
        replies = await asyncio.gather(*(ada.post(UPDATE, impossible(number)) for number in range(40)))
        assert [reply.json()["code"] for reply in replies].count("SUSPICIOUS_ACTIVITY") == 1
        rows = await api.sql("SELECT 1 FROM audit_log WHERE event = 'player.status_changed'")
        assert len(rows) == 1
        bob = await register(api.client)
        for number in range(8):
            check(await bob.post(UPDATE, impossible(number)), "INVALID_SCORE")
        check(await bob.post(UPDATE, impossible(8)), "SUSPICIOUS_ACTIVITY")


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN, Role.SERVICE])
async def test_staff_and_game_servers_are_left_to_people(stores: Stores, role: Role) -> None:
    async with strict(stores) as (api, ada):
        await api.platform.database.transact(lambda tx: players.set_role(tx, UUID(ada.id), role))
        for number in range(12):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")


async def test_what_a_person_decided_is_not_undone(stores: Stores) -> None:
    """A suspension that ends makes active; a hidden player would then be seen again."""
    async with strict(stores) as (api, ada):
        await change_status(api.platform, ada.username, PlayerStatus.HIDDEN, by="test")
        for number in range(12):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")
        [row] = await api.sql("SELECT status FROM players WHERE id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] == "hidden"
