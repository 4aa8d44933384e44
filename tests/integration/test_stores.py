"""The bundled stores as real processes: they keep data, survive crashes, and leave nothing behind."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.processes import RunAs, start_mark, wait_until
from scoreboard_cli.valkey_server import ValkeyServer

FAST = {"fsync": "off"}
NOBODY = RunAs(uid=65534, gid=65534)
IS_ROOT = os.geteuid() == 0

PARENT = """
import sys, time
from pathlib import Path
from scoreboard_cli import processes
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.valkey_server import ValkeyServer
if sys.argv[2] == "without death signal":
    processes._dies_with_parent = lambda number: None
folder = Path(sys.argv[1])
postgres, valkey = PostgresServer(folder / "postgres", options={"fsync": "off"}), ValkeyServer(folder / "valkey")
postgres.start()
valkey.start()
print(postgres.pid, valkey.pid, postgres.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, and passable for the user to whom root hands Postgres."""
    path = Path(tempfile.mkdtemp(prefix="sb-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def postgres(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder / "postgres", options=FAST)
    yield server
    server.stop()


@pytest.fixture
def valkey(folder: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(folder / "valkey")
    yield server
    server.stop()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def query(url: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_postgres_keeps_data_and_address_across_stop_and_start(postgres: PostgresServer) -> None:
    postgres.start()
    url = postgres.url
    query(url, "CREATE TABLE kept AS SELECT 7 AS value")
    postgres.stop()
    assert postgres.pid is None
    postgres.start()
    assert postgres.url == url
    assert query(url, "SELECT value FROM kept") == 7


def test_postgres_recovers_after_a_kill(postgres: PostgresServer) -> None:
    postgres.start()
    query(postgres.url, "CREATE TABLE kept AS SELECT 7 AS value")
    for _ in range(3):
        postgres.kill()
        postgres.start()
    assert query(postgres.url, "SELECT value FROM kept") == 7


def test_postgres_sorts_and_folds_case_the_same_everywhere(postgres: PostgresServer) -> None:
    postgres.start()
    assert query(postgres.url, "SELECT lower('ÄÉ')") == "äé"
    assert query(postgres.url, "SELECT 'B' < 'a'") is True


def test_both_stores_demand_the_password(postgres: PostgresServer, valkey: ValkeyServer) -> None:
    postgres.start()
    valkey.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        query(f"postgresql://scoreboard:wrong@127.0.0.1:{postgres.port}/scoreboard", "SELECT 1")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=valkey.port, retry=Retry(NoBackoff(), 0)).ping()
    for secret in (postgres.directory / "password", valkey.directory / "password", valkey.directory / "valkey.conf"):
        assert secret.stat().st_mode & 0o077 == 0, secret


def test_valkey_comes_back_empty_at_the_same_address(valkey: ValkeyServer) -> None:
    valkey.start()
    url = valkey.url
    with redis.Redis.from_url(url) as client:
        client.set("score", 1)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    for end in (valkey.stop, valkey.kill):
        end()
        valkey.start()
        assert valkey.url == url
        with redis.Redis.from_url(url) as client:
            assert client.dbsize() == 0


@pytest.mark.parametrize("way", ["with death signal", "without death signal"])
def test_a_killed_parent_blocks_nothing(folder: Path, way: str) -> None:
    if way == "with death signal" and sys.platform != "linux":
        pytest.skip("only Linux tells children that their parent died")
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder), way], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    first, second, url = parent.stdout.readline().split()
    pids = [int(first), int(second)]
    query(url, "CREATE TABLE kept AS SELECT 7 AS value")
    parent.kill()
    parent.communicate()
    if way == "with death signal":
        assert wait_until(lambda: not any(map(start_mark, pids)), 20), "orphans remain"
    else:
        assert all(map(start_mark, pids)), "the test wants orphans here"
    postgres, valkey = PostgresServer(folder / "postgres", options=FAST), ValkeyServer(folder / "valkey")
    with contextlib.ExitStack() as cleaning:
        cleaning.callback(postgres.stop)
        cleaning.callback(valkey.stop)
        postgres.start()
        valkey.start()
        assert query(postgres.url, "SELECT value FROM kept") == 7
        assert not any(map(start_mark, pids)), "orphans remain"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets us see who works in the data directory")
def test_a_lock_file_that_names_a_stranger_does_not_block(
    postgres: PostgresServer, stranger: subprocess.Popen[bytes]
) -> None:
    postgres.start()
    lock = postgres.directory / "data" / "postmaster.pid"
    content, owner = lock.read_text().splitlines(), lock.stat()
    postgres.kill()
    if IS_ROOT and owner.st_uid:  # Postgres recognises only a process of its own user as a possible server
        stranger.kill()
        stranger.wait()
        stranger = subprocess.Popen(["sleep", "600"], user=owner.st_uid)
    lock.write_text("\n".join([str(stranger.pid), *content[1:]]) + "\n")
    os.chown(lock, owner.st_uid, owner.st_gid)
    try:
        postgres.start()
        assert query(postgres.url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_record_that_names_a_stranger_harms_nobody(
    postgres: PostgresServer, valkey: ValkeyServer, stranger: subprocess.Popen[bytes]
) -> None:
    for server in (postgres, valkey):
        server.directory.mkdir(mode=0o711)
        (server.directory / "process.json").write_text(json.dumps({"pid": stranger.pid, "started": "another time"}))
        server.start()
    assert stranger.poll() is None


def test_an_interrupted_initdb_is_begun_again(postgres: PostgresServer) -> None:
    half_made = postgres.directory / "data.partial" / "base"
    half_made.mkdir(parents=True)
    postgres.directory.chmod(0o711)
    postgres.start()
    assert query(postgres.url, "SELECT 1") == 1
