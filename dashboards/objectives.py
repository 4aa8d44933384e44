"""From ``slos.yaml`` to recording rules and burn-rate alerts.

The windows are those of Google's SRE workbook, chapter 5: a burn rate of 14.4 uses 2 % of a 30-day budget in an hour.
An alert asks a long window, so that it matters, and a short one, so that it ends when the trouble does.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dashboards.alerts import Alert, Case, Runbook

SOURCE = Path(__file__).parent / "slos.yaml"
MINUTE, HOUR, DAY = 60, 3600, 86400
WINDOW = 30 * DAY


@dataclass(frozen=True)
class Burn:
    """A pace at which the budget is used: ``rate`` times what it bears, over a long and a short window in seconds."""

    rate: float
    long: int
    short: int


FAST = (Burn(14.4, HOUR, 5 * MINUTE), Burn(6, 6 * HOUR, 30 * MINUTE))
SLOW = (Burn(3, DAY, 2 * HOUR), Burn(1, 3 * DAY, 6 * HOUR))
WINDOWS = sorted({window for burn in (*FAST, *SLOW) for window in (burn.long, burn.short)})


@dataclass(frozen=True)
class Objective:
    """A promise; ``slos.yaml`` says what each key means. ``objective`` is a percentage."""

    name: str
    alert: str
    title: str
    objective: float
    unit: str
    page: bool
    least: int
    dashboard: str
    component: str
    needs: list[str]
    total: list[str]
    runbook: Runbook
    bad: tuple[str, ...] = ()
    good: tuple[str, ...] = ()

    @property
    def budget(self) -> float:
        """The share of events that may break the promise."""
        return round(1 - self.objective / 100, 6)

    def errors(self, function: str, window: str) -> str:
        """How many events broke the promise, by ``rate`` or ``increase`` over a window, for each namespace."""
        if self.bad:
            return _added(self.bad, function, window)
        return f"({_added(self.total, function, window)} - {_added(self.good, function, window)})"

    def ratio(self, window: str) -> str:
        """The share of events that broke the promise."""
        return f"{self.errors('rate', window)} / {_added(self.total, 'rate', window)}"


def _added(selectors: list[str] | tuple[str, ...], function: str, window: str) -> str:
    parts = [f"sum by (namespace) ({function}({selector}[{window}]))" for selector in selectors]
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def duration(seconds: float) -> str:
    """A duration as Prometheus writes it: ``300`` is ``5m``."""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def load() -> list[Objective]:
    """Every objective of ``slos.yaml``. Raises TypeError for a key that is not known."""
    document = yaml.safe_load(SOURCE.read_text("utf-8"))
    return [Objective(**{**raw, "runbook": Runbook(**raw["runbook"])}) for raw in document["slos"]]


def recorded(window: int) -> str:
    """The name of the recorded share of broken promises over a window."""
    return f"scoreboard:slo_errors:ratio_rate{duration(window)}"


def recording_groups(objectives: list[Objective]) -> list[dict[str, Any]]:
    """Groups of recording rules: the windows of alerts every half minute, the budgets of 30 days every two."""
    quick = [_record(recorded(window), each.ratio(duration(window)), each) for each in objectives for window in WINDOWS]
    slow = []
    for each in objectives:
        share = f'{recorded(WINDOW)}{{slo="{each.name}"}}'
        slow += [
            _record("scoreboard:slo_objective:ratio", f"vector({each.objective / 100:g})", each),
            _record(recorded(WINDOW), each.ratio(duration(WINDOW)), each),
            _record("scoreboard:slo_budget_remaining:ratio", f"1 - {share} / {each.budget:g}", each),
        ]
    return [
        {"name": "scoreboard-slo-windows", "interval": "30s", "rules": quick},
        {"name": "scoreboard-slo-budgets", "interval": "2m", "rules": slow},
    ]


def _record(name: str, expr: str, objective: Objective) -> dict[str, Any]:
    return {"record": name, "expr": expr, "labels": {"slo": objective.name}}


def burn_alerts(objectives: list[Objective]) -> list[Alert]:
    """Two alerts for each objective: a fast burn pages (where ``page`` says so), a slow one is a ticket."""
    return [alert for each in objectives for alert in (_fast(each), _slow(each))]


def _fast(objective: Objective) -> Alert:
    severity = "critical" if objective.page else "warning"
    words = "At this pace the budget of 30 days is used up within five days, or much sooner."
    return _burn(objective, "Fast", FAST, severity, MINUTE, words)


def _slow(objective: Objective) -> Alert:
    words = "At this pace the budget of 30 days does not last. It can wait for the morning."
    return _burn(objective, "Slowly", SLOW, "warning", 15 * MINUTE, words)


def _burn(objective: Objective, how: str, burns: tuple[Burn, ...], severity: str, hold: float, words: str) -> Alert:
    parts = [_condition(objective, burn) for burn in burns]
    also = [f"{objective.alert}Slowly"] if how == "Fast" else []  # Alertmanager holds the slow one back then
    expr = "\nor\n".join(f"(\n  {part}\n)" for part in parts)
    return Alert(
        name=f"{objective.alert}{how}",
        group="objectives",
        severity=severity,
        component=objective.component,
        dashboard="overview",
        expr=expr,
        summary=f"The objective “{objective.title}” is missed {how.lower()}",
        description=f"{{{{ $value | humanizePercentage }}}} break the promise “{objective.objective:g} % of "
        f"{objective.unit}”. {words}",
        runbook=objective.runbook,
        firing=_example(objective, burns[0].rate * 1.5, also),
        quiet=_example(objective, burns[-1].rate * 0.5, also),
        hold=duration(hold),
        needs=objective.needs,
        slo=objective.name,
        when="anticheatMl" if objective.component == "anticheat-ml" else "",
    )


def _condition(objective: Objective, burn: Burn) -> str:
    limit = f"{burn.rate * objective.budget:.6g}"
    where = f'{{slo="{objective.name}"}}'
    long, short = recorded(burn.long), recorded(burn.short)
    # Half an hour after an outage its errors still fill the short window: whom that would page finds nothing to do.
    still = f"\n  and {recorded(WINDOWS[0])}{where} > {objective.budget:g}" if burn is FAST[1] else ""
    enough = f"{objective.errors('increase', duration(burn.long))} >= {objective.least}"
    return f"{long}{where} > {limit}\n  and {short}{where} > {limit}{still}\n  and on (namespace) {enough}"


def _example(objective: Objective, burn: float, also: list[str]) -> Case:
    """Minutes in which so many times the budget is used: events at an even pace, the first counter has them all."""
    pace = 100_000
    bad = int(pace * objective.budget * burn)
    series = dict.fromkeys((_series(name) for name in objective.total), "0x40")
    series[_series(objective.total[0])] = f"0+{pace}x40"
    series |= {_series(name): f"0+{bad}x40" for name in objective.bad}
    series |= {_series(name): f"0+{pace - bad}x40" for name in objective.good}
    return Case(at="35m", series=series, labels={"slo": objective.name}, also=also)


def _series(selector: str) -> str:
    """A series that a selector finds: the first alternative of what it matches, nothing of what it excludes."""
    name, _, matchers = selector.partition("{")
    kept = []
    for matcher in filter(None, matchers.rstrip("}").split(",")):
        if "!" not in matcher:
            label, _, value = matcher.replace("=~", "=").partition("=")
            kept.append(f'{label}="{value.strip(chr(34)).split("|")[0]}"')
    return f"{name}{{{','.join(kept)}}}" if kept else name
