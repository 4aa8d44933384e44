"""The folder in which a platform started by ``scoreboard up`` keeps everything, ``.scoreboard`` by default."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.processes import ProcessRecord


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Names every path below the folder ``root``."""

    root: Path

    @property
    def postgres(self) -> Path:
        """Postgres' folder: the only one that has to be kept."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's folder."""
        return self.root / "valkey"

    @property
    def keys(self) -> Path:
        """Development keys."""
        return self.root / "keys"

    @property
    def run_file(self) -> Path:
        """Describes the running platform to the other commands."""
        return self.root / "run.json"

    def log(self, name: str) -> Path:
        """The log file of the process ``name``."""
        return self.root / "logs" / f"{name}.log"

    def record(self, name: str) -> ProcessRecord:
        """Remembers the process ``name`` across a crash."""
        return ProcessRecord(self.root / "processes" / f"{name}.json")

    def keep_old_logs(self) -> None:
        """Begin new log files; the last run's stay as ``<name>.log.1``."""
        for log in (self.root / "logs").glob("*.log"):
            log.replace(log.with_name(log.name + ".1"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and hold it for this process; the kernel frees it whatever ends us.

        Raises:
            ExpectedError: It cannot be written to, or another platform runs in it.
        """
        make_folder(self.root)
        try:
            file = (self.root / "lock").open("a+", encoding="ascii")
        except OSError as error:
            raise _unusable(self.root, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise ExpectedError(
                    f"Another scoreboard runs in {self.root} (pid {file.read().strip() or 'unknown'}).",
                    "Stop it with Ctrl-C there, or give this one another folder and other ports: "
                    "scoreboard up --data .scoreboard-2 --api-port 8010 --realtime-port 8011 --metrics-port 9110",
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def make_folder(directory: Path) -> None:
    """Make a folder closed to others; root leaves it passable, as Postgres then runs as another user.

    Raises:
        ExpectedError: It cannot be made or written to.
    """
    try:
        directory.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(directory, error) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _unusable(directory, PermissionError(13, os.strerror(13)))


def _unusable(directory: Path, error: OSError) -> ExpectedError:
    return ExpectedError(
        f"The folder {directory} cannot be used: {error.strerror or error}.",
        "Choose another with --data, or make it writable for this user.",
    )
