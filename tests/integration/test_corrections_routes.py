"""Corrections over HTTP: preview, apply, list, undo; keys, conflicts, and what is refused."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest

from scoreboard.usecases.run_seasons import run_seasons
from tests.conftest import Api, beside, open_api
from tests.integration.reviewing import moderator
from tests.refusals import check
from tests.stage import Person, Stores, register

PATH = "/api/v1/moderation/corrections"


async def preview(staff: Person, **scope: Any) -> dict[str, Any]:
    reply = await staff.post(f"{PATH}/preview", {"scope": scope})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def apply(staff: Person, seen: dict[str, Any], key: str | None = None, **scope: Any) -> httpx.Response:
    body = {"scope": scope, "reason": "a leaked bot", "digest": seen["digest"]}
    return await staff.post(PATH, body, Idempotency_Key=key or secrets.token_hex(8))


async def rank(api: Api, player: Person) -> int | None:
    reply = await player.get("/api/v1/boards/main/me")
    return reply.json()["rank"] if reply.status_code == 200 else None


async def test_nobody_corrects_their_own_results(api: Api) -> None:
    staff, other, ada = await moderator(api), await moderator(api), await register(api.client)
    await staff.score("match", points=7)
    await ada.score("match", points=7)
    since = (await api.sql("SELECT min(at) FROM ledger WHERE player_id = CAST(:id AS uuid)", id=staff.id))[0][0]
    scope = {"kind": "match", "since": since.isoformat()}
    check(await apply(staff, await preview(staff, **scope), **scope), "FORBIDDEN")
    made = await apply(other, await preview(other, **scope), **scope)
    assert made.status_code == 201, made.text
    undo = f"{made.json()['links']['self']}/undo"
    check(await staff.post(undo, {"reason": "mine"}, Idempotency_Key=secrets.token_hex(8)), "FORBIDDEN")
    assert await rank(api, staff) is None
    undone = await other.post(undo, {"reason": "fair"}, Idempotency_Key=secrets.token_hex(8))
    assert undone.status_code == 200, undone.text
    assert await rank(api, staff) is not None


async def test_from_preview_to_undo(api: Api) -> None:
    await run_seasons(api.platform)
    staff, ada, bob = await moderator(api), await register(api.client), await register(api.client)
    await ada.score("match", points=100)
    await bob.score("match", points=99)
    before = [await rank(api, ada), await rank(api, bob)]
    seen = await preview(staff, player_id=ada.id)
    assert (seen["actions"], seen["players"], seen["points"]) == (1, 1, 100)
    assert seen["scope"] == {"player_id": ada.id, "action_id": None, "kind": None, "since": None, "until": None}
    [main] = [board for board in seen["boards"] if board["board"] == "main"]
    assert main["season_status"] == "open"
    assert main["changes"][0] == {
        "player_id": ada.id,
        "username": ada.username,
        "rank_before": before[0],
        "rank_after": None,
        "score_before": 100,
        "score_after": None,
    }
    assert [await rank(api, ada), await rank(api, bob)] == before

    reply = await apply(staff, seen, player_id=ada.id)
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert reply.headers["Location"] == made["links"]["self"]
    assert {name: made[name] for name in ("actions", "players", "points", "reason", "undone_at", "not_restored")} == {
        **{"actions": 1, "players": 1, "points": 100},
        **{"reason": "a leaked bot", "undone_at": None, "not_restored": 0},
    }
    assert made["applied_by"] == {"id": staff.id, "username": staff.username}
    assert made["boards"] == seen["boards"]
    assert await rank(api, ada) is None
    history = (await ada.get("/api/v1/players/me/history")).json()["items"]
    assert [(item["entry_type"], item["points"]) for item in history] == [("voided", 100), ("applied", 100)]
    assert history[0]["scores"][0]["current"] is None
    listed = (await staff.get(PATH)).json()
    assert listed["items"][0] == made == (await staff.get(made["links"]["self"])).json()

    undo = await staff.post(made["links"]["undo"], {"reason": "it was her sister"}, Idempotency_Key="u1")
    assert undo.status_code == 200, undo.text
    assert undo.json()["undone_by"]["id"] == staff.id
    assert [await rank(api, ada), await rank(api, bob)] == before
    again = await staff.post(made["links"]["undo"], {"reason": "it was her sister"}, Idempotency_Key="u1")
    assert (again.status_code, again.json()) == (200, undo.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    check(await staff.post(made["links"]["undo"], {"reason": "once more"}, Idempotency_Key="u2"), "CONFLICT")


async def test_a_key_makes_one_correction_whatever_the_timing(api: Api) -> None:
    staff, ada = await moderator(api), await register(api.client)
    await ada.score("quiz")
    seen, key = await preview(staff, player_id=ada.id), secrets.token_hex(8)
    replies = await asyncio.gather(*(apply(staff, seen, key, player_id=ada.id) for _ in range(4)))
    assert {reply.status_code for reply in replies} == {201}, [reply.text for reply in replies]
    assert len({reply.json()["id"] for reply in replies}) == 1
    later = await apply(staff, seen, key, player_id=ada.id)
    assert (later.status_code, later.headers["Idempotency-Replayed"]) == (201, "true")
    assert later.json() == replies[0].json()
    check(await apply(staff, {"digest": "0" * 64}, key, player_id=ada.id), "IDEMPOTENCY_KEY_REUSED")
    check(await apply(staff, seen, player_id=ada.id), "CONFLICT")  # another key: nothing is there any more
    body = {"scope": {"kind": "quiz"}, "reason": "x", "digest": "0" * 64}
    check(await staff.post(PATH, body), "IDEMPOTENCY_KEY_MISSING")


async def test_twins_in_two_processes(stores: Stores) -> None:
    """The same key at the same time in two replicas: one makes it, the other answers with it or asks for patience."""
    async with open_api(stores) as one, beside(one) as two:
        staff, ada = await moderator(one), await register(one.client)
        await ada.score("quiz")
        seen, key = await preview(staff, player_id=ada.id), secrets.token_hex(8)
        twin = Person(two.client, staff.id, staff.username, staff.session)
        replies = await asyncio.gather(*(apply(who, seen, key, player_id=ada.id) for who in (staff, twin)))
        assert {reply.status_code for reply in replies} == {201}, [reply.text for reply in replies]
        assert len({reply.json()["id"] for reply in replies}) == 1
        assert len(await one.sql("SELECT 1 FROM corrections")) == 1


async def test_a_correction_outlives_its_request(stores: Stores) -> None:
    """Rows that somebody else holds for longer than the request may take: the same key tells how it ended."""
    async with open_api(
        stores,
        SCOREBOARD_REQUEST_DEADLINE="1.2",
        SCOREBOARD_DATABASE_STATEMENT_TIMEOUT="1.1",
        SCOREBOARD_DATABASE_LOCK_TIMEOUT="1",
        SCOREBOARD_TRANSACTION_TRIES="10",
    ) as api:
        staff, ada = await moderator(api), await register(api.client)
        await ada.score("quiz")
        seen, key = await preview(staff, player_id=ada.id), secrets.token_hex(8)
        held, done = asyncio.Event(), asyncio.Event()

        async def keep(tx: Any) -> None:
            await tx.fetch("SELECT 1 FROM actions WHERE status = 'completed' FOR UPDATE")
            held.set()
            await done.wait()

        keeper = asyncio.create_task(api.platform.database.transact(keep))
        await held.wait()
        check(await apply(staff, seen, key, player_id=ada.id), "DEADLINE_EXCEEDED")
        assert not await api.sql("SELECT 1 FROM corrections")
        done.set()
        await keeper
        body = {"scope": {"player_id": ada.id}, "reason": "a leaked bot", **_digest(seen)}
        reply = await staff.insist(PATH, body, key)
        assert reply.status_code == 201, reply.text
        assert len(await api.sql("SELECT 1 FROM corrections")) == 1


def _digest(seen: dict[str, Any]) -> dict[str, Any]:
    return {"digest": seen["digest"]}


async def test_a_preview_that_time_has_overtaken(api: Api) -> None:
    staff, ada = await moderator(api), await register(api.client)
    await ada.score("quiz")
    seen = await preview(staff, player_id=ada.id)
    await ada.score("quiz")
    check(await apply(staff, seen, player_id=ada.id), "CONFLICT")
    assert (await preview(staff, player_id=ada.id))["actions"] == 2


REFUSED = {
    "everything": ({}, "VALIDATION_ERROR"),
    "an empty interval": ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "VALIDATION_ERROR"),
    "a moment without a zone": ({"since": "2026-01-02T00:00:00"}, "VALIDATION_ERROR"),
    "no moment": ({"since": "yesterday"}, "VALIDATION_ERROR"),
    "a moment before all others": ({"since": "0001-01-01T00:00:00+14:00"}, "VALIDATION_ERROR"),
    "a moment after all others": ({"until": "9999-12-31T23:59:59.999999-12:00"}, "VALIDATION_ERROR"),
    "a kind with a zero": ({"kind": "a\0b"}, "VALIDATION_ERROR"),
    "a field of ours": ({"kind": "quiz", "limit": 5}, "VALIDATION_ERROR"),
    "no player": ({"player_id": "ada"}, "NOT_FOUND"),
    "no action": ({"action_id": "7"}, "NOT_FOUND"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_scopes_that_are_refused(api: Api, name: str) -> None:
    scope, code = REFUSED[name]
    staff = await moderator(api)
    check(await staff.post(f"{PATH}/preview", {"scope": scope}), code)
    check(await apply(staff, {"digest": "0" * 64}, **scope), code)


async def test_what_is_not_there(api: Api) -> None:
    staff, ada = await moderator(api), await register(api.client)
    await ada.score("quiz")
    nobody = "019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b"
    for wanted in (nobody, "x"):
        check(await staff.get(f"{PATH}/{wanted}"), "NOT_FOUND")
        check(await staff.post(f"{PATH}/{wanted}/undo", {"reason": "x"}, Idempotency_Key="n"), "NOT_FOUND")
        digest = _digest(await preview(staff, player_id=ada.id))
        body = {"scope": {"player_id": ada.id}, "reason": "x", "case_id": wanted, **digest}
        check(await staff.post(PATH, body, Idempotency_Key=secrets.token_hex(8)), "NOT_FOUND")
    assert (await preview(staff, player_id=nobody))["actions"] == 0
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert (await preview(staff, since=future))["boards"] == []


async def test_pages_of_corrections(stores: Stores) -> None:
    async with open_api(stores) as api:
        staff, ada = await moderator(api), await register(api.client)
        for _ in range(3):
            await ada.score("quiz")
            assert (await apply(staff, await preview(staff, player_id=ada.id), player_id=ada.id)).status_code == 201
        first = (await staff.get(PATH, limit=2)).json()
        assert [item["number"] for item in first["items"]] == [3, 2]
        second = (await staff.get(PATH, limit=2, cursor=first["next_cursor"])).json()
        assert ([item["number"] for item in second["items"]], second["next_cursor"]) == ([1], None)
