"""Rules in which time passes faster: windows and waits shrink together, thresholds and names do not."""

import re

import pytest

from dashboards.rules import as_yaml, parts
from dashboards.scaling import faster, seconds

GROUPS = [group for groups in parts().values() for group in groups]
_NUMBERS = re.compile(r"(?<![\w\[:.])\d+(?:\.\d+)?(?![smhd\w:])")


def test_real_life_is_what_the_chart_has() -> None:
    assert faster(GROUPS, 1, 5) is GROUPS


def test_what_is_a_time_gets_shorter() -> None:
    rule = {
        "expr": "increase(x_total[1h]) > 20 and rate(y[5m] offset 30m) > 0.25 and z > 120",
        "for": "15m",
        "keep_firing_for": "7m",
        "labels": {"severity": "warning"},
    }
    group = {"name": "g", "interval": "2m", "rules": [rule]}
    [quick] = faster([group], 60, 1)
    assert quick["interval"] == "2s"
    assert quick["rules"] == [
        {
            "expr": "increase(x_total[1m]) > 20 and rate(y[5s] offset 30s) > 0.25 and z > 120",
            "for": "15s",
            "keep_firing_for": "7s",
            "labels": {"severity": "warning"},
        }
    ]
    assert rule["for"] == "15m", "what was given is not changed"


def test_nothing_is_shorter_than_five_scrapes() -> None:
    text = as_yaml(faster(GROUPS, 1000, 2))
    assert min(map(seconds, re.findall(r"\[(\w+)\]", text))) == 10
    assert min(map(seconds, re.findall(r"for: (\w+)", text))) == 10
    assert min(map(seconds, re.findall(r"interval: (\w+)", text))) == 2


def test_a_store_that_is_down_fires_before_what_follows_from_it() -> None:
    alerts = {rule["alert"]: rule for group in faster(GROUPS, 30, 1) for rule in group["rules"] if "alert" in rule}
    looks = 10 + 1  # two of them, five seconds apart, and an evaluation
    down = looks + max(seconds(alerts[f"Scoreboard{store}Down"]["for"]) for store in ("Database", "Redis"))
    follows = alerts["ScoreboardApiErrorsFast"]
    assert seconds(follows["for"]) > down
    waits = [each for each in alerts.values() if each["labels"].get("needs") and not each["labels"].get("provides")]
    assert len(waits) > 20
    assert all(seconds(each["for"]) > down for each in waits if "for" in each)


@pytest.mark.parametrize("scale", [30, 60])
def test_thresholds_and_names_are_those_of_real_life(scale: float) -> None:
    for group, quick in zip(GROUPS, faster(GROUPS, scale, 1), strict=True):
        for rule, other in zip(group["rules"], quick["rules"], strict=True):
            same = ("record", "alert", "labels", "annotations")
            assert [rule.get(key) for key in same] == [other.get(key) for key in same]
            assert _NUMBERS.findall(rule["expr"]) == _NUMBERS.findall(other["expr"])
            ranges, shorter = (re.findall(r"\[(\w+)\]", each["expr"]) for each in (rule, other))
            for long, short in zip(ranges, shorter, strict=True):
                assert seconds(short) == pytest.approx(max(seconds(long) / scale, 5), abs=1)
