"""Was the right alert told to the right people, once, and its end too, and nobody troubled with anything else?

Pure: it is given what was told and when the fault began and ended. Alerts that were already firing when a fault began
belong to the one before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dashboards.drill.webhook import Notice

WATCHDOG = "ScoreboardWatchdog"
RECEIVERS: Mapping[str, frozenset[str]] = {
    "critical": frozenset({"pager", "chat"}),
    "warning": frozenset({"chat"}),
    "none": frozenset({"heartbeat"}),
}
"""Who is told of an alert, by its severity."""


@dataclass(frozen=True)
class Expectation:
    """What should be told of one fault.

    Attributes:
        alert: the one that has to come.
        may: others that may come, as they are true as well and do not say the same.
        lasts: those of them that need not end before the drill goes on: tickets about a budget, which stays used.
        heals: whether the platform repairs it by itself, so that the alert may end before anybody did anything.
    """

    alert: str
    may: frozenset[str] = frozenset()
    lasts: frozenset[str] = frozenset()
    heals: bool = False


@dataclass
class Judgement:
    """What was found.

    Attributes:
        problems: why the fault was not told as it should be; empty: it was.
        told_after: seconds from the fault to the last receiver's message; None: never.
        over_after: seconds from the repair to the last receiver's message that it is over; None: never.
        others: what else was told, by name, with its receivers.
    """

    problems: list[str] = field(default_factory=list)
    told_after: float | None = None
    over_after: float | None = None
    others: dict[str, frozenset[str]] = field(default_factory=dict)


def judge(
    notices: Iterable[Notice],
    expected: Expectation,
    severities: Mapping[str, str],
    broken: datetime,
    mended: datetime,
) -> Judgement:
    """Hold what was told against what was expected.

    Args:
        notices: everything that was told until all was quiet again.
        expected: what should have been.
        severities: of every alert, by name.
        broken: when the fault began.
        mended: when it was undone.
    """
    found = Judgement()
    told: dict[str, list[Notice]] = {}
    for notice in notices:
        if notice.alert != WATCHDOG and notice.began >= broken:
            told.setdefault(notice.alert, []).append(notice)
    for name, about in told.items():
        right = RECEIVERS[severities[name]]
        if name not in {expected.alert} | expected.may:
            who = ", ".join(sorted({notice.receiver for notice in about}))
            found.problems.append(f"{name} was told to {who}, and nobody should have been")
        else:
            found.problems += _wrong_way(name, about, right, lasts=name in expected.lasts)
        if name != expected.alert:
            found.others[name] = frozenset(notice.receiver for notice in about)
    about = told.get(expected.alert, [])
    if not about:
        found.problems.append(f"{expected.alert} was not told to anybody")
        return found
    found.told_after = _last_first(about, firing=True, since=broken)
    found.over_after = _last_first(about, firing=False, since=mended)
    ended = [notice.at for notice in about if not notice.firing]
    if not expected.heals and ended and min(ended) < mended:
        found.problems.append(f"{expected.alert} ended before the fault did")
    return found


def _wrong_way(name: str, about: list[Notice], right: frozenset[str], *, lasts: bool) -> list[str]:
    """Who was not told, who should not have been, who was told twice, who does not know that it is over."""
    problems = []
    receivers = {notice.receiver for notice in about}
    if missing := right - receivers:
        problems.append(f"{name} was not told to {', '.join(sorted(missing))}")
    if wrong := receivers - right:
        problems.append(f"{name} was told to {', '.join(sorted(wrong))}")
    for receiver in sorted(receivers & right):
        states = _episodes([notice for notice in about if notice.receiver == receiver])
        if states.count(True) > 1:
            problems.append(f"{name} was told to {receiver} {states.count(True)} times")
        if states[-1] and not lasts:
            problems.append(f"{receiver} was not told that {name} is over")
    return problems


def _episodes(about: list[Notice]) -> list[bool]:
    """Firing or over, in turn: what one receiver saw, message by message, without repetitions.

    Alertmanager puts alerts of one name into one message: as long as any of them fires, it fires.
    """
    by_message: dict[datetime, bool] = {}
    for notice in about:
        by_message[notice.at] = by_message.get(notice.at, False) or notice.firing
    states: list[bool] = []
    for _, firing in sorted(by_message.items()):
        if not states or states[-1] != firing:
            states.append(firing)
    return states


def _last_first(about: list[Notice], *, firing: bool, since: datetime) -> float | None:
    """Seconds until every receiver had its first such message."""
    first: dict[str, datetime] = {}
    for notice in about:
        if notice.firing == firing:
            first.setdefault(notice.receiver, notice.at)
    return max((max(each, since) - since).total_seconds() for each in first.values()) if first else None
