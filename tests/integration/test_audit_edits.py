"""Whoever edits the audit log is found: every column, rows, seals, the whole chain."""

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import pytest

from scoreboard.security.audit_chain import AuditRow, Seal, seal_day
from scoreboard.security.platform_keys import platform_keys
from scoreboard.storage import audit
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.verify_audit import AuditReport, Fault
from tests.audit_history import Owner
from tests.integration.test_audit import DAY, empty, run_verify, sealed, url, verified
from tests.stage import Stores, make_keys, patient, settings_from

__all__ = ["empty", "sealed"]


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
