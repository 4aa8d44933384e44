"""The audit log in Postgres: chained by the database, sealed by the worker, verified by the command."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from scoreboard.security.audit_chain import GENESIS, AuditRow, Seal, row_hash, seal_day
from scoreboard.security.identifiers import new_id
from scoreboard.security.platform_keys import platform_keys
from scoreboard.storage import audit, migrate
from scoreboard.storage.database import Transaction, driver_url
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.seal_audit import seal_audit
from scoreboard.usecases.verify_audit import AuditReport, Fault, verify_audit
from tests.audit_history import Owner, chained, write_past
from tests.stage import Service, Stores, make_keys, patient, settings_from, until

DAY = timedelta(days=1)
ODD = ["", "plain", "ünïcödé 𝔘 \u2028", '"\\\n\t', "1:2,3:abc,-,", "x" * 5000]


async def note(platform: Platform, *words: str, detail: dict[str, Any] | None = None) -> None:
    actor = new_id() if len(words) % 2 else None
    await platform.database.transact(
        lambda tx: audit.record(tx, *words[:2], actor_id=actor, detail=detail, request_id=words[-1])
    )


async def verified(platform: Platform) -> AuditReport:
    return await verify_audit(platform, lambda done, total: None)


@pytest_asyncio.fixture
async def empty(stores: Stores) -> AsyncIterator[Platform]:
    """A platform on which nothing has happened yet."""
    platform = open_platform(patient(await stores.environment()), application="test")
    yield platform
    await platform.close()


def url(platform: Platform) -> str:
    return platform.settings.database_url.get_secret_value()


async def test_the_database_and_the_verification_compute_the_same(empty: Platform) -> None:
    details: list[dict[str, Any] | None] = [
        *({"text": text, text + "k": [1, 2.50, 1e300, -0.0, None, True]} for text in ODD),
        *({}, None, {"b": 1, "a": {"z": "ä", "aa": "/"}}, {"id": new_id(), "number": 10**30}),
    ]
    for number, detail in enumerate(details):
        word = ODD[number % len(ODD)]
        await note(empty, word, ODD[-1 - number % len(ODD)], word, detail=detail)
    rows = await empty.database.transact(lambda tx: audit.rows_after(tx, 0, 100))
    assert len(rows) == len(details)
    previous = GENESIS
    for number, row in enumerate(rows, 1):
        assert (row.id, row.prev_hash, row.hash) == (number, previous, row_hash(previous, row))
        previous = row.hash
    assert await empty.database.transact(audit.head) == (len(rows), previous)
    assert (await verified(empty)).finding is None


async def test_numbers_are_dense_whoever_writes_and_whatever_is_rolled_back(empty: Platform) -> None:
    class Regret(Exception):
        pass

    async def regretted(tx: Transaction) -> None:
        await audit.record(tx, "thing.regretted", "x")
        raise Regret

    async def one(number: int) -> None:
        if number % 3:
            await note(empty, "thing.done", str(number))
        else:
            with pytest.raises(Regret):
                await empty.database.transact(regretted)

    await asyncio.gather(*(one(number) for number in range(60)))
    report = await verified(empty)
    assert (report.rows, report.finding) == (40, None)


async def test_nobody_can_choose_a_number_a_moment_or_a_hash(empty: Platform) -> None:
    connection = await asyncpg.connect(url(empty))
    try:
        await connection.execute(
            "INSERT INTO audit_log (id, at, actor_role, event, subject, prev_hash, hash)"
            " VALUES (77, '2001-01-01', 'admin', 'forged', 'x', 'a', 'b')"
        )
    finally:
        await connection.close()
    [row] = await empty.database.transact(lambda tx: audit.rows_after(tx, 0, 10))
    assert (row.id, row.prev_hash) == (1, GENESIS)
    assert row.at.year > 2001
    assert (await verified(empty)).finding is None


async def test_what_was_written_before_is_chained_and_the_version_before_goes_on(stores: Stores) -> None:
    await stores._run("CREATE DATABASE before_the_chain")
    address = stores.postgres.url_for("before_the_chain")
    engine = create_async_engine(driver_url(address))

    def to_0003(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")

    async with engine.connect() as connection:
        await connection.run_sync(to_0003)
        await connection.commit()
    await engine.dispose()
    old = "INSERT INTO audit_log (actor_role, event, subject, detail) VALUES ('player', $1, 'x', '{\"a\": 1.0}')"
    connection = await asyncpg.connect(address)
    try:
        for number in range(5):
            await connection.execute(old, f"before.{number}")
            await connection.execute("SELECT nextval('audit_log_id_seq')")  # a transaction that was rolled back
        await migrate.migrate(address)
        await connection.execute(old, "after")
    finally:
        await connection.close()
    environment = await stores.environment(DATABASE_URL=address)
    platform = open_platform(patient(environment), application="test")
    try:
        rows = await platform.database.transact(lambda tx: audit.rows_after(tx, 0, 10))
        assert [(row.id, row.event) for row in rows] == [
            *((number + 1, f"before.{number}") for number in range(5)),
            (6, "after"),
        ]
        assert await verified(platform) == AuditReport(6, 0, None, None)
    finally:
        await platform.close()


async def test_the_migration_can_be_taken_back_and_applied_again(empty: Platform) -> None:
    await note(empty, "thing.done", "x")

    def back_and_forth(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        connection.execute(
            text("INSERT INTO audit_log (actor_role, event, subject, detail) VALUES ('a', 'b', 'c', '{}')")
        )
        command.upgrade(config, "head")

    engine = create_async_engine(driver_url(url(empty)))
    async with engine.connect() as connection:
        await connection.run_sync(back_and_forth)
        await connection.commit()
    await engine.dispose()
    report = await verified(empty)
    assert (report.rows, report.finding) == (2, None)


async def test_a_key_that_cannot_be_used_is_named(empty: Platform) -> None:
    done = await asyncio.to_thread(run_verify, empty, SCOREBOARD_SIGNING_KEY="no key")
    assert done.returncode == 1
    assert "SCOREBOARD_SIGNING_KEY must be" in done.stderr
    assert "Traceback" not in done.stderr


def past(*days_ago: int) -> list[AuditRow]:
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return chained(
        [
            AuditRow(
                *(0, today - ago * DAY, new_id(), "admin", "board.declared", f"board-{ago}"),
                *('{"version": 1}', "request-1", GENESIS, GENESIS),
            )
            for ago in days_ago
        ]
    )


@pytest_asyncio.fixture
async def sealed(empty: Platform) -> Platform:
    """Rows of five, four and two days ago, sealed until yesterday, and three of today."""
    await write_past(url(empty), past(5, 4, 4, 2))
    while await seal_audit(empty):
        pass
    for number in range(3):
        await note(empty, "thing.done", str(number))
    return empty


async def test_every_finished_day_is_sealed_once_however_many_workers_there_are(empty: Platform) -> None:
    await write_past(url(empty), past(40, 39, 4, 2))
    workers = [open_platform(empty.settings, application="worker") for _ in range(3)]
    began = datetime.now(UTC).date()
    counts = await asyncio.gather(*(seal_audit(worker) for worker in (empty, *workers)))
    while more := await seal_audit(empty):
        counts.append(more)
    seals = await empty.database.transact(lambda tx: audit.seals_after(tx, date.min, 100))
    first = began - 40 * DAY
    assert [seal.day for seal in seals] == [first + n * DAY for n in range(len(seals))]
    assert seals[-1].day >= began - DAY
    assert sum(counts) == len(seals)
    assert [seal.last_id for seal in seals[:3]] == [1, 2, 2]
    assert seals[-1].last_id == 4
    report = await verified(empty)
    assert (report.rows, report.seals, report.sealed_until, report.finding) == (4, len(seals), seals[-1].day, None)
    for worker in workers:
        await worker.close()


async def test_a_day_is_sealed_only_when_nobody_is_writing_to_it(empty: Platform) -> None:
    """A row of yesterday may be committed today: its transaction holds the head, and the seal waits for it."""
    await write_past(url(empty), past(1))
    writer, watcher = await asyncpg.connect(url(empty)), await asyncpg.connect(url(empty))
    try:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("INSERT INTO audit_log (actor_role, event, subject, detail) VALUES ('a', 'b', 'c', '{}')")
        sealing = asyncio.create_task(seal_audit(empty))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await until(lambda: watcher.fetchval(waiting), what="the seal waiting for the writer")
        assert not sealing.done()
        await transaction.commit()
        assert await sealing >= 1
    finally:
        await writer.close()
        await watcher.close()
    assert (await verified(empty)).finding is None


async def test_the_worker_seals_and_writes_a_line_that_can_be_kept_elsewhere(stores: Stores, tmp_path: Path) -> None:
    environment = await stores.environment()
    platform = open_platform(patient(environment), application="test")
    await write_past(url(platform), past(1))
    worker = Service("worker", environment, tmp_path / "worker.log")
    worker.start()
    try:
        await until(lambda: "audit day sealed" in worker.log.read_text(), within=30, what="a seal in the log")
        lines = [json.loads(line) for line in worker.log.read_text().splitlines() if "audit day sealed" in line]
        [seal, *_] = await platform.database.transact(lambda tx: audit.seals_after(tx, date.min, 2))
    finally:
        worker.stop()
        await platform.close()
    assert [lines[0][name] for name in ("day", "last_row", "seal", "signature")] == [
        *(seal.day.isoformat(), 1, seal.digest.hex(), seal.signature.hex())
    ]


async def test_a_log_that_nobody_touched_is_intact(sealed: Platform) -> None:
    report = await verified(sealed)
    assert (report.rows, report.finding) == (7, None)
    assert report.seals >= 5


EDITS = {
    "at": "at + interval '1 microsecond'",
    "actor_id": "gen_random_uuid()",
    "actor_role": "'player'",
    "event": "event || '!'",
    "subject": "'another'",
    "detail": """'{"version": 2}'""",
    "request_id": "NULL",
    "prev_hash": "sha256(prev_hash)",
    "hash": "sha256(hash)",
}


@pytest.mark.parametrize("column", sorted(EDITS))
async def test_an_edit_of_every_column_is_found(sealed: Platform, column: str) -> None:
    async with Owner(url(sealed)) as owner:
        await owner.execute(f"UPDATE audit_log SET {column} = {EDITS[column]} WHERE id = 3")
    finding = (await verified(sealed)).finding
    assert finding is not None
    wanted = Fault.OUT_OF_ORDER if column == "prev_hash" else Fault.EDITED
    assert (finding.fault, finding.row) == (wanted, 3)


def test_every_column_is_edited() -> None:
    assert {*EDITS, "id"} == set(AuditRow.__slots__)


OTHER_EDITS: list[tuple[Sequence[str], Fault, int | None]] = [
    (["UPDATE audit_log SET id = 99 WHERE id = 3"], Fault.MISSING, 3),
    (["DELETE FROM audit_log WHERE id = 3"], Fault.MISSING, 3),
    (["DELETE FROM audit_log WHERE id IN (6, 7)"], Fault.MISSING, 6),
    (["TRUNCATE audit_log"], Fault.MISSING, 1),
    (
        [
            "UPDATE audit_log SET id = -1 WHERE id = 3",
            "UPDATE audit_log SET id = 3 WHERE id = 4",
            "UPDATE audit_log SET id = 4 WHERE id = -1",
        ],
        Fault.OUT_OF_ORDER,
        3,
    ),
    (["DELETE FROM audit_head"], Fault.HEAD, None),
    (["UPDATE audit_head SET hash = sha256(hash)"], Fault.HEAD, 7),
    (
        [
            "DELETE FROM audit_log WHERE id > 3",
            "UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit_log WHERE id = 3)",
        ],
        Fault.MISSING,
        4,
    ),
    (["UPDATE audit_seals SET signature = signature || 'x' WHERE last_id = 1"], Fault.SEAL_SIGNATURE, 1),
    (["DELETE FROM audit_seals WHERE day = (SELECT min(day) + 1 FROM audit_seals)"], Fault.SEAL_MISSING, None),
    (["UPDATE audit_seals SET key_id = 'unknown' WHERE last_id = 4"], Fault.SEAL_MISMATCH, 4),
]


@pytest.mark.parametrize(("statements", "fault", "row"), OTHER_EDITS)
async def test_other_edits_are_found(
    sealed: Platform, statements: Sequence[str], fault: Fault, row: int | None
) -> None:
    async with Owner(url(sealed)) as owner:
        for statement in statements:
            await owner.execute(statement)
    finding = (await verified(sealed)).finding
    assert finding is not None
    assert (finding.fault, finding.row) == (fault, row)


async def test_a_chain_computed_anew_is_found_by_its_seals(sealed: Platform) -> None:
    await rewrite(sealed)
    finding = (await verified(sealed)).finding
    assert finding is not None
    assert (finding.fault, finding.row) == (Fault.SEAL_MISMATCH, 3)


async def rewrite(platform: Platform) -> None:
    """Change row 3 and compute everything after it anew, as somebody with the database but without the key could."""
    async with Owner(url(platform)) as owner:
        await owner.execute("UPDATE audit_log SET subject = 'another' WHERE id = 3")
        for number in range(3, 8):
            await owner.execute(
                "UPDATE audit_log SET prev_hash = (SELECT hash FROM audit_log WHERE id = $1 - 1) WHERE id = $1", number
            )
            await owner.execute("UPDATE audit_log a SET hash = audit_row_hash(a.prev_hash, a) WHERE id = $1", number)
        await owner.execute("UPDATE audit_head SET hash = (SELECT hash FROM audit_log WHERE id = 7)")


async def test_a_forged_seal_is_found(sealed: Platform, stores: Stores) -> None:
    """The rewritten log gets seals that fit, of a key that is not the platform's but bears its name."""
    await rewrite(sealed)
    strange = platform_keys(settings_from({**await stores.environment(), **make_keys()}))[0]
    own = platform_keys(sealed.settings)[0]
    seals = await sealed.database.transact(lambda tx: audit.seals_after(tx, date.min, 100))
    rows = {row.id: row for row in await sealed.database.transact(lambda tx: audit.rows_after(tx, 0, 100))}
    async with Owner(url(sealed)) as owner:
        await owner.execute("DELETE FROM audit_seals")
    newest: Seal | None = None
    for seal in seals:
        forged = seal_day(strange, seal.day, seal.last_id, rows[seal.last_id].hash, newest)
        newest = Seal(forged.day, forged.last_id, forged.last_hash, forged.prev_seal, own.id, forged.signature)
        await sealed.database.transact(lambda tx, s=newest: audit.add_seal(tx, s))  # type: ignore[misc]
    finding = (await verified(sealed)).finding
    assert finding is not None
    assert finding.fault in (Fault.SEAL_SIGNATURE, Fault.SEAL_MISMATCH)


async def test_seals_outlive_two_rotations_of_the_key(sealed: Platform, stores: Stores) -> None:
    """A seal by each new key vouches for those before; without one the log says that it cannot vouch."""
    now_key, next_key = sealed.settings.signing_key, make_keys()["SCOREBOARD_SIGNING_KEY"]
    environment = {
        **await stores.environment(DATABASE_URL=url(sealed)),
        "SCOREBOARD_SIGNING_KEY": next_key,
        "SCOREBOARD_PREVIOUS_SIGNING_KEY": now_key.get_secret_value(),
    }
    rotated = open_platform(patient(environment), application="test")
    again = open_platform(
        settings_from(environment | {"SCOREBOARD_PREVIOUS_SIGNING_KEY": make_keys()["SCOREBOARD_SIGNING_KEY"]}),
        application="test",
    )
    try:
        assert (await verified(rotated)).finding is None
        finding = (await verified(again)).finding
        assert finding is not None
        assert finding.fault is Fault.SEAL_SIGNATURE
        newest = await sealed.database.transact(audit.newest_seal)
        assert newest is not None
        last = (await sealed.database.transact(lambda tx: audit.rows_after(tx, newest.last_id - 1, 1)))[0]
        key = platform_keys(rotated.settings)[0]
        follower = seal_day(key, newest.day + DAY, last.id, last.hash, newest)
        await sealed.database.transact(lambda tx: audit.add_seal(tx, follower))
        assert (await verified(again)).finding is None
    finally:
        await rotated.close()
        await again.close()


def run_verify(platform: Platform, **extra: str) -> subprocess.CompletedProcess[str]:
    settings = platform.settings
    own = {
        "DATABASE_URL": url(platform),
        "REDIS_URL": "redis://127.0.0.1:1",  # nobody: the command asks Postgres only
        "SCOREBOARD_SIGNING_KEY": settings.signing_key.get_secret_value(),
        "SCOREBOARD_MASTER_KEY": settings.master_key.get_secret_value(),
    }
    return subprocess.run(
        [sys.executable, "-m", "scoreboard_cli", "audit", "verify"],
        env={**os.environ, **own, **extra},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_command_says_what_is_wrong(sealed: Platform) -> None:
    intact = await asyncio.to_thread(run_verify, sealed)
    assert (intact.returncode, intact.stderr) == (0, "")
    assert "The audit log is intact: 7 rows," in intact.stdout
    assert "It is sealed until the end of" in intact.stdout
    async with Owner(url(sealed)) as owner:
        await owner.execute("UPDATE audit_log SET request_id = NULL WHERE id = 6")
    wrong = await asyncio.to_thread(run_verify, sealed)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Row 6 (thing.done, ")
    assert "was edited" in wrong.stderr
    assert "5 rows before it" in wrong.stderr
    assert "Traceback" not in wrong.stderr


async def test_the_log_holds_what_use_cases_record(platform: Platform) -> None:
    """Every declared board and kind of the test platform, in one chain with readable details."""
    report = await verified(platform)
    rows = await platform.database.transact(lambda tx: audit.rows_after(tx, 0, 1000))
    assert report == AuditReport(len(rows), 0, None, None)
    assert {row.event for row in rows} >= {"board.declared", "action_kind.declared"}
    assert all(isinstance(json.loads(row.detail), dict) for row in rows)
    assert all(row.actor_id is None or isinstance(row.actor_id, UUID) for row in rows)
