"""An embedded Valkey (or Redis): the live projection, kept in memory only, as our direct child.

``scoreboard up`` and the test suite use it. Nothing is written to disk: what it holds is rebuilt from Postgres.
"""

import os
import secrets
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from scoreboard_cli import ports
from scoreboard_cli.binaries import find_valkey
from scoreboard_cli.data_folder import make_folder
from scoreboard_cli.failures import ExitedError, ExpectedError
from scoreboard_cli.processes import Child, ProcessRecord, log_tail, wait_until
from scoreboard_cli.secret_files import read_or_create, write_private

HOST = "127.0.0.1"
_LONGEST_SOCKET_PATH = 103
_OPTIONS = {
    "bind": HOST,
    "protected-mode": "yes",
    "save": '""',
    "appendonly": "no",
    "maxmemory-policy": "noeviction",  # a board that lost entries would be wrong without saying so
    "daemonize": "no",
    "databases": "64",
    "set-proc-title": "no",
}


class ValkeyServer:
    """One Valkey server on the loopback, with a password.

    Args:
        directory: Its folder; made when missing. One server at a time per folder: the caller sees to that.
        port: TCP port; 0 takes a free one. It stays the same across restarts of this object.
        options: Configuration on top of ours.
        log: The log file; ``valkey.log`` in the folder when None.
        program: The server program; the wheel's, otherwise the machine's, when None.
    """

    name = "redis"
    ready_timeout = 20.0
    stop_timeout = 10.0

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        options: Mapping[str, str] | None = None,
        log: Path | None = None,
        program: Path | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.log = log or self.directory / "valkey.log"
        self.port = port
        self._options = _OPTIONS | dict(options or {})
        self._program = program
        self._record = ProcessRecord(self.directory / "process.json")
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Address of its first database, with the password. Valid once the server was started."""
        return self.url_for(0)

    def url_for(self, database: int) -> str:
        """The same server's address for one of its 64 numbered databases."""
        return f"redis://:{self._password()}@{HOST}:{self.port}/{database}"

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._child.pid if self._child and self._child.exit_code() is None else None

    def start(self, timeout: float = ready_timeout) -> None:
        """Start it and wait until it answers. Raises what ``launch`` and ``wait_ready`` raise."""
        self.launch()
        self.wait_ready(timeout)

    def launch(self) -> None:
        """Start it, after ending what a crashed run left behind.

        Raises:
            ExpectedError: No program, an unusable folder, or a taken port.
        """
        if self.pid is not None:
            return
        make_folder(self.directory)
        program = self._program or find_valkey()
        self._record.stop_leftover(signal.SIGTERM, 10)
        if not self.port:
            self.port = ports.pick_free(HOST)
        elif not ports.is_free(self.port, HOST):
            raise ports.taken(self.port, "Redis")
        configuration = self.directory / "valkey.conf"  # in a file: arguments are visible to every user
        write_private(configuration, "".join(f"{name} {value}\n" for name, value in self._settings().items()))
        self._child = Child.start(
            [str(program), str(configuration)],
            log=self.log,
            record=self._record,
            death_signal=signal.SIGTERM,
            cwd=self.directory,
        )

    def is_ready(self) -> bool:
        """Tells whether it answers now. Raises ExitedError when it has ended by itself."""
        if self._child is None:
            return False
        code = self._child.exit_code()
        if code is not None:
            raise ExitedError(f"Valkey ended with exit code {code}.", f"The end of {self.log}:\n{log_tail(self.log)}")
        return self._answers()

    def wait_ready(self, timeout: float = ready_timeout) -> None:
        """Wait until it answers.

        Raises:
            ExitedError: It ended by itself.
            ExpectedError: It runs but does not answer in time.
        """
        if not wait_until(self.is_ready, timeout):
            raise self.late()

    def late(self) -> ExpectedError:
        """Why it is not ready in time."""
        return ExpectedError("Valkey did not answer in time.", f"The end of {self.log}:\n{log_tail(self.log)}")

    def exit_code(self) -> int | None:
        """None while it runs or was never started, otherwise how it ended."""
        return self._child.exit_code() if self._child else None

    def ask_to_stop(self) -> None:
        """Begin an orderly stop; ``exit_code`` tells when it is over."""
        if self._child is not None:
            self._child.ask_to_stop(signal.SIGTERM)

    def stop(self, timeout: float = stop_timeout) -> None:
        """Stop it in an orderly way and reap it; by force after ``timeout`` seconds. Its content is gone."""
        if self._child is not None:
            self.ask_to_stop()
            self._child.finish(timeout)
            self._child = None

    def kill(self) -> None:
        """End it like a power cut, and reap it."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _password(self) -> str:
        return read_or_create(self.directory / "password", lambda: secrets.token_urlsafe(24))

    def _settings(self) -> dict[str, str]:
        settings = self._options | {
            "port": str(self.port),
            "requirepass": self._password(),
            "dir": f'"{self.directory}"',
        }
        path = self.directory / "valkey.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            settings |= {"unixsocket": f'"{path}"', "unixsocketperm": "700"}
        return settings

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(512)):
                    answer += part
                return answer.endswith(b"+PONG\r\n")
        except OSError:
            return False
