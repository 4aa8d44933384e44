"""Scripts that stay within the rules: flagged, held, suspended, each as the policy says. Real stores, real requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.errors import Refusal
from scoreboard.domain.player import Role
from scoreboard.domain.policy import AntiCheatPolicy, Mode
from scoreboard.security.identifiers import new_id
from scoreboard.storage import players
from scoreboard.telemetry import utc_now
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.configure import configure
from scoreboard.usecases.execute_action import run_due_jobs
from tests.conftest import Api, open_api
from tests.ledger_check import check_ledger, settled
from tests.refusals import check
from tests.stage import PASSWORD, Person, Stores, register, until

UPDATE = "/api/v1/scores/update"
NO_REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0"}
HOLD_ONLY = {"SCOREBOARD_SUSPICION_SUSPEND": "1"}


@asynccontextmanager
async def strict(stores: Stores, **settings: str) -> AsyncIterator[tuple[Api, Person]]:
    async with open_api(stores, SCOREBOARD_ANTICHEAT_MODE="enforce", **settings) as api:
        yield api, await register(api.client)


async def run_script(api: Api, who: Person, events: int = 40, kind: str = "tap") -> list[str]:
    """A program that acts every two seconds: what it is answered, until it is told off.

    The requests say when they came in, as queued ones do; nobody has to wait for the seconds to pass.
    """
    answers: list[str] = []
    rng = Random(1)
    moment = utc_now() - timedelta(seconds=3 * events)
    for number in range(events):
        moment += timedelta(seconds=2 + rng.uniform(0, 0.004))
        request = CompletionRequest(
            *(UUID(who.id), new_id(), number.to_bytes(8)),
            client_id=f"script-{number}",
            kind_key=kind,
            accepted_at=moment,
        )
        [answer] = await complete_actions(api.platform, [request], api.wiring.marker)
        answers.append(str(answer.code) if isinstance(answer, Refusal) else answer.verdict)
        if isinstance(answer, Refusal):
            break
    return answers


def judged() -> float:
    """How many batches the rules judged in this process."""
    return REGISTRY.get_sample_value("scoreboard_anticheat_seconds_count", {"engine": "inline"}) or 0.0


def tap(number: int) -> dict[str, Any]:
    return {"action_id": f"tap-{number}", "kind": "tap"}


async def board(api: Api, who: Person) -> dict[str, int]:
    """The public board as somebody sees it: score by name."""
    reply = await who.get("/api/v1/boards/main/top", limit=100)
    return {entry["username"]: entry["score"] for entry in reply.json()["entries"]}


async def cases(api: Api) -> list[tuple[str, str, str]]:
    rows = await api.sql("SELECT source, verdict, status FROM review_cases ORDER BY number")
    return [tuple(row) for row in rows]


async def test_a_script_is_flagged_held_and_suspended_and_its_points_never_reach_the_board(stores: Stores) -> None:
    async with strict(stores) as (api, ada):
        bob = await register(api.client)
        before = judged()
        answers = await run_script(api, ada)
        assert judged() - before == len(answers), "each once, also the last, which had to be tried again"
        assert answers == [
            *["allow"] * answers.count("allow"),
            *["flag"] * answers.count("flag"),
            *["hold"] * answers.count("hold"),
            "SUSPICIOUS_ACTIVITY",
        ]
        assert 0 < answers.count("flag") < 5
        assert answers.index("hold") < 20
        granted = answers.count("allow") + answers.count("flag")
        [row] = await api.sql("SELECT score, visible FROM scores WHERE player_id = CAST(:id AS uuid)", id=ada.id)
        assert tuple(row) == (granted, False)
        assert ada.username not in await board(api, bob)
        assert await cases(api) == [("rules", "suspend", "open")]
        rows = await api.sql("SELECT status, count(*) FROM actions GROUP BY status ORDER BY status")
        assert [tuple(row) for row in rows] == [("completed", granted), ("held", answers.count("hold"))]
        check(await ada.post(UPDATE, tap(1)), "ACCOUNT_SUSPENDED")
        credentials = {"username": ada.username, "password": PASSWORD}
        check(await api.client.post("/api/v1/auth/login", json=credentials), "ACCOUNT_SUSPENDED")
        [row] = await api.sql("SELECT detail->>'by' FROM audit_log WHERE event = 'player.status_changed'")
        assert row[0].startswith("anti-cheat: regular_intervals")
        signals = {row[0] for row in await api.sql("SELECT DISTINCT signal FROM suspicion_events")}
        assert "regular_intervals" in signals
        await check_ledger(api.platform, hidden=True)


@pytest.mark.parametrize(
    ("policy", "last", "case"),
    [
        (AntiCheatPolicy("p", mode=Mode.SHADOW), "allow", None),
        (AntiCheatPolicy("p", hold=1, suspend=1), "flag", "flag"),
        (AntiCheatPolicy("p", suspend=1), "hold", "hold"),
        (AntiCheatPolicy("p"), "SUSPICIOUS_ACTIVITY", "suspend"),
        (AntiCheatPolicy("p", kinds=("quiz",)), "allow", None),
    ],
    ids=["shadow", "flag", "hold", "suspend", "another kind's"],
)
async def test_the_policy_says_how_far_it_goes(
    stores: Stores, policy: AntiCheatPolicy, last: str, case: str | None
) -> None:
    async with open_api(stores) as api:  # in shadow mode where no policy says otherwise
        await configure(api.platform, [], [], policies=[policy], managed_by="test")
        ada = await register(api.client)
        answers = await run_script(api, ada)
        assert answers[-1] == last
        assert await cases(api) == ([("rules", case, "open")] if case else [])
        noted = await api.sql("SELECT DISTINCT verdict FROM suspicion_events")
        expected = {"allow": {"flag", "hold", "suspend"}, "flag": {"flag"}, "hold": {"flag", "hold"}}
        assert {row[0] for row in noted} - {"allow"} == expected.get(last, {"flag", "hold", "suspend"})
        if last == "allow":
            assert set(answers) == {"allow"}
            assert (await board(api, ada))[ada.username] == len(answers)
            await check_ledger(api.platform)


async def test_a_held_completion_is_told_to_its_owner_only(stores: Stores) -> None:
    async with strict(stores, **HOLD_ONLY) as (api, ada):
        bob, eve = await register(api.client), await register(api.client)
        for person, points in ((bob, 10), (eve, 5)):
            for _ in range(3):
                assert (await person.complete(await person.begin("match"), points=points)).status_code == 200
        answers = await run_script(api, ada, 15)
        granted, held = answers.count("allow") + answers.count("flag"), answers.count("hold")
        assert granted < 15 < granted + held + 2  # above eve, should it count
        reply = await ada.post(UPDATE, {"action_id": "mine", "kind": "tap2"}, Idempotency_Key="one")
        assert reply.status_code == 202
        body = reply.json()
        assert (body["verdict"], body["points"]) == ("hold", 2)
        assert body["score"] == {"previous": granted, "current": granted}
        assert body["rank"] is None
        [standing] = body["standings"]
        assert standing["score"] == granted
        assert standing["provisional"] == {"score": granted + held + 2, "rank": 2}
        state = (await ada.get(f"/api/v1/actions/{body['action_id']}")).json()
        assert (state["status"], state["token"], state["points"]) == ("held", "consumed", 2)

        async def replayed() -> bool:  # ranks are added to the stored answer a moment after it was given
            again = await ada.post(UPDATE, {"action_id": "mine", "kind": "tap2"}, Idempotency_Key="one")
            assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
            return bool(again.json() == body)

        await until(replayed)
        repeated = check(await ada.post(UPDATE, {"action_id": "mine", "kind": "tap2"}), "ALREADY_COMPLETED")
        assert repeated["result"]["verdict"] == "hold"
        assert repeated["result"]["score"]["current"] == granted

        me = (await ada.get("/api/v1/boards/main/me")).json()
        assert me["score"] == granted
        assert me["pending"] == {
            "actions": held + 1,
            "points": held + 2,
            "score": granted + held + 2,
            "rank": 2,
        }
        assert (await board(api, bob))[ada.username] == granted
        assert (await bob.get("/api/v1/boards/main/me")).json()["pending"] is None
        await settled(api.platform)
        await check_ledger(api.platform, [body])


async def test_who_has_only_held_points_sees_them(stores: Stores) -> None:
    async with strict(stores, **HOLD_ONLY) as (api, ada):
        await run_script(api, ada, 15, kind="tap")
        begun = await ada.begin("lap")
        reply = await ada.complete(begun, points=500)
        assert reply.status_code == 202
        [standing] = reply.json()["standings"]
        assert (standing["score"], standing["rank"]) == (None, None)
        assert standing["provisional"] == {"score": 500, "rank": 1}
        me = (await ada.get("/api/v1/boards/fastest/me")).json()
        assert (me["score"], me["rank"], me["percentile"]) == (None, None, None)
        assert me["pending"] == {"actions": 1, "points": 500, "score": 500, "rank": 1}
        assert (await ada.get("/api/v1/boards/fastest/top")).json()["entries"] == []


async def test_batches_and_jobs_carry_the_verdict(stores: Stores) -> None:
    async with strict(stores, **HOLD_ONLY) as (api, ada):
        await run_script(api, ada, 15)
        begun = await ada.begin("quiz")
        server = await register(api.client)
        await api.platform.database.transact(lambda tx: players.set_role(tx, UUID(server.id), Role.SERVICE))
        login = {"username": server.username, "password": PASSWORD}
        session = (await api.client.post("/api/v1/auth/login", json=login)).json()
        service = Person(api.client, server.id, server.username, session)
        items = {"items": [{"player_id": ada.id, "action_token": begun["action_token"]}]}
        reply = await service.post("/api/v1/actions/complete-batch", items, Idempotency_Key="batch")
        [item] = reply.json()["items"]
        assert (item["status"], item["result"]["verdict"]) == (202, "hold")

        queued = await ada.post("/api/v1/actions/execute", tap(7))
        while await run_due_jobs(api.platform, api.wiring.marker):
            pass
        job = (await ada.get(f"/api/v1/jobs/{queued.json()['job_id']}")).json()
        assert (job["status"], job["result"]["verdict"]) == ("succeeded", "hold")
