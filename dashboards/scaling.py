"""Rules in which time passes faster, for a drill or a test that has minutes where production has days.

Scaled, by one factor: the ranges of ``rate``, ``increase`` and ``last_over_time``, ``offset``, ``for``,
``keep_firing_for``, and how often a group is evaluated. Not scaled: every threshold, be it a share, a count or an age
in seconds, and what the platform does in its own time (it looks at its stores every five seconds, at its leaderboards
too). Names of recorded series keep the windows of real life. What would become too short to hold a few scrapes or
evaluations is as long as those are.
"""

import re
from typing import Any

from dashboards.objectives import duration

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RANGE = re.compile(r"(?<=\[)(\d+)([smhd])(?=\])")
_OFFSET = re.compile(r"(?<=offset )(\d+)([smhd])\b")
_SAMPLES = 5
"""Scrapes that a range has at least, so that one that is late does not leave it empty."""
_ROUNDS = 5
"""Evaluations that ``for`` lasts at least: a busy machine is late now and then."""
_LOOKS = 15
"""Seconds that ``for`` lasts longer where an alert only follows from what it needs: two looks at the stores, which no
scale makes shorter, and some evaluations. In real life the cause fires first. Alertmanager does not wait for it when an
alert of the same name ended less than a quarter of an hour ago, as Prometheus tells of those again and again.
"""


def seconds(written: str) -> int:
    """A duration as Prometheus writes it, of one unit: ``5m`` is 300. Raises KeyError, ValueError for anything else."""
    return int(written[:-1]) * _UNITS[written[-1]]


def faster(groups: list[dict[str, Any]], scale: float, every: int) -> list[dict[str, Any]]:
    """Groups of rules as they are, or with shorter times.

    Args:
        groups: as ``rules.parts`` makes them; they are not changed.
        scale: how many times faster than real life; 1 changes nothing.
        every: seconds between two scrapes and two evaluations.
    """
    if scale == 1:
        return groups

    def shorter(written: str, least: float) -> str:
        return duration(max(round(seconds(written) / scale), least))

    def rule_of(rule: dict[str, Any]) -> dict[str, Any]:
        expr = _RANGE.sub(lambda found: shorter(found[0], _SAMPLES * every), rule["expr"])
        changed = {"expr": _OFFSET.sub(lambda found: shorter(found[0], every), expr)}
        changed |= {name: shorter(rule[name], _ROUNDS * every) for name in ("for", "keep_firing_for") if name in rule}
        labels = rule.get("labels", {})
        if "for" in rule and labels.get("needs") and not labels.get("provides"):
            changed["for"] = duration(seconds(changed["for"]) + _LOOKS)
        return rule | changed

    return [
        group
        | ({"interval": shorter(group["interval"], every)} if "interval" in group else {})
        | {"rules": [rule_of(rule) for rule in group["rules"]]}
        for group in groups
    ]
