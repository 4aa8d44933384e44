"""Whoever alters a signed season is found, and anybody can check a root."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.hashes import SHA256

from scoreboard.domain.correction import Scope
from scoreboard.security.ledger_chain import entry_hash
from scoreboard.storage import ledger
from scoreboard.usecases.sign_seasons import RootAltered, sign_seasons
from scoreboard.usecases.verify_roots import LedgerFault
from tests.arena import Arena
from tests.conftest import Api
from tests.integration.test_season_roots import as_owner, faults, played, rechain, roots_of, season_of, signed, verified
from tests.stage import register


async def test_an_edited_entry_is_named(arena: Arena) -> None:
    closed, _ = await played(arena)
    await as_owner(arena, ("UPDATE ledger SET points = points + 1 WHERE seq = 2",))
    for season in (None, closed):
        [finding] = (await verified(arena, season)).findings
        assert (finding.fault, finding.seq) == (LedgerFault.EDITED, 2)
        assert str(closed) in finding.sentence


async def test_a_ledger_that_was_rewritten_with_a_chain_that_fits_does_not_match_what_was_signed(arena: Arena) -> None:
    await signed(arena)
    closed, running = await played(arena)
    await as_owner(arena, ("UPDATE ledger SET points = points + 1 WHERE seq = 2",))
    await rechain(arena)
    found = await faults(arena)
    assert (LedgerFault.REWRITTEN, None) in found
    assert (LedgerFault.ROOT_MISMATCH, closed) in found
    assert (LedgerFault.ROOT_MISMATCH, running) not in found
    assert [fault for fault, _ in await faults(arena, closed)] == [LedgerFault.ROOT_MISMATCH]
    assert await faults(arena, running) == []
    [finding] = (await verified(arena, closed)).findings
    assert finding.seq == 1


async def test_entries_that_are_taken_away_or_put_behind_are_found(arena: Arena) -> None:
    closed, _ = await played(arena)
    rows = await arena.platform.database.transact(lambda tx: ledger.chain_rows(tx, 0, 10))
    seq, _, head, entry = rows[-1]
    late = replace(entry, season_ids=(closed,), previous=(None,), current=(1,), trace_id=None)
    own = entry_hash(head, seq + 1, late)
    values = (late.at, late.action_id, late.player_id, [closed])
    await as_owner(
        arena,
        (
            "INSERT INTO ledger (seq, at, entry_type, action_id, player_id, kind_key, kind_version, points, season_ids,"
            " previous, current, verdict, prev_hash, hash) SELECT seq + 1, $1, 'applied', $2, $3, kind_key,"
            f" kind_version, points, $4, '{{NULL}}', '{{1}}', 'allow', hash, $5 FROM ledger WHERE seq = {seq}",
            *values,
            own,
        ),
        (
            "UPDATE ledger_head SET seq = $1, hash = $2",
            seq + 1,
            own,
        ),
    )
    assert await faults(arena) == [(LedgerFault.LATE, closed)]
    await as_owner(
        arena,
        ("DELETE FROM ledger WHERE seq > 2",),
        ("UPDATE ledger_head SET seq = 2, hash = (SELECT hash FROM ledger WHERE seq = 2)",),
    )
    found = await faults(arena)
    assert (LedgerFault.MISSING, closed) in found
    await as_owner(arena, ("UPDATE ledger_head SET seq = 3",))
    assert (await faults(arena))[0] == (LedgerFault.MISSING, None)


async def test_roots_that_are_taken_away_or_changed_are_found(arena: Arena) -> None:
    closed, _ = await played(arena)
    number = (await roots_of(arena, closed))[-1].number
    await as_owner(arena, ("UPDATE season_roots SET entries = entries - 1 WHERE number = $1", number))
    found = await faults(arena)
    assert (LedgerFault.ROOT_SIGNATURE, closed) in found
    await as_owner(arena, ("UPDATE season_roots SET entries = entries + 1 WHERE number = $1", number))
    assert await faults(arena) == []
    await as_owner(arena, ("DELETE FROM season_roots WHERE number = $1", number))
    assert (LedgerFault.ROOT_MISSING, None) in await faults(arena)


async def test_altered_final_standings_are_found(arena: Arena) -> None:
    closed, _ = await played(arena)
    await arena.sql("UPDATE season_standings SET score = score + 1 WHERE season_id = :id AND position = 0", id=closed)
    assert await faults(arena) == [(LedgerFault.STANDINGS, closed)]
    await arena.sql(
        "UPDATE seasons SET checksum = (SELECT sha256(convert_to(coalesce(string_agg(concat_ws('|', position, rank,"
        " player_id, score, extract(epoch FROM reached_at)), E'\\n' ORDER BY position), ''), 'UTF8')) FROM"
        " season_standings WHERE season_id = :id) WHERE id = :id",
        id=closed,
    )
    assert await faults(arena) == [(LedgerFault.STANDINGS, closed)]


async def test_nobody_goes_on_from_a_tree_that_was_changed(arena: Arena) -> None:
    closed, _ = await played(arena)
    await as_owner(arena, ("UPDATE season_roots SET peaks = $1 WHERE season_id = $2", bytes(64), closed))
    await arena.correct(Scope(player_id=arena.people["ada"]))
    count = len(await roots_of(arena, closed))
    with pytest.raises(RootAltered, match=str(closed)):
        await sign_seasons(arena.platform)
    assert len(await roots_of(arena, closed)) == count
    assert len(await roots_of(arena, await season_of(arena, "best", "closed"))) > 1


async def sign_by_ones(arena: Arena) -> None:
    while await sign_seasons(arena.platform, step=1):
        pass


async def test_an_altered_tree_keeps_no_other_season_from_its_root(arena: Arena) -> None:
    """However many entries came after the one that the altered season cannot go on with; and it catches up."""
    closed, later = await played(arena)
    await arena.play("cyd", 4)
    await arena.close_seasons()
    await signed(arena)
    [(peaks,)] = await arena.sql(
        "SELECT peaks FROM season_roots WHERE season_id = :id ORDER BY version DESC LIMIT 1", id=closed
    )
    change = "UPDATE season_roots SET peaks = $1 WHERE season_id = $2"
    await as_owner(arena, (change, bytes(64), closed))
    await arena.correct(Scope(player_id=arena.people["ada"]))  # played in the first season only
    await arena.correct(Scope(player_id=arena.people["cyd"]))  # and in the second only
    counts = {season: len(await roots_of(arena, season)) for season in (closed, later)}
    with pytest.raises(RootAltered):
        await sign_by_ones(arena)
    assert len(await roots_of(arena, closed)) == counts[closed]
    assert len(await roots_of(arena, later)) > counts[later]
    await as_owner(arena, (change, peaks, closed))
    await sign_by_ones(arena)
    assert len(await roots_of(arena, closed)) > counts[closed]
    assert await faults(arena) == []


async def test_the_command_says_what_is_wrong_and_where_and_exits_with_1(arena: Arena, tmp_path: Path) -> None:
    closed, _ = await played(arena)
    settings = arena.platform.settings
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": "redis://127.0.0.1:1",  # not needed
        "SCOREBOARD_SIGNING_KEY": settings.signing_key.get_secret_value(),
        "SCOREBOARD_MASTER_KEY": settings.master_key.get_secret_value(),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scoreboard_cli", "ledger", "verify", *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    good = run()
    assert good.returncode == 0, good.stderr
    assert "The ledger is intact: 4 entries" in good.stdout
    assert run("--season", str(closed)).returncode == 0
    unknown = run("--season", "999")
    assert unknown.returncode == 1
    assert "999" in unknown.stderr
    await as_owner(arena, ("UPDATE ledger SET points = points + 1 WHERE seq = 2",))
    bad = run()
    assert bad.returncode == 1
    assert "Entry 2" in bad.stderr
    assert "Traceback" not in bad.stderr


async def test_anybody_can_check_a_root_with_what_the_api_gives(api: Api) -> None:
    """With nothing of ours: the standard library, and the key set."""
    ada = await register(api.client)
    await ada.score("quiz")
    while await sign_seasons(api.platform):
        pass
    reply = await api.client.get("/api/v1/boards/main/roots")
    assert reply.status_code == 200
    [root] = reply.json()["items"]
    statement = json.loads(root["statement"])
    assert statement[:2] == ["scoreboard-season-root", 1]
    named = ("number", "version", "through", "entries", "root", "standings", "key_id")
    assert [statement[at] for at in (2, 5, 6, 8, 9, 10, 13)] == [root[name] for name in named]
    assert root["digest"] == hashlib.sha256(root["statement"].encode()).hexdigest()
    [key] = [one for one in reply_keys(await api.client.get("/.well-known/jwks.json")) if one["kid"] == root["key_id"]]
    public = public_key(key)
    public.verify(base64.b64decode(root["signature"]), root["statement"].encode(), ECDSA(SHA256()))
    hidden = await api.client.get("/api/v1/boards/hidden/roots")
    assert hidden.status_code == 401
    assert (await api.client.get("/api/v1/boards/main/roots?season=999")).status_code == 404


def reply_keys(reply: Any) -> list[dict[str, str]]:
    keys: list[dict[str, str]] = reply.json()["keys"]
    return keys


def public_key(jwk: dict[str, str]) -> EllipticCurvePublicKey:
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=")) for name in "xy")
    return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
