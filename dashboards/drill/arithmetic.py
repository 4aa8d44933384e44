"""How long it takes in real life until somebody is told, by the rules' own arithmetic.

The platform's own time until a number is beyond its threshold, then ``for``, then Alertmanager's ``group_wait``. A
scrape and an evaluation, half a minute each as a rule, may come on top.
"""

from typing import Any

import yaml

from dashboards import objectives
from dashboards.alerts import Alert
from dashboards.drill.faults import Fault
from dashboards.generate import HERE
from dashboards.objectives import FAST
from dashboards.rules import all_alerts
from dashboards.scaling import seconds

ALERTS: dict[str, Alert] = {alert.name: alert for alert in all_alerts()}
_OBJECTIVES = {each.name: each for each in objectives.load()}


def group_wait() -> int:
    """Seconds that Alertmanager waits before it tells of a new group, as in the example."""
    content: dict[str, Any] = yaml.safe_load((HERE / "alertmanager.yaml").read_text("utf-8"))
    return seconds(content["route"]["group_wait"])


def told_after(fault: Fault, shares: dict[str, float]) -> tuple[float, str]:
    """Seconds, and how they come about.

    Args:
        fault: what happens.
        shares: of broken promises while it happens, by objective; a budget is used up at that pace.
    """
    alert = ALERTS[fault.expected.alert]
    hold = seconds(alert.hold) if alert.hold else 0
    before, words = fault.unscaled, fault.arithmetic
    if alert.slo and shares.get(alert.slo):
        before, words = _burnt(alert.slo, min(1.0, shares[alert.slo]))
    parts = [words, f"for {alert.hold}" if hold else "", f"group_wait {group_wait()} s"]
    return before + hold + group_wait(), " + ".join(part for part in parts if part)


def _burnt(slo: str, share: float) -> tuple[float, str]:
    """Until a window holds so many errors that its share of the budget is used, beginning with none.

    ``rate`` times the budget, of the whole long window, at the present share: rate x budget x window / share.
    """
    budget = _OBJECTIVES[slo].budget
    times = [(burn.rate * budget * burn.long / share, burn) for burn in FAST if share > burn.rate * budget]
    if not times:
        return float("inf"), f"never, at {share:.0%}"
    soonest, burn = min(times, key=lambda each: each[0])
    window = objectives.duration(burn.long)
    return soonest, f"{burn.rate:g} × {budget:.1%} of {window} at {share:.0%} broken"
