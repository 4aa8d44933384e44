"""The services run with no more rights than they need: what only grows cannot be changed by them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

from scoreboard.storage.database import driver_url
from scoreboard.storage.migrate import migrate
from scoreboard.storage.privileges import WRITER, grant_writer, make_login
from scoreboard.usecases.check_platform import check_platform
from scoreboard.usecases.roll_up_activity import ActivityRollUp
from scoreboard.usecases.run_seasons import run_seasons
from scoreboard.usecases.seal_audit import seal_audit
from scoreboard.usecases.sign_seasons import sign_seasons
from scoreboard.usecases.sweep_outbox import sweep_outbox
from scoreboard.usecases.verify_audit import verify_audit
from scoreboard.usecases.verify_ledger import verify_ledger
from scoreboard_worker.loops import _forget
from tests.conftest import Api, open_api
from tests.stage import PASSWORD, Stores, register


async def new_login(stores: Stores, *options: str) -> tuple[str, str]:
    """A new login role; its name and password. Roles belong to the cluster, so its name is never used again."""
    role, password = f"login_{secrets.token_hex(6)}", secrets.token_hex(12)
    await stores._run(f"CREATE ROLE {role} LOGIN PASSWORD '{password}' {' '.join(options)}")
    return role, password


def as_login(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}").geturl()


@pytest_asyncio.fixture(scope="module")
async def api(stores: Stores) -> AsyncIterator[Api]:
    """The API as a member of the group that the migration made."""
    role, password = await new_login(stores, f"IN ROLE {WRITER}")
    environment = await stores.environment()
    async with open_api(stores, DATABASE_URL=as_login(environment["DATABASE_URL"], role, password)) as opened:
        yield opened


async def test_the_platform_runs(api: Api) -> None:
    ada = await register(api.client)
    assert (await ada.score("quiz"))["points"] == 10
    assert (await ada.post("/api/v1/actions/execute", {"action_id": "j", "kind": "tap"})).status_code == 202
    await ada.insist("/api/v1/scores/update", {"action_id": "k", "kind": "tap"}, "key")
    assert (await ada.post("/api/v1/auth/logout", {})).status_code == 204
    reply = await api.client.post("/api/v1/auth/login", json={"username": ada.username, "password": PASSWORD})
    assert reply.status_code == 200


async def test_the_worker_runs(api: Api) -> None:
    platform = api.platform
    await sweep_outbox(platform, older_than=0)
    await run_seasons(platform)
    await ActivityRollUp(platform).run()
    await platform.database.transact(lambda tx: _forget(tx, platform.settings))
    await seal_audit(platform)
    report = await verify_audit(platform, lambda done, total: None)
    assert report.finding is None
    assert report.rows > 0
    while await sign_seasons(platform):
        pass
    signed = await verify_ledger(platform, None, lambda done, total: None)
    assert signed.findings == ()
    assert signed.roots > 0
    assert (await check_platform(platform, None, lambda step, done, total: None)).told == []


GROWS = ("ledger", "audit_log", "audit_seals", "season_roots")
FORBIDDEN = [
    *(
        statement.format(table)
        for table in GROWS
        for statement in (
            "DELETE FROM {}",
            "TRUNCATE {}",
            "DROP TABLE {}",
            "ALTER TABLE {} DISABLE TRIGGER USER",
            "ALTER TABLE {} ADD COLUMN x integer",
            "CREATE TRIGGER t BEFORE INSERT ON {} EXECUTE FUNCTION refuse_change()",
            "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        )
    ),
    "UPDATE ledger SET points = 0",
    "UPDATE audit_log SET event = 'x'",
    "UPDATE audit_seals SET last_id = 0",
    "UPDATE season_roots SET entries = 0",
    "UPDATE audit_head SET seq = 0",
    "UPDATE audit_head SET hash = 'x'",
    "DELETE FROM audit_head",
    "DELETE FROM ledger_head",
    "INSERT INTO ledger_head VALUES (1, 0, '')",
    "DELETE FROM security_incidents",
    "UPDATE alembic_version SET version_num = '0001'",
    "DROP FUNCTION chain_audit_row() CASCADE",
    "CREATE OR REPLACE FUNCTION audit_row_hash(previous bytea, line audit_log) RETURNS bytea LANGUAGE sql AS"
    " $$ SELECT ''::bytea $$",
    "ALTER TABLE players ADD COLUMN x integer",
    "SET session_replication_role = replica",
    "SET ROLE scoreboard",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_what_only_grows_cannot_be_changed(api: Api, statement: str) -> None:
    connection = await asyncpg.connect(api.environment["DATABASE_URL"])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_head_can_be_locked_but_not_moved(api: Api) -> None:
    connection = await asyncpg.connect(api.environment["DATABASE_URL"])
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE audit_head SET shard = 1")
    finally:
        await connection.close()


async def test_nobody_stands_in_for_the_head(api: Api) -> None:
    """The chain's function runs with its owner's rights; a temporary table of the same name does not mislead it."""
    connection = await asyncpg.connect(api.environment["DATABASE_URL"])
    try:
        await connection.execute(
            "CREATE TEMP TABLE audit_head AS SELECT 0 AS shard, 5::bigint AS seq, ''::bytea AS hash"
        )
        await connection.execute(
            "INSERT INTO audit_log (actor_role, event, subject, detail) VALUES ('a', 'b', 'c', '{}')"
        )
    finally:
        await connection.close()
    assert (await verify_audit(api.platform, lambda done, total: None)).finding is None


async def test_every_table_has_its_grant_and_what_has_the_trigger_only_grows(stores: Stores) -> None:
    """A table of a later migration is served too; one that only grows must be named in storage/privileges.py."""
    environment = await stores.environment()
    connection = await asyncpg.connect(environment["DATABASE_URL"])
    try:
        rows = await connection.fetch(
            "SELECT c.relname, has_table_privilege($1, c.oid, 'SELECT') AS reads,"
            " has_table_privilege($1, c.oid, 'UPDATE') OR has_table_privilege($1, c.oid, 'DELETE')"
            " OR has_table_privilege($1, c.oid, 'TRUNCATE') AS changes,"
            " EXISTS (SELECT 1 FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = c.oid AND p.proname = 'refuse_change') AS grows"
            " FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace",
            WRITER,
        )
    finally:
        await connection.close()
    assert {row["relname"] for row in rows if row["grows"]} == set(GROWS)
    assert all(row["reads"] for row in rows)
    assert not [row["relname"] for row in rows if row["grows"] and row["changes"]]


async def test_a_right_that_was_added_by_hand_goes_with_the_next_migration(stores: Stores) -> None:
    environment = await stores.environment()
    connection = await asyncpg.connect(environment["DATABASE_URL"])
    allowed = "SELECT has_table_privilege($1, 'audit_log', 'UPDATE'), has_table_privilege($1, 'players', 'UPDATE')"
    try:
        await connection.execute(f"GRANT UPDATE ON audit_log TO {WRITER}")
        await connection.execute(f"REVOKE UPDATE ON players FROM {WRITER}")
        assert (await migrate(environment["DATABASE_URL"])).has_writer
        assert tuple(await connection.fetchrow(allowed, WRITER) or ()) == (False, True)
    finally:
        await connection.close()


async def granted(url: str, role: str) -> bool:
    """Whether the group of this name is there after its rights were granted."""
    engine = create_async_engine(driver_url(url))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(lambda sync: grant_writer(sync, role))
    finally:
        await engine.dispose()


async def test_who_may_not_make_roles_migrates_all_the_same(stores: Stores) -> None:
    """A group that an administrator made is used; without one the schema is complete and the answer says so."""
    role, password = await new_login(stores)
    await stores._run(f"CREATE DATABASE {role} OWNER {role}")
    url = as_login(stores.postgres.url_for(role), role, password)
    assert (await migrate(url)).has_writer
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT has_table_privilege($1, 'players', 'UPDATE')", WRITER)
    finally:
        await connection.close()
    assert not await granted(url, f"writer_{role}")
    await stores._run(f"CREATE ROLE writer_{role}")
    assert await granted(url, f"writer_{role}")


async def test_databases_of_one_cluster_that_are_migrated_at_once_share_the_group(stores: Stores) -> None:
    urls = [(await stores.environment())["DATABASE_URL"] for _ in range(6)]
    for _ in range(3):
        role = f"writer_{secrets.token_hex(6)}"
        assert await asyncio.gather(*(granted(url, role) for url in urls)) == [True] * len(urls)


async def test_a_login_of_the_group_is_made_once_and_then_gets_its_password(stores: Stores) -> None:
    url, role = (await stores.environment())["DATABASE_URL"], f"Login {secrets.token_hex(6)}"
    for password in ("it's", "an\\other"):
        await make_login(url, role, password)
        parts = urlsplit(url)
        connection = await asyncpg.connect(
            host=parts.hostname, port=parts.port, database=parts.path[1:], user=role, password=password
        )
        try:
            assert await connection.fetchval("SELECT count(*) FROM audit_log") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("DELETE FROM audit_log")
        finally:
            await connection.close()
