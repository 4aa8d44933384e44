"""The crowd of the fan-out benchmark: one process that holds thousands of clients and says when each has its event."""

import os
import selectors
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ground import ROOT, Cores

_SOURCES = Path(__file__).parent / "peers"
_PATIENCE = 90.0  # seconds for one answer: four thousand connects, or one event to all of them


@dataclass(frozen=True)
class Programs:
    """What was compiled; None without a C compiler."""

    client: Path | None
    loop: Path | None


def compiled(folder: Path) -> Programs:
    """The C programs, built in ``folder`` where there is a compiler. Raises RuntimeError when one does not build."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return Programs(None, None)
    found = {}
    for name in ("client", "loop"):
        found[name] = folder / name
        command = [compiler, "-O2", "-std=gnu11", "-o", str(found[name]), str(_SOURCES / f"{name}.c")]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            raise RuntimeError(f"{name}.c does not compile:\n{built.stderr}")
    return Programs(found["client"], found["loop"])


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how clients connect. ``tokens`` is a file with one in each line."""

    port: int
    protocol: str
    path: str
    tokens: Path | None = None


class FanCrowd:
    """Clients of one server. Every method raises RuntimeError when they fail or take too long."""

    def __init__(self, programs: Programs, place: Place, cores: Cores) -> None:
        program = [str(programs.client)] if programs.client else [sys.executable, "-m", "benchmarks.peers.client"]
        tokens = "-" if place.tokens is None else str(place.tokens)
        command = [*program, str(place.port), place.protocol, place.path, tokens]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.sched_setaffinity(self._process.pid, cores.others)
        self._read = b""
        self._events = selectors.DefaultSelector()
        assert self._process.stdout is not None
        self._events.register(self._process.stdout, selectors.EVENT_READ)

    def connect(self, count: int, buffer: int = 0) -> float:
        """So many more clients, with this receive buffer (0: the system's). Returns the seconds until all are ready."""
        self._say(f"connect {count} {buffer}")
        return float(self._answer("connected")[0])

    def stall(self) -> int:
        """Those with a receive buffer of their own stop reading. Returns how many."""
        self._say("stall")
        return int(self._answer("stalled")[0])

    def round(self) -> tuple[float, float]:
        """When the first and the last client had the event that comes now; moments of ``time.monotonic``."""
        first, last = self._answer("round")
        return float(first), float(last)

    def close(self) -> None:
        """Hang up."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._events.close()

    def _say(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def _answer(self, wanted: str) -> list[str]:
        deadline = time.monotonic() + _PATIENCE
        assert self._process.stdout is not None
        while b"\n" not in self._read:
            left = deadline - time.monotonic()
            if left <= 0:
                raise RuntimeError(f'the clients did not say "{wanted}" within {_PATIENCE:g} seconds')
            if self._events.select(left):
                data = self._process.stdout.read1(65536)  # type: ignore[attr-defined]
                if not data:
                    raise RuntimeError(f"the clients ended with {self._process.wait()}")
                self._read += data
        line, _, self._read = self._read.partition(b"\n")
        word, *rest = line.decode().split()
        if word != wanted:
            raise RuntimeError(f'the clients said "{line.decode()}" where "{wanted}" was expected')
        return rest
