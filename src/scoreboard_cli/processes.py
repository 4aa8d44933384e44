"""Child processes that never outlive their parent, and the traces of those that did.

The stores and the supervisor start everything through ``Child``. A child is reaped by us, dies with us where
the kernel offers it (Linux), and leaves a record (pid and start time), so that the next start can recognise and
end a leftover elsewhere (macOS) without ever touching a stranger that was given the same pid.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PR_SET_PDEATHSIG = 1
_PAUSE = 0.02


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Poll ``condition`` for at most ``timeout`` seconds; tells whether it came true."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True


def start_mark(pid: int) -> str | None:
    """When the process ``pid`` was started, as an opaque mark; None when it is gone or only waits to be reaped."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
        return None if fields[0] in {"Z", "X"} else f"{boot}/{fields[19]}"
    listed = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(listed) < 2 or listed[0].startswith("Z") else listed[1].strip()


def working_in(directory: Path, name: str) -> list[int]:
    """Processes called ``name`` whose working directory is ``directory``; nothing where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "comm").read_text().strip() == name and os.readlink(entry / "cwd") == str(directory):
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile, or belongs to somebody else
    return [pid for pid in found if start_mark(pid)]


@dataclass(frozen=True, slots=True)
class RunAs:
    """Under which account a child runs; the default is our own.

    Attributes:
        uid: Drop to this user, with ``gid`` as the only group.
        gid: The group that goes with ``uid``.
        prefix: A command put before the child's, for example one that enters a user namespace.
    """

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def run(self, argv: Sequence[str], *, text: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` to its end under this account. Raises OSError when it cannot be executed."""
        return subprocess.run(
            [*self.prefix, *argv],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or "/",
            env=plain_environment(),
            start_new_session=True,
            preexec_fn=_dies_with_parent(signal.SIGKILL),
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )


def plain_environment() -> dict[str, str]:
    """Our environment in one language and zone, without variables that redirect Postgres' programs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """The file that remembers a child across a crash of ours."""

    path: Path

    def write(self, pid: int) -> None:
        """Remember the living process ``pid``."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({"pid": pid, "started": start_mark(pid)}), encoding="utf-8")

    def forget(self) -> None:
        """The process was reaped."""
        self.path.unlink(missing_ok=True)

    def leftover(self) -> int | None:
        """The pid of the remembered process if that very process still runs, otherwise None."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            pid, started = int(content["pid"]), content["started"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return pid if started is not None and start_mark(pid) == started else None

    def stop_leftover(self, stop_signal: signal.Signals, timeout: float) -> bool:
        """End what a crashed run left behind, gently, then by force. Tells whether there was anything."""
        pid = self.leftover()
        if pid is not None:
            _signal(pid, stop_signal)
            if not wait_until(lambda: self.leftover() is None, timeout):
                _signal(pid, signal.SIGKILL)
                wait_until(lambda: self.leftover() is None, 10)
        self.forget()
        return pid is not None


class Child:
    """One running child process."""

    def __init__(self, process: subprocess.Popen[bytes], record: ProcessRecord) -> None:
        self._process = process
        self._record = record

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        log: Path,
        record: ProcessRecord,
        death_signal: signal.Signals,
        env: Mapping[str, str] | None = None,
        run_as: RunAs | None = None,
        cwd: Path | None = None,
    ) -> Self:
        """Start ``argv`` with its output appended to ``log``. Call it from the main thread.

        The kernel ties the death signal to the thread that started the child, hence the main thread. The child
        gets a session of its own: Ctrl-C in the terminal reaches only us, and we stop things in order.

        Args:
            argv: Program and arguments.
            log: Gets standard output and error.
            record: Remembers the process until it is reaped.
            death_signal: Sent by the kernel when we die without having stopped the child (Linux).
            env: The child's whole environment; ours when None.
            run_as: The account.
            cwd: Working directory; ours when None.

        Raises:
            OSError: The program cannot be executed.
        """
        account = run_as or RunAs()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*account.prefix, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_dies_with_parent(death_signal),  # noqa: PLW1509 # no other way; forked from the main thread
                user=account.uid,
                group=account.gid,
                extra_groups=None if account.uid is None else [],
            )
        record.write(process.pid)
        return cls(process, record)

    @property
    def pid(self) -> int:
        """Process id; also the id of its group."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; reaps it otherwise. Negative: ended by that signal."""
        code = self._process.poll()
        if code is not None:
            self._record.forget()
        return code

    def ask_to_stop(self, stop_signal: signal.Signals) -> None:
        """Send ``stop_signal`` unless it has ended."""
        if self.exit_code() is None:
            self._process.send_signal(stop_signal)

    def finish(self, timeout: float) -> int:
        """Wait ``timeout`` seconds for the end, then kill the whole group; always reaps. Returns the exit code."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            code = self.kill()
        self._record.forget()
        return code

    def kill(self) -> int:
        """End it and what it started at once (SIGKILL), and reap it. Returns the exit code."""
        if self.exit_code() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        code = self._process.wait()
        self._record.forget()
        return code


def log_tail(log: Path, lines: int = 12, size: int = 8192) -> str:
    """The last lines of a log file, for an error text; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - size))
            content = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(content.strip().splitlines()[-lines:])


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _dies_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """A hook that runs in the child before it becomes another program; None where the kernel has no such thing."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def hook() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return hook
