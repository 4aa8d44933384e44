"""A Postgres data directory: made once, checked on every start, freed from what a crash left in it.

Only ``PostgresServer`` calls this.
"""

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path

from scoreboard_cli.account import Account
from scoreboard_cli.binaries import PostgresBinaries
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.processes import RunAs, wait_until, working_in
from scoreboard_cli.secret_files import write_private

ROLE = "scoreboard"
SERVICE_ROLE = "scoreboard_service"
DATABASE = "scoreboard"
_KNOWS_UNICODE_BY_ITSELF = 17


def make_cluster(data: Path, account: Account, password: str, *, durable: bool = True) -> None:
    """Make the directory ``data`` with one role and one database. Only password log-ins are allowed.

    It is made beside its final place and moved there: an interrupted run leaves nothing half-made.

    Args:
        data: Where; does not exist yet.
        account: Who runs Postgres.
        password: Of the role.
        durable: Wait until it is safely on disk; tests do without.

    Raises:
        ExpectedError: Postgres' programs refused; their words are in the advice.
    """
    partial = data.with_name("data.partial")
    password_file = data.with_name("password.initdb")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    write_private(password_file, password)
    for path in (partial, password_file):
        hand_over(path, account.run_as)
    locale = ["--locale=C"]  # sorts by code point, everywhere alike
    if account.binaries.major() >= _KNOWS_UNICODE_BY_ITSELF:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    initdb = [str(account.binaries.initdb), "--pgdata", str(partial), "--username", ROLE, "--encoding=UTF8", *locale]
    initdb += ["--auth=scram-sha-256", "--pwfile", str(password_file), "--data-checksums"]
    initdb += [] if durable else ["--no-sync"]
    try:
        _run(account.run_as, initdb)
        single = [str(account.binaries.postgres), "--single", "-D", str(partial), "template1"]
        _run(account.run_as, single, f"CREATE DATABASE {DATABASE}\n")
    finally:
        password_file.unlink(missing_ok=True)
    partial.rename(data)


def check_version(data: Path, binaries: PostgresBinaries) -> None:
    """Refuse a directory made by another major version.

    Raises:
        ExpectedError: Naming both versions.
    """
    made_with = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if made_with != str(binaries.major()):
        raise ExpectedError(
            f"{data} was made by Postgres {made_with}, but the programs found are Postgres {binaries.major()}.",
            f"Move {data.parent} away to begin with an empty one, or start Postgres {made_with} on it yourself "
            "and point DATABASE_URL there.",
        )


def clear_leftovers(data: Path) -> None:
    """End whatever Postgres still works in ``data``, and remove a lock file that would block the start.

    Postgres ignores the lock file of a dead process, but not when the pid now belongs to another process or to
    one that nobody has reaped. The file may go only when nothing works in the directory any more, which only
    Linux lets us see.
    """
    for number, patience in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
        remaining = working_in(data, "postgres")
        for pid in remaining:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if not remaining or wait_until(lambda: not working_in(data, "postgres"), patience):
            break
    if sys.platform == "linux":
        (data / "postmaster.pid").unlink(missing_ok=True)


def hand_over(path: Path, run_as: RunAs) -> None:
    """Make the account the owner of ``path``, unless it is our own account anyway."""
    if run_as.uid is not None and run_as.gid is not None:
        os.chown(path, run_as.uid, run_as.gid)


def _run(run_as: RunAs, argv: list[str], text: str = "") -> None:
    done = run_as.run(argv, text=text)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise ExpectedError(f"{Path(argv[0]).name} failed with exit code {done.returncode}:", said)
