"""What the security tests counted, and how much of it a full run owes: a pytest plugin for ``make test-full``.

A test notes what it did through the ``count`` fixture; the numbers travel with its report, so that they also arrive
from the workers of pytest-xdist. At the end the table is printed, and the run fails where something falls short.
"""

from collections import Counter

import pytest
from _pytest.terminal import TerminalReporter

PREFIX = "count:"
REQUIRED = {
    "cells of the role matrix": 450,
    "mutated access tokens": 10_000,
    "wrong tokens over HTTP": 100,
    "schemathesis cases": 10_000,
    "names in a browser": 200,
    "secrets looked for": 240,
    "limiter: schedules against the oracle": 800,
    "limiter: schedules against the exact model": 800,
    "limiter: requests to two processes": 5_000,
    "revocations: log-out": 200,
    "revocations: log-out everywhere": 200,
    "revocations: password change": 200,
    "revocations: role change": 200,
    "revocations: ban": 200,
    "attacks on sockets": 84,
    "signed requests against the oracle": 10_000,
    "parallel replays": 250,
}
"""How often each thing has to be done in a full run. A new kind of count gets a line here."""


class Counts:
    """Adds up what the tests that passed have counted."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()

    def missing(self) -> list[str]:
        """What was not done often enough."""
        return [name for name, needed in REQUIRED.items() if self.done[name] < needed]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            for name, value in report.user_properties:
                if name.startswith(PREFIX) and isinstance(value, int):
                    self.done[name.removeprefix(PREFIX)] += value

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.missing() and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        terminalreporter.section("what was counted")
        names = sorted({*self.done, *REQUIRED})
        width = max(map(len, names))
        terminalreporter.write_line(f"{'':{width}}  {'done':>8}  {'required':>8}")
        for name in names:
            needed = REQUIRED.get(name, 0)
            line = f"{name:{width}}  {self.done[name]:>8}  {needed:>8}"
            short = self.done[name] < needed
            terminalreporter.write_line(line + ("  too few" if short else ""), red=short)


def pytest_configure(config: pytest.Config) -> None:
    """Count where the reports arrive: in the one process, or in the one that leads the workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Counts(), "scoreboard-counts")
