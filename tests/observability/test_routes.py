"""Alertmanager's example: who is told of what, and what is held back while its cause is told."""

import re
from typing import Any

import pytest
import yaml

from dashboards.alerts import LINGER, SHORTER, Alert
from dashboards.generate import HERE
from dashboards.rules import all_alerts
from tests.observability.promtool import AMTOOL, needs_amtool, run

CONFIG = HERE / "alertmanager.yaml"
RECEIVERS = {"critical": "pager,chat", "warning": "chat", "none": "heartbeat"}
ALERTS = all_alerts()
INHIBITIONS: list[dict[str, Any]] = yaml.safe_load(CONFIG.read_text("utf-8"))["inhibit_rules"]


def labels_of(alert: Alert, **more: str) -> dict[str, str]:
    return {"alertname": alert.name, "namespace": "scores", **alert.rule()["labels"], **alert.firing.labels, **more}


@needs_amtool
def test_alertmanager_takes_the_file() -> None:
    done = run(AMTOOL, "check-config", CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_amtool
@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_critical_pages_and_a_warning_goes_to_the_chat(alert: Alert) -> None:
    labels = [f"{name}={value}" for name, value in labels_of(alert).items()]
    done = run(AMTOOL, "config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert done.stdout.strip() == RECEIVERS[alert.severity], done.stdout + done.stderr


def held_back(source: dict[str, str], target: dict[str, str]) -> bool:
    """Whether Alertmanager is silent about one alert while another fires, by the file's own rules."""
    return any(
        _fit(rule["source_matchers"], source)
        and _fit(rule["target_matchers"], target)
        and all(source.get(name, "") == target.get(name, "") for name in rule["equal"])
        for rule in INHIBITIONS
    )


def _fit(matchers: list[str], labels: dict[str, str]) -> bool:
    for matcher in matchers:
        found = re.fullmatch(r'(\w+) (=~|=) "(.*)"', matcher)
        assert found, matcher
        name, operator, value = found.groups()
        given = labels.get(name, "")
        if not (re.fullmatch(value, given) if operator == "=~" else given == value):
            return False
    return True


def test_what_only_follows_is_held_back() -> None:
    causes = {alert.provides: alert for alert in ALERTS if alert.provides}
    assert set(causes) == {"api", "realtime", "worker", "anticheat-ml", "database", "redis", "outbox"}
    for provided, cause in causes.items():
        for alert in ALERTS:
            expected = provided in alert.needs
            assert held_back(labels_of(cause), labels_of(alert)) is expected, (cause.name, alert.name)
            assert not held_back(labels_of(cause, namespace="a"), labels_of(alert, namespace="b"))


def test_a_cause_is_held_back_by_its_own_cause_alone() -> None:
    """An outbox stalls when Redis is down, and that is told; nothing else that is a cause waits for another."""
    waits = {
        (other.provides, cause.provides)
        for cause in ALERTS
        for other in ALERTS
        if cause.provides and other.provides and held_back(labels_of(other), labels_of(cause))
    }
    assert waits == {("worker", "outbox"), ("database", "outbox"), ("redis", "outbox")}
    for cause in ALERTS:
        if cause.provides:
            assert cause.rule()["keep_firing_for"] == (SHORTER if cause.needs else LINGER)


def test_a_fast_burn_speaks_for_the_slow_one() -> None:
    by_name = {alert.name: alert for alert in ALERTS}
    for name, alert in by_name.items():
        if name.endswith("Fast"):
            slow = by_name[name.removesuffix("Fast") + "Slowly"]
            assert held_back(labels_of(alert), labels_of(slow))
            assert not held_back(labels_of(slow), labels_of(alert))
            assert not held_back(labels_of(alert), {**labels_of(slow), "slo": "another"})


def test_no_secret_stands_in_the_example() -> None:
    text = CONFIG.read_text("utf-8")
    assert "routing_key_file" in text
    assert "api_url_file" in text
    assert not re.search(r"(routing_key|service_key|api_url): ", text)
