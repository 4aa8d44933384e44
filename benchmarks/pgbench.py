"""What Postgres alone can do: one score per transaction, without HTTP, checks, Redis or Python.

Three forms over small tables in a schema of their own: seven statements; one function call; and one function call that
also appends to a hash chain with a head row, as our ledger does. The last one shows what an order costs that every
transaction has to wait for, when each waits alone.
"""

import asyncio
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from benchmarks.ground import Ground

_DATABASE = "pgbench"
_ACTIONS = 400_000
_PLAYERS = 2_000
_TABLES = """
CREATE SCHEMA bench;
SET search_path TO bench;
CREATE TABLE actions (id bigint PRIMARY KEY, player_id bigint NOT NULL, points int NOT NULL,
  completed_at timestamptz) WITH (fillfactor = 80);
CREATE TABLE scores (player_id bigint PRIMARY KEY, score bigint NOT NULL, version bigint NOT NULL,
  reached_at timestamptz NOT NULL) WITH (fillfactor = 70);
CREATE TABLE entries (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, player_id bigint NOT NULL,
  action_id bigint NOT NULL, points int NOT NULL, previous bigint NOT NULL, current bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now(), hash bytea);
CREATE INDEX ON entries (player_id, seq);
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT now());
CREATE TABLE head (shard int PRIMARY KEY, seq bigint NOT NULL, hash bytea NOT NULL) WITH (fillfactor = 10);
INSERT INTO head VALUES (0, 0, '\\x00');
INSERT INTO scores SELECT n, 0, 0, now() FROM generate_series(0, {players} - 1) n;
CREATE FUNCTION complete_one(action bigint, chained boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  wanted bench.actions;
  total bigint;
  link bytea;
BEGIN
  UPDATE bench.actions SET completed_at = now() WHERE id = action AND completed_at IS NULL RETURNING * INTO wanted;
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE bench.scores SET score = score + wanted.points, version = version + 1, reached_at = now()
    WHERE player_id = wanted.player_id RETURNING score INTO total;
  INSERT INTO bench.outbox (payload) VALUES (jsonb_build_object('a', action, 'p', wanted.points, 's', total));
  IF chained THEN
    UPDATE bench.head SET seq = seq + 1, hash = sha256(hash || int8send(action) || int8send(total))
      WHERE shard = 0 RETURNING hash INTO link;
  END IF;
  INSERT INTO bench.entries (player_id, action_id, points, previous, current, hash)
    VALUES (wanted.player_id, action, wanted.points, total - wanted.points, total, link);
  RETURN total;
END $$;
"""
_ACTION = "\\set i :i + 1\n\\set action :client_id * {share} + :i\n"
_STEPS = """BEGIN;
UPDATE bench.actions SET completed_at = now() WHERE id = :action AND completed_at IS NULL \
RETURNING player_id, points \\gset
SELECT score FROM bench.scores WHERE player_id = :player_id FOR UPDATE \\gset
UPDATE bench.scores SET score = :score::bigint + :points::int, version = version + 1, reached_at = now() \
WHERE player_id = :player_id;
INSERT INTO bench.entries (player_id, action_id, points, previous, current) \
VALUES (:player_id, :action, :points, :score, :score::bigint + :points::int);
INSERT INTO bench.outbox (payload) VALUES (jsonb_build_object('a', :action::bigint, 'p', :points::int));
COMMIT;
"""
ONE_CALL = "1 function call"
CHAINED = "1 function call, hash chain and head row"
_FORMS = {
    "7 statements": _STEPS,
    ONE_CALL: "SELECT bench.complete_one(:action, false);\n",
    CHAINED: "SELECT bench.complete_one(:action, true);\n",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A form of the transaction and its rate with so many clients."""

    name: str
    clients: int
    rate: float


def find_pgbench() -> Path | None:
    """The newest pgbench of the machine; Debian's wrapper in PATH wants a cluster of its own, so it comes last."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), key=_major, reverse=True)
    on_path = shutil.which("pgbench")
    return next(iter([*candidates, *([Path(on_path)] if on_path else [])]), None)


def _major(program: Path) -> int:
    name = program.parent.parent.name
    return int(name) if name.isdigit() else 0


def measure(ground: Ground, seconds: float) -> list[Form]:
    """Each form with 32 and 64 clients, on all cores; nothing when there is no pgbench."""
    program = find_pgbench()
    if program is None:
        print("\npgbench: skipped, neither in PATH nor in /usr/lib/postgresql (Debian: postgresql-contrib)")
        return []
    ground.place_stores(ground.cores.every)
    asyncio.run(ground.run(f"CREATE DATABASE {_DATABASE}"))
    forms = []
    for name, script in _FORMS.items():
        for clients in (32, 64):
            rate = asyncio.run(_renew_and_run(ground, program, script, clients, seconds))
            forms.append(Form(name, clients, rate))
    return forms


async def _renew_and_run(ground: Ground, program: Path, script: str, clients: int, seconds: float) -> float:
    connection = await asyncpg.connect(ground.postgres.url_for(_DATABASE))
    try:
        await connection.execute("DROP SCHEMA IF EXISTS bench CASCADE")
        await connection.execute(_TABLES.format(players=_PLAYERS))
        await connection.execute(
            "INSERT INTO bench.actions SELECT n, n * 7919 % $2::bigint, n % 101 FROM generate_series(0, $1::bigint) n",
            _ACTIONS,
            _PLAYERS,
        )
        await connection.execute("VACUUM ANALYZE bench.actions")
        await connection.execute("CHECKPOINT")
        path = ground.folder / "pgbench.sql"
        path.write_text(_ACTION.format(share=_ACTIONS // clients) + script, encoding="utf-8")
        took = await asyncio.to_thread(_run, ground, program, path, clients, seconds)
        count: int = await connection.fetchval("SELECT count(*) FROM bench.entries")
        return count / took
    finally:
        await connection.close()


def _run(ground: Ground, program: Path, script: Path, clients: int, seconds: float) -> float:
    url = urlsplit(ground.postgres.url_for(_DATABASE))
    done = subprocess.run(
        [
            *[program, "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(max(1, round(seconds)))],
            *["-D", "i=0", "-f", str(script)],
            *["-h", url.hostname or "", "-p", str(url.port), "-U", url.username or "", _DATABASE],
        ],
        env={"PGPASSWORD": url.password or ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pgbench failed: {done.stderr[-2000:]}")
    transactions = re.search(r"actually processed: (\d+)", done.stdout)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    if transactions is None or rate is None:
        raise RuntimeError(f"pgbench said nothing about its rate: {done.stdout}")
    return int(transactions[1]) / float(rate[1])
