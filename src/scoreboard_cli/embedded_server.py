"""What the embedded servers have in common: the life of one child process on the loopback, with a password."""

import secrets
import signal
from abc import ABC, abstractmethod
from pathlib import Path

from scoreboard_cli import ports
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.processes import Child, ProcessRecord, log_tail, wait_until
from scoreboard_cli.secret_files import read_or_create

HOST = "127.0.0.1"


class EmbeddedServer(ABC):
    """One server in a folder of its own.

    Args:
        directory: Its folder. One server at a time per folder: the caller sees to that.
        port: TCP port; 0 takes a free one. It stays the same across restarts of this object.
        log: The log file.
    """

    name: str
    title: str
    """What a person calls it."""
    stop_signal: signal.Signals
    ready_timeout: float
    stop_timeout: float

    def __init__(self, directory: Path, *, port: int, log: Path) -> None:
        self.directory = directory
        self.log = log
        self.port = port
        self._record = ProcessRecord(directory / "process.json")
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._child.pid if self._child and self._child.exit_code() is None else None

    @abstractmethod
    def launch(self) -> None:
        """Start it, after ending what a crashed run left behind. Raises ExpectedError where that is not possible."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Tells whether it answers now. Raises ExitedError when it has ended by itself."""

    def start(self, timeout: float | None = None) -> None:
        """Start it and wait until it answers. Raises what ``launch`` and ``wait_ready`` raise."""
        self.launch()
        self.wait_ready(timeout)

    def wait_ready(self, timeout: float | None = None) -> None:
        """Wait until it answers; its own patience when ``timeout`` is None.

        Raises:
            ExitedError: It ended by itself.
            ExpectedError: It runs but does not answer in time.
        """
        if not wait_until(self.is_ready, self.ready_timeout if timeout is None else timeout):
            raise self.late()

    def late(self) -> ExpectedError:
        """Why it is not ready in time."""
        return ExpectedError(f"{self.title} did not answer in time.", f"The end of {self.log}:\n{log_tail(self.log)}")

    def exit_code(self) -> int | None:
        """None while it runs or was never started, otherwise how it ended."""
        return self._child.exit_code() if self._child else None

    def ask_to_stop(self) -> None:
        """Begin an orderly stop; ``exit_code`` tells when it is over."""
        if self._child is not None:
            self._child.ask_to_stop(self.stop_signal)

    def stop(self, timeout: float | None = None) -> None:
        """Stop it in an orderly way and reap it; by force after ``timeout`` seconds."""
        if self._child is not None:
            self.ask_to_stop()
            self._child.finish(self.stop_timeout if timeout is None else timeout)
            self._child = None

    def kill(self) -> None:
        """End it like a power cut, and reap it."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _password(self) -> str:
        return read_or_create(self.directory / "password", lambda: secrets.token_urlsafe(24))

    def _choose_port(self, title: str) -> None:
        """Raises ExpectedError when the port that was asked for is taken."""
        if not self.port:
            self.port = ports.pick_free(HOST)
        elif not ports.is_free(self.port, HOST):
            raise ports.taken(self.port, title)
