"""What users are promised, and how fast its budget is being used.

``dashboards/slos.yaml`` makes alerts of the same objectives for those with a Prometheus; a test compares both.
"""

from dataclasses import dataclass
from enum import StrEnum

FAST_BURN = 14.4
"""From this pace on somebody is woken: it uses 2 % of 30 days' budget in an hour (Google's SRE workbook, chapter 5)."""


class Light(StrEnum):
    """How something stands."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise over 30 days: ``percent`` of what happens keeps it. Fewer than ``least`` mishaps worry nobody."""

    name: str
    title: str
    percent: float
    unit: str
    least: int


API = Objective("api-availability", "The API answers", 99.9, "requests that are not answered with 5xx", 10)
COMPLETIONS = Objective(
    *("completion-latency", "A completed action is answered within 300 ms", 99),
    *("completions that are answered within 300 ms", 50),
)
BROADCASTS = Objective(
    *("broadcast-freshness", "A change is in the browsers within a second of its commit", 99),
    *("broadcasts that reach their sockets within 1 s of the commit", 50),
)
CONNECTS = Objective(
    *("connect-success", "Live connections come about", 99.5),
    *("live connections that are not refused for a reason of ours", 20),
)
EVENTS = Objective(
    *("event-delivery", "Every event reaches the live service within 10 s", 99.9),
    *("committed batches that every realtime process has read within 10 s", 10),
)
VERDICTS = Objective(
    *("ml-verdicts", "The model judges within 30 s", 99),
    *("windows of play with a stored verdict within 30 s of their last completion", 20),
)
OBJECTIVES = (API, COMPLETIONS, BROADCASTS, CONNECTS, EVENTS, VERDICTS)


@dataclass(frozen=True, slots=True)
class Events:
    """How much happened, and how much of it broke a promise."""

    total: float
    bad: float

    def burn(self, objective: Objective) -> float | None:
        """How many times faster than it may the budget is used; None where nothing happened."""
        return None if self.total <= 0 else self.bad / self.total / (1 - objective.percent / 100)


def judge(objective: Objective, hour: Events, minutes: Events) -> Light:
    """How an objective stands, by its last hour and its last five minutes.

    BAD as the alert that pages: both windows burn fast. WARN while the hour uses more than it may.
    """
    long, short = hour.burn(objective), minutes.burn(objective)
    if long is None:
        return Light.UNKNOWN
    if hour.bad < objective.least or long <= 1:
        return Light.GOOD
    return Light.BAD if long >= FAST_BURN and short is not None and short >= FAST_BURN else Light.WARN
