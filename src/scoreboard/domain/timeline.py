"""A board's seasons in time: which ones its schedule or the declared seasons want, and what that changes.

``usecases/fit_seasons`` loads a board's seasons, calls :func:`refit` and saves what it says. Nothing that has counted
is ever moved: a season that runs can only get another end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scoreboard.domain.clock import EPOCH
from scoreboard.domain.season import Season, SeasonStatus, counts_at
from scoreboard.domain.season_plan import OnEnd, SeasonPlan

SWITCH = timedelta(seconds=1)
"""When one season takes another's place at once, it does so this much later: a writer under way still finds the old
one, and whoever comes after the commit finds both.
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A wanted season. ``plan_key`` names the declared season that it belongs to."""

    starts_at: datetime
    ends_at: datetime | None
    name: str
    plan_key: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A season that a board has, and the declared one that it belongs to."""

    season: Season
    plan_key: str | None = None


@dataclass(slots=True)
class Refit:
    """What has to change: seasons to make, another end or name for some, and seasons that never began to take away."""

    add: list[Window] = field(default_factory=list)
    change: dict[int, Window] = field(default_factory=dict)
    drop: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.add or self.change or self.drop)


def planned_windows(plans: Sequence[SeasonPlan]) -> list[Window]:
    """The seasons of a board without a schedule of its own: all time, but where plans say otherwise.

    Args:
        plans: those that name the board and do not overlap.
    """
    windows: list[Window] = []
    begins: datetime | None = EPOCH
    name = "All time"
    for plan in sorted(plans, key=lambda plan: plan.starts_at):
        if begins is not None and begins < plan.starts_at:
            windows.append(Window(begins, plan.starts_at, name))
        windows.append(Window(plan.starts_at, plan.ends_at, plan.name, plan.key))
        begins = plan.ends_at if plan.on_end is OnEnd.RESET else None
        name = f"After {plan.name}"
        if plan.ends_at is None:
            return windows
    return windows if begins is None else [*windows, Window(begins, None, name)]


def refit(slots: Sequence[Slot], windows: Sequence[Window], now: datetime) -> Refit:
    """What makes a board's seasons those that are wanted.

    Args:
        slots: the board's seasons, closed ones too.
        windows: the wanted ones that matter: that of now, and coming ones. They follow each other without overlap.
        now: the moment; every season that counted until now is among ``slots``.
    """
    if not slots:
        return Refit(add=list(windows))
    found = Refit()
    running = sorted((slot for slot in slots if counts_at(slot.season, now)), key=lambda slot: slot.season.starts_at)
    coming = [window for window in windows if window.starts_at > now]
    future = [slot for slot in slots if slot.season.starts_at > now and _unfinished(slot)]
    current = next((w for w in windows if w.starts_at <= now and (w.ends_at is None or now < w.ends_at)), None)
    stays = running[-1] if running else None
    if current is not None and stays is not None and stays.plan_key == current.plan_key:
        _change(found, stays, current.ends_at, current.name if current.plan_key is not None else stays.season.name)
    else:
        if current is not None and stays is None and current.plan_key is None:
            ended = [slot.season.ends_at for slot in slots if slot.season.ends_at is not None]
            found.add.append(replace(current, starts_at=max([current.starts_at, *(at for at in ended if at <= now)])))
        elif current is not None:
            coming = _switch(current, future, coming, now)
        if stays is not None:
            gives_way = bool(coming) and (current is not None or stays.plan_key is None)
            _change(found, stays, coming[0].starts_at if gives_way else now, stays.season.name)
    for slot in running[:-1]:
        _change(found, slot, now, slot.season.name)
    _arrange(found, future, coming)
    return found


def _switch(current: Window, future: Sequence[Slot], coming: list[Window], now: datetime) -> list[Window]:
    """Let the wanted season of now begin in a moment, or when it was going to."""
    soon = [slot.season.starts_at for slot in future if slot.plan_key == current.plan_key]
    at = min([now + SWITCH, *soon])
    if current.ends_at is not None and current.ends_at <= at:
        return coming
    return [replace(current, starts_at=at), *coming]


def _arrange(found: Refit, future: Sequence[Slot], coming: Sequence[Window]) -> None:
    by_start = {slot.season.starts_at: slot for slot in future}
    for window in coming:
        slot = by_start.pop(window.starts_at, None)
        if slot is None:
            found.add.append(window)
        elif (slot.season.ends_at, slot.season.name, slot.plan_key) != (window.ends_at, window.name, window.plan_key):
            found.change[slot.season.id] = window
    found.drop += [slot.season.id for slot in by_start.values()]


def _change(found: Refit, slot: Slot, ends_at: datetime | None, name: str) -> None:
    if (slot.season.ends_at, slot.season.name) != (ends_at, name):
        found.change[slot.season.id] = Window(slot.season.starts_at, ends_at, name, slot.plan_key)


def _unfinished(slot: Slot) -> bool:
    return slot.season.status is not SeasonStatus.CLOSED
