"""One of our own services as a child process of the supervisor."""

import http.client
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scoreboard_cli.failures import ExitedError, ExpectedError
from scoreboard_cli.processes import Child, ProcessRecord, log_tail

_OK = 200
_LEFTOVER_GRACE = 3.0


@dataclass(slots=True)
class Service:
    """A Python module run with ``python -m``.

    Attributes:
        name: Shown to people, and the log's name.
        arguments: What follows ``python``, for example ``("-m", "scoreboard_api")``.
        environment: The child's whole environment.
        log: Gets its output.
        record: Remembers it across a crash of ours.
        health: Host and port that answer ``GET /health/ready``; None: ready as soon as it runs.
        stop_timeout: Seconds that it may take to drain.
        ready_timeout: Seconds from its start until it has to be ready.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    record: ProcessRecord
    health: tuple[str, int] | None = None
    stop_timeout: float = 15.0
    ready_timeout: float = 60.0
    _child: Child | None = field(default=None, init=False, repr=False)

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid if self._child and self._child.exit_code() is None else None

    def clear_leftover(self) -> None:
        """End the process that a crashed run of ours left behind; its port would be taken otherwise."""
        self.record.stop_leftover(signal.SIGTERM, _LEFTOVER_GRACE)

    def launch(self) -> None:
        """Start it. Raises ExpectedError when it cannot be started."""
        try:
            # SIGKILL, as without the supervisor nobody would end a drain that hangs; writes are safe against crashes.
            self._child = Child.start(
                [sys.executable, *self.arguments],
                env=self.environment,
                log=self.log,
                record=self.record,
                death_signal=signal.SIGKILL,
            )
        except OSError as error:
            raise ExpectedError(f"{self.name} cannot be started: {error}.") from error

    def is_ready(self) -> bool:
        """Tells whether it serves now. Raises ExitedError when it has ended."""
        if self._child is None:
            return False
        code = self._child.exit_code()
        if code is not None:
            raise self.ended(code)
        return self.health is None or _answers_ready(*self.health)

    def ended(self, code: int) -> ExitedError:
        """That it ended, and what it said last."""
        return ExitedError(f"{self.name} ended with exit code {code}.", f"The end of {self.log}:\n{log_tail(self.log)}")

    def late(self) -> ExpectedError:
        """Why it is not ready after ``ready_timeout``, and where to look."""
        return ExpectedError(
            f"{self.name} was not ready after {self.ready_timeout:g} s.",
            f"The end of {self.log}:\n{log_tail(self.log)}",
        )

    def exit_code(self) -> int | None:
        """None while it runs or was never started, otherwise how it ended; negative: by that signal."""
        return self._child.exit_code() if self._child else None

    def ask_to_stop(self) -> None:
        """Ask it to drain and end; ``exit_code`` tells when it has."""
        if self._child is not None:
            self._child.ask_to_stop(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, and reap it."""
        if self._child is not None:
            self._child.kill()


def child_environment(base: Mapping[str, str], **extra: str) -> dict[str, str]:
    """The environment for a child Python: without the setting that would make it compile its modules every time."""
    return {name: value for name, value in base.items() if name != "PYTHONDONTWRITEBYTECODE"} | extra


def _answers_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
