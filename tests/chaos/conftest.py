"""How the chaos tests are run: `pytest tests/chaos` makes the quick counts, `make chaos` the full ones.

A test names its fault with ``@pytest.mark.fault("kill-api")`` and asks for the fixture ``fault``.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.catalogue_outside import FAULTS
from tests.chaos.fault_run import FaultRun

SEED = 5
_QUICK_MINUTES = 5.0
_WORDS = 400
_report = pytest.StashKey[pytest.TestReport]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos")
    group.addoption("--chaos-full", action="store_true", help="make the full counts of the catalogue")
    group.addoption("--chaos-seed", type=int, default=SEED, help="drives load and faults")
    group.addoption("--chaos-record", type=Path, help="a folder for one record a fault; shows progress too")
    group.addoption("--chaos-only", action="append", default=[], help="go through this fault only (again for more)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(name): the fault of the catalogue that the test brings about")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only = set(config.getoption("chaos_only", default=[]))
    unknown = only - set(FAULTS)
    if unknown:
        raise pytest.UsageError(f"No such fault: {', '.join(sorted(unknown))}. There are: {', '.join(FAULTS)}.")
    kept, left = [], []
    for item in items:
        marker = item.get_closest_marker("fault")
        if marker is not None:
            minutes = (
                FAULTS[marker.args[0]].minutes if config.getoption("chaos_full", default=False) else _QUICK_MINUTES
            )
            item.add_marker(pytest.mark.timeout(minutes * 60))
        beside = only and (marker is None or marker.args[0] not in only)
        (left if beside else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> object:
    report = yield
    if report.when == "call":
        item.stash[_report] = report
    return report


def _in_short(report: pytest.TestReport) -> str:
    """What failed and where, in a line that says something without the whole report."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return str(report.longreprtext).splitlines()[-1]
    return f"{crash.message.splitlines()[0][:_WORDS]} ({Path(crash.path).name}:{crash.lineno})"


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[FaultRun]:
    """The fault of this test. What it demands is judged, and recorded, when the test is over."""
    config = request.config
    folder = config.getoption("chaos_record", default=None)
    terminal = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        if folder is not None and terminal is not None:
            with capture.global_and_fixture_disabled():
                terminal.write_line(text)

    marker = request.node.get_closest_marker("fault")
    run = FaultRun(
        FAULTS[marker.args[0]],
        config.getoption("chaos_full", default=False),
        config.getoption("chaos_seed", default=SEED),
        say,
    )
    request.node.add_report_section("setup", "chaos", f"--chaos-seed {run.seed}")  # shown when the test fails
    yield run
    report = request.node.stash.get(_report, None)
    if report is not None and report.skipped:
        run.skipped, problems = str(report.longrepr[-1]), []  # type: ignore[index]
    elif report is None or report.failed:
        problems = [_in_short(report) if report is not None else "it never began"]
        say(f"  {problems[0]}")  # now, not at the end of a run that takes most of an hour
    else:
        problems = run.judge()
        if problems:
            problems = [f"{run.fault.name}: {each}" for each in problems]
    if folder is not None:
        run.write(folder, problems)
    if problems and report is not None and report.passed:
        pytest.fail("\n".join(problems), pytrace=False)
