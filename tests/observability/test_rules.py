"""Every alert fires when it should and alone, is quiet when it should be, and leads to a runbook and a dashboard."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import generate, objectives
from dashboards.alerts import SEVERITIES, Alert, Case
from dashboards.rules import all_alerts, as_yaml, parts
from tests.observability.promtool import PROMTOOL, needs_promtool, run

ALERTS = all_alerts()
WATCHDOG = "ScoreboardWatchdog"
# A platform that is well. What a case says itself takes the place of the same series.
WELL = {
    **{f'scoreboard_build_info{{service="{name}"}}': "1x2000" for name in ("api", "realtime", "worker")},
    **{f'scoreboard_build_info{{service="{name}"}}': "1x2000" for name in ("anticheat-ml", "operator")},
    'scoreboard_store_up{instance="a",store="database"}': "1x2000",
    'scoreboard_store_up{instance="a",store="redis"}': "1x2000",
    'scoreboard_loop_last_success_seconds{loop="sweep"}': "0+60x2000",
    "scoreboard_outbox_oldest_seconds": "0x2000",
    "scoreboard_review_overdue_cases": "0x2000",
}
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


@pytest.mark.parametrize("path", sorted(generate.rule_files()), ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == generate.rule_files()[path], "run: make rules"


def test_nothing_lies_about_that_is_not_generated() -> None:
    assert set((generate.CHART / "rules").iterdir()) <= set(generate.rule_files())


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    paths = [path for path in generate.rule_files() if path.parent.name == "rules"]
    done = run(PROMTOOL, "check", "rules", *paths)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search("duplicate", done.stdout), done.stdout


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(as_yaml([group for groups in parts().values() for group in groups]), "utf-8")
    return path


def answers(
    asked: dict[str, Iterable[int]],
    samples: list[dict[str, Any]],
    series: dict[str, str],
    rules: Path,
    every: str = "1m",
) -> str:
    """What promtool says when not all of these queries, at these minutes, have exactly these samples."""
    content: dict[str, Any] = {
        "rule_files": [str(rules)],
        "evaluation_interval": every,
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in {**WELL, **series}.items()],
                "promql_expr_test": [
                    {"expr": expr, "eval_time": f"{minute}m", "exp_samples": samples}
                    for expr, minutes in asked.items()
                    for minute in minutes
                ],
            }
        ],
    }
    path = rules.parent / "case.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    done = run(PROMTOOL, "test", "rules", path)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def outcome(case: Case, expected: dict[str, dict[str, str]], rules: Path, every: str = "1m") -> str:
    """Run one case; what promtool says when not exactly these alerts fire, each once and with these labels."""
    samples = [
        {"labels": "{" + ", ".join(f'{key}="{value}"' for key, value in labels.items()) + "}", "value": 1}
        for labels in expected.values()
    ]
    query = 'sum without (alertstate) (ALERTS{alertstate="firing"})'
    return answers({query: [minutes(case.at)]}, samples, case.series, rules, every)


def minutes(written: str) -> int:
    """A duration of whole minutes or hours."""
    return int(written[:-1]) * {"m": 1, "h": 60}[written[-1]]


def firing(name: str, case: Case) -> dict[str, dict[str, str]]:
    """What is expected to fire, with its labels."""
    (alert,) = [each for each in ALERTS if each.name == name]
    return {name: {"alertname": name, **alert.rule()["labels"], **case.labels}}


@needs_promtool
@each_alert
def test_it_fires_once_and_nothing_else_does(alert: Alert, rules: Path) -> None:
    expected = firing(WATCHDOG, Case("", {})) | firing(alert.name, alert.firing)
    for other in alert.firing.also:
        expected |= firing(other, alert.firing)
    assert not (told := outcome(alert.firing, expected, rules)), told


@needs_promtool
@each_alert
def test_it_is_quiet_when_it_should_be(alert: Alert, rules: Path) -> None:
    if alert.quiet is None:
        assert alert.name == WATCHDOG, "only the watchdog always fires"
        return
    expected = firing(WATCHDOG, Case("", {}))
    for other in alert.quiet.also:
        expected |= firing(other, alert.quiet)
    assert not (told := outcome(alert.quiet, expected, rules)), told


def test_alerts_say_what_people_need() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS) >= 40
    provided = {alert.provides for alert in ALERTS}
    page = (generate.ROOT / "docs" / "runbooks.md").read_text("utf-8")
    for alert in ALERTS:
        assert alert.severity in SEVERITIES
        assert set(alert.needs) <= provided - {""}, f"{alert.name} needs what no alert tells of"
        assert alert.provides not in alert.needs or not alert.provides
        book = alert.runbook
        assert all((book.meaning, book.impact, book.queries, book.causes, book.fix, book.silence)), alert.name
        assert f"\n## {alert.name}\n" in page
        annotations = alert.rule()["annotations"]
        assert annotations["runbook_url"].endswith(f"#{alert.name.lower()}")
        assert "/d/scoreboard-" in annotations["dashboard_url"]


def test_objectives_burn_as_the_workbook_says() -> None:
    loaded = objectives.load()
    assert {each.name: each.objective for each in loaded} == {
        "api-availability": 99.9,
        "completion-latency": 99,
        "broadcast-freshness": 99,
        "connect-success": 99.5,
        "event-delivery": 99.9,
        "ml-verdicts": 99,
    }
    assert [(burn.rate, burn.long, burn.short) for burn in (*objectives.FAST, *objectives.SLOW)] == [
        (14.4, 3600, 300),
        (6, 21600, 1800),
        (3, 86400, 7200),
        (1, 259200, 21600),
    ]
    # 2 %, 5 %, 10 % and 10 % of a month's budget are used when each long window is full of it.
    shares = [burn.rate * burn.long / objectives.WINDOW for burn in (*objectives.FAST, *objectives.SLOW)]
    assert [round(share, 3) for share in shares] == [0.02, 0.05, 0.1, 0.1]
    assert {each.name for each in loaded if not each.page} == {"ml-verdicts"}


@pytest.mark.parametrize(
    ("bad", "expected"),
    [(2, {"ScoreboardApiErrorsSlowly"}), (9, {"ScoreboardApiErrorsSlowly", "ScoreboardApiErrorsFast"}), (0.5, set())],
)
@needs_promtool
def test_a_pace_decides_who_is_told(bad: float, expected: set[str], rules: Path) -> None:
    """Twice the budget is a ticket, nine times it pages as well, half of it is nothing."""
    series = {
        'scoreboard_request_seconds_count{route="/x",status="200"}': "0+100000x900",
        'scoreboard_requests_failed_total{status="500"}': f"0+{int(100 * bad)}x900",
    }
    case = Case("10h", series, {"slo": "api-availability"})
    found = firing(WATCHDOG, Case("", {}))
    for name in sorted(expected):
        found |= firing(name, case)
    assert not (told := outcome(case, found, rules, every="4m")), told


@needs_promtool
def test_a_cause_holds_back_its_consequences_as_long_as_they_are_counted(rules: Path) -> None:
    """Postgres is away for five minutes, half of the requests fail. Nobody is paged by errors while or after that."""
    series = {
        'scoreboard_store_up{instance="a",store="database"}': "1x5 0x4 1x60",
        'scoreboard_request_seconds_count{route="/x",status="200"}': "0+1000x70",
        'scoreboard_requests_failed_total{status="503"}': "0x5 0+500x5 2500x60",
    }
    fast = 'ALERTS{alertname="ScoreboardApiErrorsFast",alertstate="firing"}'
    cause = 'ALERTS{alertname="ScoreboardDatabaseDown",alertstate="firing"}'
    assert not (told := answers({f"{fast} unless on () {cause}": range(6, 60)}, [], series, rules)), told
    one = [{"labels": "{}", "value": 1}]
    assert not (told := answers({f"count({fast})": (10, 15), f"count({cause})": (8, 17)}, one, series, rules)), told
    assert not (told := answers({fast: (18, 30), cause: (22, 30)}, [], series, rules)), told


@needs_promtool
def test_one_mishap_in_a_quiet_night_wakes_nobody(rules: Path) -> None:
    series = {
        'scoreboard_request_seconds_count{route="/x",status="200"}': "0+1x600",
        'scoreboard_requests_failed_total{status="503"}': "0x300 5x300",
    }
    assert not (told := outcome(Case("305m", series), firing(WATCHDOG, Case("", {})), rules, every="4m")), told
