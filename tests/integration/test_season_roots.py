"""Signed season roots on real stores: when they are made, what they show, and what `scoreboard ledger verify` says."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg

from scoreboard.domain.correction import Scope
from scoreboard.domain.events import EntryType
from scoreboard.security.ledger_chain import GENESIS, entry_hash
from scoreboard.security.platform_keys import platform_keys
from scoreboard.security.season_root import SeasonRoot
from scoreboard.storage import ledger, season_roots
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.sign_seasons import sign_seasons
from scoreboard.usecases.verify_ledger import LedgerReport, verify_ledger
from scoreboard.usecases.verify_roots import LedgerFault
from tests.amending import amend, hold
from tests.arena import Arena
from tests.stage import make_keys

TRIGGERS = ("ledger", "season_roots", "audit_log")


async def signed(arena: Arena) -> None:
    while await sign_seasons(arena.platform):
        pass


async def roots_of(arena: Arena, season: int) -> list[SeasonRoot]:
    """Oldest first."""
    found = await arena.platform.database.transact(lambda tx: season_roots.of_season(tx, season, 100))
    return found[::-1]


async def verified(arena: Arena, season: int | None = None) -> LedgerReport:
    return await verify_ledger(arena.platform, season, lambda done, total: None)


async def faults(arena: Arena, season: int | None = None) -> list[tuple[LedgerFault, int | None]]:
    return [(finding.fault, finding.season_id) for finding in (await verified(arena, season)).findings]


async def season_of(arena: Arena, board: str, status: str) -> int:
    [row] = await arena.sql("SELECT id FROM seasons WHERE board_key = :b AND status = :s", b=board, s=status)
    return int(row.id)


async def as_owner(arena: Arena, *statements: tuple[Any, ...]) -> None:
    """What the owner of the database can do: switch the triggers off."""
    connection = await asyncpg.connect(arena.platform.settings.database_url.get_secret_value())
    try:
        for table in TRIGGERS:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement, *values in statements:
            await connection.execute(statement, *values)
        for table in TRIGGERS:
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    finally:
        await connection.close()


async def rechain(arena: Arena) -> None:
    """Compute the whole chain anew, as somebody would who wants to hide an edit."""
    rows = await arena.platform.database.transact(lambda tx: ledger.chain_rows(tx, 0, 10**6))
    previous, statements = GENESIS, []
    for seq, _, _, entry in rows:
        own = entry_hash(previous, seq, entry)
        statements.append(("UPDATE ledger SET prev_hash = $1, hash = $2 WHERE seq = $3", previous, own, seq))
        previous = own
    await as_owner(arena, *statements, ("UPDATE ledger_head SET hash = $1", previous))


async def played(arena: Arena) -> tuple[int, int]:
    """Two players on every board; the weekly seasons are closed and signed. Returns the closed one and the next."""
    for name, points in (("ada", 5), ("bob", 3), ("ada", 2)):
        await arena.play(name, points)
    await arena.close_seasons()
    await signed(arena)
    await arena.play("bob", 7)
    return await season_of(arena, "weekly", "closed"), await season_of(arena, "weekly", "open")


async def test_every_season_is_signed_once_and_a_closed_one_with_its_standings(arena: Arena) -> None:
    closed, running = await played(arena)
    await signed(arena)
    assert not await sign_seasons(arena.platform)
    [row] = await arena.sql("SELECT checksum FROM seasons WHERE id = :id", id=closed)
    roots = await roots_of(arena, closed)
    assert (roots[-1].content.entries, roots[-1].content.checksum) == (3, row.checksum)
    [root] = await roots_of(arena, running)
    assert root.content.checksum is None
    key = platform_keys(arena.platform.settings)[0]
    assert all(one.is_signed_by(key) for one in (*roots, root))
    report = await verified(arena)
    assert (report.findings, report.unsigned) == ((), ())
    assert (report.entries, report.confirmed) == (4, 3)
    assert report.seasons == 8
    assert (await verified(arena, closed)).findings == ()


async def test_two_workers_sign_once(arena: Arena) -> None:
    await arena.play("ada", 5)
    other = open_platform(arena.platform.settings, application="test")
    try:
        await asyncio.gather(*(sign_seasons(platform) for platform in (arena.platform, other) * 4))
    finally:
        await other.close()
    rows = await arena.sql("SELECT season_id, count(*) FROM season_roots GROUP BY season_id")
    assert {row.count for row in rows} == {1}
    assert await faults(arena) == []


async def test_a_correction_of_a_closed_season_brings_a_new_root_that_goes_on_from_the_old_one(arena: Arena) -> None:
    closed, _ = await played(arena)
    before = (await roots_of(arena, closed))[-1]
    correction = await arena.correct(Scope(player_id=arena.people["ada"]))
    report = await verified(arena)
    assert report.findings == ()
    assert any(name.startswith(f"season {closed} ") for name in report.unsigned)
    await signed(arena)
    after = (await roots_of(arena, closed))[-1]
    assert (after.content.version, after.content.entries) == (before.content.version + 1, 5)
    assert after.content.checksum != before.content.checksum
    await arena.undo(correction)
    await signed(arena)
    last = (await roots_of(arena, closed))[-1]
    assert (last.content.entries, last.content.checksum) == (7, before.content.checksum)
    assert (await verified(arena)).findings == ()
    assert (await verified(arena)).unsigned == ()
    assert not await sign_seasons(arena.platform)


async def test_what_is_rejected_in_a_closed_season_is_signed_too(arena: Arena) -> None:
    held = await hold(arena.platform, await arena.person("ada"), "run", 4)
    await arena.close_seasons()
    await signed(arena)
    closed = await season_of(arena, "weekly", "closed")
    count = len(await roots_of(arena, closed))
    await amend(arena.platform, EntryType.REJECTED, held)
    await signed(arena)
    roots = await roots_of(arena, closed)
    assert len(roots) == count + 1
    assert [root.content.entries for root in roots[-2:]] == [1, 2]
    assert await faults(arena) == []


async def test_a_running_season_is_signed_again_when_its_root_is_old(arena: Arena) -> None:
    await signed(arena)
    running = await season_of(arena, "sum", "open")
    await arena.play("ada", 5)
    assert len(await roots_of(arena, running)) == 1
    hurried = replace(arena.platform, settings=arena.platform.settings.model_copy(update={"season_root_every": 1e-6}))
    await sign_seasons(hurried)
    assert [root.content.entries for root in await roots_of(arena, running)] == [0, 1]
    assert await faults(arena) == []


async def test_another_key_signs_closed_seasons_again(arena: Arena) -> None:
    closed, _ = await played(arena)
    old = arena.platform.settings.signing_key
    changes = {"signing_key": type(old)(make_keys()["SCOREBOARD_SIGNING_KEY"]), "previous_signing_key": old}
    arena.platform = replace(arena.platform, settings=arena.platform.settings.model_copy(update=changes))
    await signed(arena)
    assert (await verified(arena)).findings == ()
    only_new = arena.platform.settings.model_copy(update={"previous_signing_key": None})
    arena.platform = replace(arena.platform, settings=only_new)
    assert (await verified(arena)).findings == ()
    roots = await roots_of(arena, closed)
    assert roots[-1].key_id != roots[-2].key_id
    assert roots[-1].content.root == roots[-2].content.root
    assert not await sign_seasons(arena.platform)
