"""The supervisor's order and patience, with units that exist only in memory."""

from dataclasses import dataclass, field

import pytest

from scoreboard_cli.failures import ExitedError, ExpectedError
from scoreboard_cli.supervisor import State, StopRequested, Supervisor


@dataclass
class FakeUnit:
    name: str
    journal: list[str]
    ready_after: int = 0
    ready_timeout: float = 5.0
    stop_timeout: float = 0.05
    obeys: bool = True
    ends_at_once: bool = False
    pid: int | None = None
    code: int | None = None
    launches: int = field(default=0)

    def launch(self) -> None:
        self.launches += 1
        self.pid, self.code = 1, None
        self.journal.append(f"launch {self.name}")

    def is_ready(self) -> bool:
        if self.ends_at_once:
            self.end(3)
            raise ExitedError(f"{self.name} ended")
        self.ready_after -= 1
        return self.ready_after < 0

    def late(self) -> ExpectedError:
        return ExpectedError(f"{self.name} is late")

    def exit_code(self) -> int | None:
        return self.code

    def ask_to_stop(self) -> None:
        self.journal.append(f"stop {self.name}")
        if self.obeys:
            self.end(0)

    def kill(self) -> None:
        if self.pid is not None:
            self.journal.append(f"kill {self.name}")
            self.end(-9)

    def end(self, code: int) -> None:
        self.pid, self.code = None, code


class Recorder:
    def __init__(self, stop_after: int = 10**9) -> None:
        self.states: list[tuple[str, State, str]] = []
        self.asked = 0
        self.stop_after = stop_after

    def report(self, name: str, state: State, detail: str) -> None:
        self.states.append((name, state, detail))

    def wishes(self) -> int:
        self.asked += 1
        return int(self.asked > self.stop_after)

    def of(self, name: str) -> list[State]:
        return [state for unit, state, _ in self.states if unit == name]


def test_units_start_side_by_side_and_stop_in_reverse() -> None:
    journal: list[str] = []
    recorder = Recorder()
    supervisor = Supervisor(recorder.report, recorder.wishes)
    supervisor.start([FakeUnit("store", journal)])
    supervisor.start([FakeUnit("slow", journal, ready_after=2), FakeUnit("quick", journal)])
    supervisor.stop()
    assert journal == ["launch store", "launch slow", "launch quick", "stop quick", "stop slow", "stop store"]
    assert recorder.of("slow") == [State.STARTING, State.READY, State.STOPPING, State.STOPPED]


def test_a_unit_that_ignores_the_wish_is_killed() -> None:
    journal: list[str] = []
    recorder = Recorder()
    supervisor = Supervisor(recorder.report, recorder.wishes)
    supervisor.start([FakeUnit("deaf", journal, obeys=False)])
    supervisor.stop()
    assert journal[-2:] == ["stop deaf", "kill deaf"]
    assert recorder.states[-1][2].startswith("by force")


def test_a_second_wish_ends_the_patience() -> None:
    journal: list[str] = []
    recorder = Recorder()
    supervisor = Supervisor(recorder.report, lambda: 2)
    deaf = FakeUnit("deaf", journal, obeys=False, stop_timeout=3600)
    supervisor.start([deaf])
    supervisor.stop()
    assert journal[-1] == "kill deaf"


def test_a_unit_that_is_late_fails_the_start() -> None:
    recorder = Recorder()
    supervisor = Supervisor(recorder.report, recorder.wishes)
    with pytest.raises(ExpectedError, match="slow is late"):
        supervisor.start([FakeUnit("slow", [], ready_after=10**6, ready_timeout=0.0)])
    assert recorder.of("slow") == [State.STARTING, State.FAILED]


def test_a_unit_that_ends_fails_the_start() -> None:
    recorder = Recorder()
    supervisor = Supervisor(recorder.report, recorder.wishes)
    with pytest.raises(ExitedError, match="broken ended"):
        supervisor.start([FakeUnit("broken", [], ends_at_once=True)])
    assert recorder.of("broken")[-1] is State.FAILED


def test_a_wish_to_stop_interrupts_the_start() -> None:
    recorder = Recorder(stop_after=0)
    supervisor = Supervisor(recorder.report, recorder.wishes)
    with pytest.raises(StopRequested):
        supervisor.start([FakeUnit("slow", [], ready_after=10**6)])


def test_a_crash_is_answered_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("scoreboard_cli.supervisor.time.monotonic", lambda: now)
    monkeypatch.setattr("scoreboard_cli.supervisor.time.sleep", sleep)
    recorder = Recorder(stop_after=400)  # rounds of 0.2 s
    supervisor = Supervisor(recorder.report, recorder.wishes)
    unit = FakeUnit("broken", [])
    supervisor.start([unit])
    unit.ends_at_once = True
    unit.end(1)
    supervisor.watch([])
    pauses = [detail.rpartition("again in ")[2] for _, state, detail in recorder.states if state is State.RESTARTING]
    assert pauses == ["0.5 s", "1 s", "2 s", "4 s", "8 s", "16 s", "30 s", "30 s"]


def test_a_long_quiet_run_forgives_earlier_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        if now > 100 and unit.launches == 2:
            unit.end(1)

    monkeypatch.setattr("scoreboard_cli.supervisor.time.monotonic", lambda: now)
    monkeypatch.setattr("scoreboard_cli.supervisor.time.sleep", sleep)
    recorder = Recorder(stop_after=600)
    supervisor = Supervisor(recorder.report, recorder.wishes)
    unit = FakeUnit("shaky", [])
    supervisor.start([unit])
    unit.end(1)
    supervisor.watch([])
    pauses = [detail.rpartition("again in ")[2] for _, state, detail in recorder.states if state is State.RESTARTING]
    assert pauses == ["0.5 s", "0.5 s"]
