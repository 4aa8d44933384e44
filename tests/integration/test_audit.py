"""The audit log in Postgres: chained by the database, sealed by the worker, verified by the command."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from scoreboard.security.audit_chain import GENESIS, AuditRow, row_hash
from scoreboard.security.identifiers import new_id
from scoreboard.storage import audit, migrate
from scoreboard.storage.database import Transaction, driver_url
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.seal_audit import seal_audit
from scoreboard.usecases.verify_audit import AuditReport, verify_audit
from tests.audit_history import chained, write_past
from tests.stage import Service, Stores, patient, until

DAY = timedelta(days=1)
ODD = ["", "plain", "ünïcödé 𝔘 \u2028", '"\\\n\t', "1:2,3:abc,-,", "x" * 5000]


async def note(platform: Platform, *words: str, detail: dict[str, Any] | None = None) -> None:
    actor = new_id() if len(words) % 2 else None
    await platform.database.transact(
        lambda tx: audit.record(tx, *words[:2], actor_id=actor, detail=detail, request_id=words[-1])
    )


async def verified(platform: Platform) -> AuditReport:
    return await verify_audit(platform, lambda done, total: None)


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
