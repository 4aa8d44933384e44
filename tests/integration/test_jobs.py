"""Asynchronous actions: queued, run once whatever dies, told by polling and by message."""

import asyncio
from typing import Any
from uuid import UUID

from scoreboard.live.bus import JobFinished, control_messages
from scoreboard.live.keys import CONTROL_CHANNEL
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.execute_action import run_due_jobs
from tests.conftest import Api, Running
from tests.ledger_check import check_ledger
from tests.stage import Person, Service, register, until

EXECUTE = "/api/v1/actions/execute"


async def finished(person: Person, job_id: str) -> dict[str, Any]:
    async def done() -> dict[str, Any] | None:
        reply = await person.get(f"/api/v1/jobs/{job_id}")
        assert reply.status_code == 200, reply.text
        job: dict[str, Any] = reply.json()
        return job if job["finished_at"] else None

    return dict(await until(done, what="the job being done"))


async def test_a_queued_action_is_done_by_the_worker_and_announced(running: Running) -> None:
    ada, bob = await register(running.client), await register(running.client)
    client = running.platform.live.blocking_client()
    heard: asyncio.Queue[JobFinished] = asyncio.Queue()

    async def listen() -> None:
        async for message in control_messages(client):
            if isinstance(message, JobFinished):
                heard.put_nowait(message)

    listening = asyncio.create_task(listen())

    async def subscribed() -> bool:
        [(_, listeners)] = await running.platform.live.redis.pubsub_numsub(CONTROL_CHANNEL)
        return bool(listeners)

    await until(subscribed)
    begun = await ada.begin("match")
    reply = await ada.post(EXECUTE, {"action_token": begun["action_token"], "points": 7})
    assert reply.status_code == 202
    accepted = reply.json()
    assert accepted["status"] == "queued"
    assert accepted.get("jobId") is None
    assert accepted["links"]["self"] == f"/api/v1/jobs/{accepted['job_id']}"
    job = await finished(ada, accepted["job_id"])
    assert (job["status"], job["problem"]) == ("succeeded", None)
    assert job["result"]["points"] == 7
    assert job["result"]["rank"]["current"] == 1
    message = await asyncio.wait_for(heard.get(), 5)
    assert (message.player_id, message.job_id, message.status) == (UUID(ada.id), UUID(job["job_id"]), "succeeded")
    assert message.result is not None
    listening.cancel()
    await client.aclose()
    assert (await bob.get(f"/api/v1/jobs/{job['job_id']}")).json()["code"] == "NOT_FOUND"


async def test_the_unversioned_path_gives_a_job_id_of_either_spelling(running: Running) -> None:
    ada = await register(running.client)
    accepted = (await ada.post("/api/actions/execute", {"action_id": "old", "kind": "tap"})).json()
    assert accepted["jobId"] == accepted["job_id"]
    assert (await finished(ada, accepted["job_id"]))["status"] == "succeeded"


async def test_a_refused_job_keeps_its_problem(running: Running) -> None:
    ada = await register(running.client)
    begun = await ada.begin("match")
    accepted = (await ada.post(EXECUTE, {"action_token": begun["action_token"], "points": 1000})).json()
    job = await finished(ada, accepted["job_id"])
    assert (job["status"], job["result"], job["problem"]["code"]) == ("failed", None, "INVALID_SCORE")
    assert (await ada.complete(begun, points=5)).status_code == 200


async def test_the_same_key_queues_once(running: Running) -> None:
    ada = await register(running.client)
    body = {"action_id": "keyed", "kind": "tap"}
    replies = await asyncio.gather(*(ada.post(EXECUTE, body, Idempotency_Key="j") for _ in range(20)))
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["job_id"] for reply in replies}) == 1
    await finished(ada, replies[0].json()["job_id"])
    assert len((await check_ledger(running.platform)).of(ada.id)) == 1


async def test_a_job_of_something_done_meanwhile_tells_its_result(api: Api, module_marker: OutboxMarker) -> None:
    ada = await register(api.client)
    begun = await ada.begin("quiz")
    accepted = (await ada.post(EXECUTE, {"action_token": begun["action_token"]})).json()
    await ada.complete(begun)
    assert await run_due_jobs(api.platform, module_marker) == 1
    job = await finished(ada, accepted["job_id"])
    assert job["problem"]["code"] == "ALREADY_COMPLETED"
    await check_ledger(api.platform)


async def test_a_worker_that_died_after_the_commit_counts_once(api: Api, module_marker: OutboxMarker) -> None:
    """The job was run, its end was not recorded: the next worker finds the result under the job's own key."""
    ada = await register(api.client)
    accepted = (await ada.post(EXECUTE, {"action_id": "crash", "kind": "tap"})).json()
    assert await run_due_jobs(api.platform, module_marker) == 1
    await module_marker.finish()
    first = await finished(ada, accepted["job_id"])
    await api.sql(
        "UPDATE jobs SET status = 'running', finished_at = NULL, result = NULL, run_after = now() WHERE id = :id",
        id=accepted["job_id"],
    )
    assert await run_due_jobs(api.platform, module_marker) == 1
    again = await finished(ada, accepted["job_id"])
    assert again["status"] == "succeeded"
    assert again["result"] == first["result"]
    assert len((await check_ledger(api.platform)).of(ada.id)) == 1


async def test_a_lease_keeps_a_job_from_the_next_worker_until_it_lapses(api: Api, module_marker: OutboxMarker) -> None:
    ada = await register(api.client)
    accepted = (await ada.post(EXECUTE, {"action_id": "leased", "kind": "tap"})).json()
    await api.sql(
        "UPDATE jobs SET status = 'running', tries = 1, run_after = now() + interval '30 s' WHERE id = :id",
        id=accepted["job_id"],
    )
    assert await run_due_jobs(api.platform, module_marker) == 0
    await api.sql("UPDATE jobs SET run_after = now() WHERE id = :id", id=accepted["job_id"])
    assert await run_due_jobs(api.platform, module_marker) == 1
    assert (await finished(ada, accepted["job_id"]))["status"] == "succeeded"


async def test_one_broken_job_does_not_stop_the_queue_and_is_given_up(api: Api, module_marker: OutboxMarker) -> None:
    ada = await register(api.client)
    broken = (await ada.post(EXECUTE, {"action_id": "broken", "kind": "tap"})).json()["job_id"]
    await api.sql("UPDATE jobs SET payload = '{\"nonsense\": true}' WHERE id = :id", id=broken)
    good = [(await ada.post(EXECUTE, {"action_id": f"good{n}", "kind": "tap"})).json()["job_id"] for n in range(3)]
    assert await run_due_jobs(api.platform, module_marker) == 4
    for job_id in good:
        assert (await finished(ada, job_id))["status"] == "succeeded"
    pauses = []
    for _ in range(api.wiring.settings.job_tries - 1):
        [row] = await api.sql(
            "SELECT status, tries, extract(epoch FROM run_after - clock_timestamp()) FROM jobs WHERE id = :id",
            id=broken,
        )
        assert row[0] == "queued"
        pauses.append(float(row[2]))
        await api.sql("UPDATE jobs SET run_after = now() WHERE id = :id", id=broken)
        assert await run_due_jobs(api.platform, module_marker) == 1
    assert pauses == sorted(pauses)
    job = await finished(ada, broken)
    assert (job["status"], job["problem"]["code"]) == ("failed", "INTERNAL_ERROR")


async def test_a_job_that_waited_past_its_token_counts(api: Api, module_marker: OutboxMarker) -> None:
    ada = await register(api.client)
    begun = await ada.begin("quiz")
    accepted = (await ada.post(EXECUTE, {"action_token": begun["action_token"]})).json()
    await api.sql(
        "UPDATE actions SET expires_at = (SELECT created_at FROM jobs WHERE id = :j) WHERE id = :a",
        j=accepted["job_id"],
        a=begun["action_id"],
    )
    await run_due_jobs(api.platform, module_marker)
    assert (await finished(ada, accepted["job_id"]))["status"] == "succeeded"


async def test_killing_the_worker_runs_every_job_once(running: Running) -> None:
    crowd = [await register(running.client) for _ in range(4)]
    running.worker.kill()
    quick = Service("worker", {**running.environment, "SCOREBOARD_JOB_LEASE": "0.5"}, running.folder / "quick.log")
    quick.start()
    queued: list[tuple[Person, str]] = []
    for n in range(120):
        person = crowd[n % 4]
        body = {"action_id": f"killed-{n}", "kind": "tap"}
        queued.append((person, (await person.post(EXECUTE, body)).json()["job_id"]))
        if n % 30 == 29:
            await finished(*queued[n - 20])
            quick.kill()
            quick.start()
    for person, job_id in queued:
        assert (await finished(person, job_id))["status"] == "succeeded"
    report = await check_ledger(running.platform)
    assert sum(len(report.of(person.id)) for person in crowd) == 120
    quick.stop()
    running.worker.start()
    await running.worker.ready()
