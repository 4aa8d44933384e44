"""An embedded Valkey (or Redis): the live projection, kept in memory only, as our direct child.

``scoreboard up`` and the test suite use it. Nothing is written to disk: what it holds is rebuilt from Postgres.
"""

import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from scoreboard_cli.binaries import find_valkey
from scoreboard_cli.data_folder import make_folder
from scoreboard_cli.embedded_server import HOST, EmbeddedServer
from scoreboard_cli.failures import ExitedError
from scoreboard_cli.processes import Child, log_tail
from scoreboard_cli.secret_files import write_private

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


class ValkeyServer(EmbeddedServer):
    """One Valkey server on the loopback, with a password. What it holds is gone when it stops.

    Args:
        directory: Its folder; made when missing. One server at a time per folder: the caller sees to that.
        port: TCP port; 0 takes a free one. It stays the same across restarts of this object.
        options: Configuration on top of ours.
        log: The log file; ``valkey.log`` in the folder when None.
        program: The server program; the wheel's, otherwise the machine's, when None.
    """

    name = "redis"
    title = "Valkey"
    stop_signal = signal.SIGTERM
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
        directory = directory.resolve()
        super().__init__(directory, port=port, log=log or directory / "valkey.log")
        self._options = _OPTIONS | dict(options or {})
        self._program = program

    @property
    def url(self) -> str:
        """Address of its first database, with the password. Valid once the server was started."""
        return self.url_for(0)

    def url_for(self, database: int) -> str:
        """The same server's address for one of its 64 numbered databases."""
        return f"redis://:{self._password()}@{HOST}:{self.port}/{database}"

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
        self._choose_port("Redis")
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
