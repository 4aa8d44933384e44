"""The same Idempotency-Key, the same answer: at once, later, from both phases, never for something else."""

import asyncio
from typing import Any

import httpx2 as httpx

from scoreboard.storage import idempotency
from tests.conftest import Api
from tests.ledger_check import check_ledger
from tests.stage import register

UPDATE = "/api/v1/scores/update"


async def test_a_repeated_creation_is_the_same_action(api: Api) -> None:
    ada = await register(api.client)
    replies = await asyncio.gather(
        *(ada.post("/api/v1/actions", {"kind": "quiz"}, Idempotency_Key="c") for _ in range(30))
    )
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.text for reply in replies}) == 1
    assert sum("Idempotency-Replayed" in reply.headers for reply in replies) == 29
    later = await ada.post("/api/v1/actions", {"kind": "quiz"}, Idempotency_Key="c")
    assert later.json() == replies[0].json()
    other = await ada.post("/api/v1/actions", {"kind": "match"}, Idempotency_Key="c")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    [row] = await api.sql("SELECT count(*) FROM actions WHERE player_id = :p", p=ada.id)
    assert row[0] == 1


async def test_a_replay_is_the_first_answer_ranks_and_all(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    body = {"action_id": "r", "kind": "tap2"}
    first = await ada.post(UPDATE, body, Idempotency_Key="r")
    assert first.status_code == 200
    await api.wiring.marker.finish()
    for n in range(3):
        await bob.post(UPDATE, {"action_id": f"r{n}", "kind": "tap2"})
    again = await ada.post(UPDATE, body, Idempotency_Key='"r"')
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


async def test_keys_are_each_players_own(api: Api) -> None:
    ada, bob = await register(api.client), await register(api.client)
    replies = [await who.post(UPDATE, {"action_id": "own", "kind": "tap"}, Idempotency_Key="own") for who in (ada, bob)]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[0].json()["action_id"] != replies[1].json()["action_id"]


async def test_the_key_of_a_refused_request_can_be_used_again(api: Api) -> None:
    ada = await register(api.client)
    begun = await ada.begin("match")
    path = f"/api/v1/actions/{begun['action_id']}/complete"

    async def complete(points: int) -> httpx.Response:
        return await ada.post(path, {"action_token": begun["action_token"], "points": points}, Idempotency_Key="again")

    assert (await complete(1000)).json()["code"] == "INVALID_SCORE"
    assert (await complete(10)).status_code == 200
    assert (await complete(11)).json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert (await complete(10)).status_code == 200
    without = await ada.post(path, {"action_token": begun["action_token"], "points": 10})
    assert without.json()["code"] == "ALREADY_COMPLETED"
    other = await ada.post(path, {"action_token": begun["action_token"], "points": 10}, Idempotency_Key="another")
    assert other.json()["code"] == "ALREADY_COMPLETED"
    await check_ledger(api.platform)


async def test_two_requests_race_for_one_key(api: Api) -> None:
    ada = await register(api.client)
    bodies = [{"action_id": f"race{n % 2}", "kind": "tap"} for n in range(40)]
    replies = await asyncio.gather(*(ada.post(UPDATE, body, Idempotency_Key="race") for body in bodies))
    winners = [reply for reply in replies if reply.status_code == 200]
    losers = [reply for reply in replies if reply.status_code == 422]
    assert len(winners) == len(losers) == 20
    assert len({reply.json()["action_id"] for reply in winners}) == 1
    assert len((await check_ledger(api.platform)).of(ada.id)) == 1


async def test_keys_are_forgotten_in_time(api: Api) -> None:
    ada = await register(api.client)
    body: dict[str, Any] = {"action_id": "old", "kind": "tap"}
    await ada.post(UPDATE, body, Idempotency_Key="old")
    await api.sql("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'")
    assert await api.platform.database.transact(lambda tx: idempotency.forget(tx, 86400)) >= 1
    again = await ada.post(UPDATE, body, Idempotency_Key="old")
    assert again.json()["code"] == "ALREADY_COMPLETED"  # the row still knows
