"""``docs/drill.md``: what was broken, who was told when, and the dashboards of that time."""

import os
from collections.abc import Sequence
from pathlib import Path

from dashboards.drill.arithmetic import ALERTS, told_after
from dashboards.drill.judge import RECEIVERS
from dashboards.drill.run import USUAL, Outcome
from dashboards.pages import PAGES

_HERE = Path(__file__).parent


def as_markdown(outcomes: Sequence[Outcome], minutes: float) -> str:
    """The page. Raises ValueError where a fault was not told as it should be: that is not written down as a result."""
    if wrong := [outcome.fault.name for outcome in outcomes if outcome.judgement.problems]:
        raise ValueError(f"not as it should be: {', '.join(wrong)}")
    head = (
        (_HERE / "head.md").read_text("utf-8").format(minutes=round(minutes), cores=os.cpu_count(), people=USUAL.people)
    )
    rows = "\n".join(_row(outcome) for outcome in outcomes)
    arithmetic = "\n".join(
        f"| {outcome.fault.name} | {told_after(outcome.fault, outcome.shares)[1]} |" for outcome in outcomes
    )
    pictures = "\n\n".join(f"![{page.title}](drill/{page.name}.png)" for page in PAGES)
    parts = {"pace": USUAL, "arithmetic": arithmetic, "pictures": pictures}
    tail = (_HERE / "tail.md").read_text("utf-8").format(**parts)
    return head + rows + "\n" + tail


def _row(outcome: Outcome) -> str:
    fault, found = outcome.fault, outcome.judgement
    name = fault.expected.alert
    receivers = " and ".join(sorted(RECEIVERS[ALERTS[name].severity], reverse=True))
    cells = [
        fault.name,
        fault.words,
        _link(name),
        receivers,
        _time(found.told_after),
        _time(told_after(fault, outcome.shares)[0]),
        _time(found.over_after),
        ", ".join(_link(each) for each in sorted(found.others)) or "–",
    ]
    return f"| {' | '.join(cells)} |"


def _link(alert: str) -> str:
    return f"[{alert.removeprefix('Scoreboard')}](runbooks.md#{alert.lower()})"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
