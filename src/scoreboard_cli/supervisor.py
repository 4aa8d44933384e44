"""Starts stores and services in order, keeps them running, stops them in the reverse order.

One thread, one loop: it polls, because everything it looks after is another process. ``up`` drives it.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.log_follower import LogFollower

_PAUSE = 0.03
_WATCH_PAUSE = 0.2
_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 30.0
_STABLE_AFTER = 60.0


class Unit(Protocol):
    """What can be looked after: a bundled store, somebody else's store, one of our services."""

    @property
    def name(self) -> str:
        """Shown to people."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs as our child."""

    @property
    def ready_timeout(self) -> float:
        """Seconds from its start until it has to be ready."""

    @property
    def stop_timeout(self) -> float:
        """Seconds that an orderly stop may take."""

    def launch(self) -> None:
        """Start it. Raises ExpectedError."""

    def is_ready(self) -> bool:
        """Tells whether it serves now. Raises ExpectedError when it never will."""

    def late(self) -> ExpectedError:
        """Why it is not ready after ``ready_timeout``."""

    def exit_code(self) -> int | None:
        """None while it runs."""

    def ask_to_stop(self) -> None:
        """Begin an orderly stop."""

    def kill(self) -> None:
        """End it at once and reap it."""


class State(StrEnum):
    """What a status line says about a unit."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"


Report = Callable[[str, State, str], None]


class StopRequested(Exception):
    """Ctrl-C or SIGTERM arrived while something was being waited for."""


@dataclass(slots=True)
class _Watched:
    unit: Unit
    launched_at: float
    ready: bool = False
    restarts: int = 0
    retry_at: float | None = None


class Supervisor:
    """Looks after the units it was given.

    Args:
        report: Told of every change: name, state, detail.
        stop_wishes: How many times we were asked to stop; from the second on nothing is waited for.
    """

    def __init__(self, report: Report, stop_wishes: Callable[[], int]) -> None:
        self._report = report
        self._stop_wishes = stop_wishes
        self._watched: list[_Watched] = []

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs as our child, by name."""
        return {watched.unit.name: pid for watched in self._watched if (pid := watched.unit.pid) is not None}

    def start(self, units: Iterable[Unit]) -> None:
        """Start all of them side by side and wait until every one is ready.

        Raises:
            ExpectedError: One cannot be started, ended, or was not ready in time.
            StopRequested: We were asked to stop meanwhile.
        """
        pending = []
        for unit in units:
            self._report(unit.name, State.STARTING, "")
            watched = _Watched(unit, time.monotonic())
            self._watched.append(watched)
            with self._failure_reported(unit):
                unit.launch()
            pending.append(watched)
        while pending := [watched for watched in pending if not self._became_ready(watched)]:
            if self._stop_wishes():
                raise StopRequested
            time.sleep(_PAUSE)

    def watch(self, followers: Sequence[LogFollower]) -> None:
        """Restart what ends by itself and show what the logs warn about, until we are asked to stop."""
        while not self._stop_wishes():
            for watched in self._watched:
                self._look_after(watched)
            for follower in followers:
                follower.look()
            time.sleep(_WATCH_PAUSE)

    def stop(self) -> None:
        """Stop everything, the last started first, and reap it: gently, by force when it takes too long."""
        while self._watched:
            unit = self._watched.pop().unit
            if unit.pid is None:
                continue
            self._report(unit.name, State.STOPPING, "")
            began = time.monotonic()
            unit.ask_to_stop()
            while unit.exit_code() is None and time.monotonic() - began < unit.stop_timeout and self._stop_wishes() < 2:
                time.sleep(_PAUSE)
            forced = unit.exit_code() is None
            unit.kill()
            taken = f"{time.monotonic() - began:.1f} s"
            self._report(unit.name, State.STOPPED, f"by force after {taken}" if forced else taken)

    def _became_ready(self, watched: _Watched) -> bool:
        unit, taken = watched.unit, time.monotonic() - watched.launched_at
        with self._failure_reported(unit):
            if unit.is_ready():
                watched.ready = True
                self._report(unit.name, State.READY, f"{taken:.1f} s")
                return True
            if taken > unit.ready_timeout:
                raise unit.late()
        return False

    def _look_after(self, watched: _Watched) -> None:
        now = time.monotonic()
        if watched.retry_at is not None:
            if now >= watched.retry_at:
                self._restart(watched, now)
            return
        code = watched.unit.exit_code()
        if code is not None:
            if watched.ready and now - watched.launched_at > _STABLE_AFTER:
                watched.restarts = 0
            self._plan_restart(watched, now, f"exit code {code}")
        elif not watched.ready:
            try:
                self._became_ready(watched)
            except ExpectedError as error:
                watched.unit.kill()
                self._plan_restart(watched, now, error.problem)

    def _restart(self, watched: _Watched, now: float) -> None:
        watched.retry_at, watched.ready, watched.launched_at = None, False, now
        try:
            watched.unit.launch()
        except ExpectedError as error:
            self._plan_restart(watched, now, error.problem)

    def _plan_restart(self, watched: _Watched, now: float, why: str) -> None:
        pause = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**watched.restarts)
        watched.restarts += 1
        watched.retry_at = now + pause
        self._report(watched.unit.name, State.RESTARTING, f"{why}; again in {pause:g} s")

    @contextlib.contextmanager
    def _failure_reported(self, unit: Unit) -> Iterator[None]:
        try:
            yield
        except ExpectedError as error:
            self._report(unit.name, State.FAILED, error.problem)
            raise
