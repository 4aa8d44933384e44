"""What can be wrong with a declaration in itself, as far as single fields do not show it.

Called with what a client sent, before a specification is built from it; pointers are those of the API's bodies.
"""

from collections.abc import Sequence
from datetime import datetime

from scoreboard.domain.declaration import Fault


def repeated_faults(name: str, keys: Sequence[str]) -> list[Fault]:
    """Each key may be named once."""
    return [Fault(f"/{name}/{place}", "This is named twice") for place, key in enumerate(keys) if key in keys[:place]]


def window_faults(starts_at: datetime | None, ends_at: datetime | None, where: str = "") -> list[Fault]:
    """A start lies before its end."""
    if starts_at is None or ends_at is None or starts_at < ends_at:
        return []
    return [Fault(f"{where}/ends_at", "The end must be after the start")]


def schedule_faults(cron: str | None, starts_at: datetime | None, ends_at: datetime | None) -> list[Fault]:
    """Seasons of a board repeat, or there is one with fixed dates."""
    if cron is not None and (starts_at is not None or ends_at is not None):
        return [Fault("/schedule/cron", "A schedule has either cron or fixed dates")]
    return window_faults(starts_at, ends_at, "/schedule")


def freeze_faults(since: datetime, until: datetime | None) -> list[Fault]:
    """A freeze begins before it ends."""
    return [] if until is None or since < until else [Fault("/freeze/until", "The reveal must be after the freeze")]


def worth_faults(points: int | None, bounds: tuple[int, int] | None) -> list[Fault]:
    """An action is worth fixed points, or what the client reports within bounds."""
    if (points is None) == (bounds is None):
        words = "Give either points, which the server awards, or bounds, within which the client reports them"
        return [Fault("/points", words)]
    if bounds is not None and bounds[0] > bounds[1]:
        return [Fault("/bounds/min", "min must not be above max")]
    return []


def duration_faults(least: float, most: float | None, *, direct: bool) -> list[Fault]:
    """An action can be finished in time; a direct one has no start to measure from."""
    faults = []
    if most is not None and least >= most:
        faults.append(Fault("/min_duration_s", "The minimum must be below the maximum duration"))
    if direct and least > 0:
        words = "A direct kind is begun and completed in one call, so it has no minimum duration"
        faults.append(Fault("/min_duration_s", words))
    return faults


def threshold_faults(flag: float, hold: float, suspend: float) -> list[Fault]:
    """Thresholds rise from flag to hold to suspend; only those that are 1, which is never reached, may be the same."""
    faults = []
    if flag > hold or flag == hold < 1:
        faults.append(Fault("/flag", "flag must be below hold"))
    if hold > suspend or hold == suspend < 1:
        faults.append(Fault("/hold", "hold must be below suspend"))
    return faults
