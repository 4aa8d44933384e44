"""Verdicts that hold without Redis, after a person's decision, in the stream, and in processes that run."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from scoreboard.domain.completion import CompletionRequest
from scoreboard.live import bus
from scoreboard.security.identifiers import new_id
from scoreboard.storage import jobs
from scoreboard.storage.database import Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.complete_actions import save_completions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.execute_action import JobPayload
from scoreboard.usecases.sweep_outbox import sweep_outbox
from scoreboard_realtime.news import item_parcels
from tests.conftest import Running, beside, launch
from tests.ledger_check import check_ledger
from tests.security.test_verdicts import HOLD_ONLY, NO_REDIS, UPDATE, board, cases, run_script, strict, tap
from tests.stage import Person, Stores, register, until


async def test_holding_goes_on_without_redis_and_nobody_is_suspended_then(stores: Stores) -> None:
    async with strict(stores) as (api, ada), beside(api, **NO_REDIS) as blind:
        answers = await run_script(blind, ada)
        assert answers[-1] == "hold"
        assert set(answers) == {"allow", "flag", "hold"}
        lone = Person(blind.client, ada.id, ada.username, ada.session)
        reply = await lone.post(UPDATE, tap(1))
        assert reply.status_code == 202
        [standing] = reply.json()["standings"]
        assert standing["provisional"]["score"] == len(answers) + 1
        assert standing["provisional"]["rank"] is None
        assert (await ada.post(UPDATE, tap(2))).status_code == 202  # the other process knows it as well
        [row] = await api.sql("SELECT status FROM players WHERE id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] == "active"


async def test_everything_lost_in_redis_changes_no_verdict(stores: Stores) -> None:
    async with strict(stores, **HOLD_ONLY) as (api, ada):
        await run_script(api, ada, 15)
        await api.platform.live.redis.flushdb()
        assert (await ada.post(UPDATE, tap(1))).status_code == 202


async def test_what_a_person_cleared_is_not_held_again(stores: Stores) -> None:
    async with strict(stores, **HOLD_ONLY) as (api, ada):
        await api.sql(
            "INSERT INTO player_suspicion (player_id, cleared_signals, cleared_until)"
            " VALUES (CAST(:id AS uuid), '{regular_intervals,repeated_pattern}', now() + interval '1 day')",
            id=ada.id,
        )
        assert set(await run_script(api, ada)) == {"allow"}
        assert await cases(api) == []


async def test_the_stream_and_the_sweep_tell_of_held_entries(stores: Stores) -> None:
    async with strict(stores, **HOLD_ONLY) as (api, ada):
        await run_script(api, ada, 15)
        before = await board(api, ada)
        request = CompletionRequest(UUID(ada.id), new_id(), b"lost", client_id="lost", kind_key="tap2")
        saved = await save_completions(api.platform, [request], api.wiring.marker)
        [completion] = saved.answers
        assert isinstance(completion, Completion)
        assert completion.held
        assert await sweep_outbox(api.platform, older_than=0) >= 1
        [*_, last] = await bus.recent_events(api.platform.live, count=10)
        [*_, item] = last.event.items
        assert (item.action_id, item.entry_type, item.verdict, item.places) == (request.action_id, "held", "hold", ())
        assert item.points == 2
        [parcel] = item_parcels(last, len(last.event.items) - 1, utc_now(), ())
        told = parcel.content
        assert (told["type"], told["channel"]) == ("score.update", "me")
        assert (told["data"]["verdict"], told["data"]["status"], told["data"]["board"]) == ("hold", "held", None)
        assert await board(api, ada) == before


async def test_what_came_before_the_script_counts_and_its_flags_are_evidence(stores: Stores) -> None:
    async with strict(stores, **HOLD_ONLY) as (api, ada):
        await ada.score("quiz")
        answers = await run_script(api, ada, 20)
        rows = await api.sql(
            "SELECT signal, verdict, value, reference, action_id IS NOT NULL, case_id IS NOT NULL"
            " FROM suspicion_events ORDER BY id"
        )
        verdicts = [row[1] for row in rows if row[5]]
        assert verdicts == sorted(verdicts, key=["flag", "hold"].index)
        assert all(row[2] is not None and row[3] and row[4] for row in rows)
        assert (await board(api, ada))[ada.username] == 10 + answers.count("allow") + answers.count("flag")
        [row] = await api.sql("SELECT holding FROM player_suspicion WHERE player_id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] is True


@pytest_asyncio.fixture
async def enforcing(stores: Stores, tmp_path: Path) -> AsyncIterator[Running]:
    async for started in launch(stores, tmp_path, SCOREBOARD_ANTICHEAT_MODE="enforce", **HOLD_ONLY):
        yield started


async def test_the_processes_hold_what_a_script_queues(enforcing: Running) -> None:
    """The jobs say that they came in two seconds apart; the worker completes them, the API shows what became of it."""
    ada, bob = await register(enforcing.client), await register(enforcing.client)
    began, rng = utc_now() - timedelta(minutes=1), Random(2)
    ids = [new_id() for _ in range(20)]

    async def queue(tx: Transaction) -> None:
        for number, job_id in enumerate(ids):
            payload = JobPayload(new_id(), bytes(8), f"tap-{number}", "tap", None, None, None)
            await jobs.add(tx, job_id, UUID(ada.id), msgspec.to_builtins(payload))
            came_in = began + timedelta(seconds=2 * number + rng.uniform(0, 0.004))
            await tx.fetch("UPDATE jobs SET created_at = $2 WHERE id = $1", job_id, came_in)

    await enforcing.platform.database.transact(queue)

    async def done() -> list[str] | None:
        states = [(await ada.get(f"/api/v1/jobs/{job_id}")).json() for job_id in ids]
        finished = [state["result"]["verdict"] for state in states if state["status"] == "succeeded"]
        return finished if len(finished) == len(ids) else None

    verdicts = await until(done, within=30)
    assert verdicts[-1] == "hold"
    counted = len(ids) - verdicts.count("hold")
    assert counted < 15
    entries = (await bob.get("/api/v1/boards/main/top")).json()["entries"]
    assert [(entry["username"], entry["score"]) for entry in entries] == [(ada.username, counted)]
    assert (await ada.get("/api/v1/boards/main/me")).json()["pending"]["points"] == verdicts.count("hold")
    assert (await ada.post(UPDATE, {"action_id": "later", "kind": "tap"})).status_code == 202
    await check_ledger(enforcing.platform)


@pytest.mark.full
async def test_a_script_against_running_processes_is_held_within_twenty_actions(enforcing: Running) -> None:
    """In real time, so it needs a machine that answers evenly."""
    ada = await register(enforcing.client)
    began, verdicts = asyncio.get_running_loop().time(), []
    for number in range(20):
        reply = await ada.post(UPDATE, tap(number))
        verdicts.append(reply.json()["verdict"])
        if reply.status_code == 202:
            break
        await asyncio.sleep(began + 1.5 * (number + 1) - asyncio.get_running_loop().time())
    assert verdicts[-1] == "hold"
