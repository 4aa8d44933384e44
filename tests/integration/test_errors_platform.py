"""Refusals of the platform itself: limits, overload, deadlines, faults of ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from scoreboard.security.identifiers import new_id
from tests.conftest import Api, beside, open_api
from tests.refusals import check, refused
from tests.stage import PASSWORD, Person, Stores, register

CREATE, UPDATE, EXECUTE = "/api/v1/actions", "/api/v1/scores/update", "/api/v1/actions/execute"
LOGIN, REGISTER = "/api/v1/auth/login", "/api/v1/auth/register"


@pytest.fixture(scope="module")
async def ada(api: Api) -> Person:
    return await register(api.client)


async def test_limits(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_ACTION_PER_MINUTE="2") as api:
        ada = await register(api.client)
        for n in range(2):
            assert (await ada.post(UPDATE, {"action_id": f"l{n}", "kind": "tap"})).status_code == 200
        reply = await refused(api, lambda: ada.post(UPDATE, {"action_id": "l9", "kind": "tap"}), "ACTION_LIMIT")
        assert 28 <= int(reply.headers["Retry-After"]) <= 30
        assert (await ada.post(CREATE, {"kind": "quiz"})).status_code == 201  # another kind, another bucket
    write = {"SCOREBOARD_PLAYER_WRITE_RATE": "0.1", "SCOREBOARD_PLAYER_WRITE_BURST": "2"}
    read = {"SCOREBOARD_PLAYER_READ_RATE": "0.1", "SCOREBOARD_PLAYER_READ_BURST": "2"}
    async with open_api(stores, **write, **read) as api:
        ada, bob = await register(api.client), await register(api.client)
        for _ in range(2):
            await ada.begin("quiz")
            assert (await ada.get("/api/v1/players/me")).status_code == 200
        reply = await refused(api, lambda: ada.post(CREATE, {"kind": "quiz"}), "USER_RATE_LIMIT")
        assert 9 <= int(reply.headers["Retry-After"]) <= 10
        await refused(api, lambda: ada.get("/api/v1/players/me"), "USER_RATE_LIMIT")
        await refused(api, lambda: ada.get("/api/v1/boards/main/top"), "USER_RATE_LIMIT")
        await bob.begin("quiz")
    async with open_api(stores, SCOREBOARD_LOGIN_ACCOUNT_PER_MINUTE="3") as api:
        ada = await register(api.client, "adaline")
        names = ("adaline", "ADALINE", "ａdaline")
        for name in names:
            check(
                await api.client.post(LOGIN, json={"username": name, "password": "wrong wrong"}), "INVALID_CREDENTIALS"
            )
        for name in (*names, "aＤaline"):
            attempt = {"username": name, "password": PASSWORD}
            await refused(api, lambda a=attempt: api.client.post(LOGIN, json=a), "USER_RATE_LIMIT")  # type: ignore[misc]
    async with open_api(stores, SCOREBOARD_LOGIN_ADDRESS_PER_MINUTE="2") as api:
        await register(api.client)
        await register(api.client)
        body = {"username": "third one", "password": PASSWORD}
        await refused(api, lambda: api.client.post(REGISTER, json=body), "TOO_MANY_REQUESTS")
    async with open_api(stores, SCOREBOARD_ADDRESS_RATE="0.1", SCOREBOARD_ADDRESS_BURST="3") as api:
        replies = [await api.client.get("/api/v1/boards") for _ in range(4)]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
        check(replies[3], "TOO_MANY_REQUESTS")
        assert (await api.client.get("/health/live")).status_code == 200
    async with open_api(
        stores, SCOREBOARD_ADDRESS_RATE="0.1", SCOREBOARD_ADDRESS_BURST="1", SCOREBOARD_TRUSTED_PROXY_HOPS="1"
    ) as api:
        replies = [
            await api.client.get("/api/v1/boards", headers={"X-Forwarded-For": value})
            for value in ("10.0.0.1", "10.0.0.2", "6.6.6.6, 10.0.0.1")
        ]
        assert [reply.status_code for reply in replies] == [200, 200, 429]


async def test_limits_without_redis_are_this_replicas_share(stores: Stores) -> None:
    write = {"SCOREBOARD_PLAYER_WRITE_RATE": "0.1", "SCOREBOARD_PLAYER_WRITE_BURST": "4", "SCOREBOARD_REPLICAS": "2"}
    async with open_api(stores, **write) as api:
        ada = await register(api.client)
        stores.valkey.kill()
        try:
            codes = [(await ada.post(CREATE, {"kind": "quiz"})).status_code for _ in range(4)]
        finally:
            stores.valkey.start()
        assert codes == [201, 201, 429, 429]


async def test_overload_is_refused_at_once(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_QUEUE_BOUND="5") as api:
        ada = await register(api.client)
        connection = await asyncpg.connect(api.environment["DATABASE_URL"])
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT 1 FROM ledger_head FOR UPDATE")  # every commit waits
        calls = [asyncio.create_task(ada.post(UPDATE, {"action_id": f"o{n}", "kind": "tap"})) for n in range(20)]
        done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        check(next(iter(done)).result(), "OVERLOADED")
        await transaction.rollback()
        await connection.close()
        replies = [call.result() for call in done] + await asyncio.gather(*waiting)
        assert {reply.status_code for reply in replies} == {200, 503}
        for reply in replies:
            if reply.status_code == 503:
                check(reply, "OVERLOADED")


async def test_draining(stores: Stores) -> None:
    async with open_api(stores) as api:
        ada = await register(api.client)
        api.wiring.draining = True
        await refused(api, lambda: ada.post(CREATE, {"kind": "quiz"}), "DRAINING")
        ready = await api.client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "draining")
        assert (await api.client.get("/health/live")).status_code == 200


async def test_no_answer_in_time_and_the_outcome_is_found_by_the_key(stores: Stores) -> None:
    """Two statements of one transaction are slow: each within its own time, together past the request's."""
    times = {
        "SCOREBOARD_REQUEST_DEADLINE": "0.8",
        "SCOREBOARD_DATABASE_STATEMENT_TIMEOUT": "0.79",
        "SCOREBOARD_DATABASE_LOCK_TIMEOUT": "0.78",
    }
    async with open_api(stores) as patient, beside(patient, **times) as hasty:
        ada = await register(patient.client)
        await patient.sql(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END'"
        )
        for table in ("scores", "ledger"):
            await patient.sql(f"CREATE TRIGGER slow BEFORE INSERT ON {table} EXECUTE FUNCTION dawdle()")
        body = {"action_id": "late", "kind": "tap"}
        in_haste = Person(hasty.client, ada.id, ada.username, ada.session)
        check(await in_haste.post(UPDATE, body, Idempotency_Key="late"), "DEADLINE_EXCEEDED")
        reply = await ada.insist(UPDATE, body, "late")
        assert (reply.status_code, reply.headers["Idempotency-Replayed"]) == (200, "true")
        assert reply.json()["score"]["current"] == 1


@asynccontextmanager
async def broken(api: Api, table: str) -> AsyncIterator[None]:
    await api.sql(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        await api.sql(f"ALTER TABLE {table}_away RENAME TO {table}")


async def test_our_own_faults_say_nothing(api: Api, ada: Person) -> None:
    async with broken(api, "jobs"):
        reply = await ada.get(f"/api/v1/jobs/{new_id()}")
        check(reply, "INTERNAL_ERROR")
        assert "jobs" not in reply.json()["detail"]
    async with broken(api, "player_kinds"):
        reply = await ada.post(UPDATE, {"action_id": "fault", "kind": "tap"})
        check(reply, "INTERNAL_ERROR")
        assert "player_kinds" not in reply.text
    assert (await ada.post(UPDATE, {"action_id": "fault", "kind": "tap"})).status_code == 200


async def test_a_commit_that_fails_is_not_acknowledged(api: Api, ada: Person) -> None:
    """The trigger speaks at the commit itself, when everything else has succeeded."""
    begun = await ada.begin("quiz")
    await api.sql(
        "CREATE FUNCTION fail_commit() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'admin_shutdown'; END $$"
    )
    await api.sql(
        "CREATE CONSTRAINT TRIGGER fail_commit AFTER INSERT ON ledger DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION fail_commit()"
    )
    try:
        await refused(api, lambda: ada.complete(begun), "DEPENDENCY_UNAVAILABLE")
        keyed = {"action_id": "commit", "kind": "tap"}
        await refused(api, lambda: ada.post(UPDATE, keyed, Idempotency_Key="commit"), "DEPENDENCY_UNAVAILABLE")
    finally:
        await api.sql("DROP TRIGGER fail_commit ON ledger")
    assert (await ada.complete(begun)).status_code == 200
    assert (await ada.post(UPDATE, keyed, Idempotency_Key="commit")).status_code == 200


async def test_the_request_id_is_ours_unless_it_is_decent(api: Api) -> None:
    given = await api.client.get("/nothing", headers={"X-Request-Id": "abcdefgh-1"})
    assert given.json()["request_id"] == "abcdefgh-1"
    sly = await api.client.get("/nothing", headers={"X-Request-Id": "<script>alert(1)</script>"})
    assert sly.json()["request_id"] != "<script>alert(1)</script>"


async def test_a_person_gets_a_page_and_a_program_a_problem(api: Api) -> None:
    page = await api.client.get("/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (404, "text/html")
    check(await api.client.get("/api/v1/nothing", headers={"Accept": "text/html"}), "NOT_FOUND")
