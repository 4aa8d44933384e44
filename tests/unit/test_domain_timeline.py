"""A board's seasons in time: whatever is declared, in whatever order, no two seasons count at one moment."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.clock import EPOCH
from scoreboard.domain.season import Season, SeasonStatus, counts_at
from scoreboard.domain.season_plan import OnEnd, Phase, SeasonPlan, overlap, phase_of
from scoreboard.domain.timeline import SWITCH, Slot, Window, planned_windows, refit

START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def plan(key: str, starts: float, ends: float | None, on_end: OnEnd = OnEnd.ARCHIVE) -> SeasonPlan:
    return SeasonPlan(key, None, day(starts), None if ends is None else day(ends), ("main",), on_end)


class Board:
    """A board's seasons, kept as the platform keeps them."""

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self.made = 0

    def fit(self, plans: list[SeasonPlan], now: datetime) -> bool:
        found = refit(self.slots, planned_windows(plans), now)
        kept = []
        for slot in self.slots:
            if slot.season.id in found.drop:
                assert slot.season.starts_at > now, "what has begun stays"
                continue
            window = found.change.get(slot.season.id)
            kept.append(slot if window is None else self._slot(slot.season.id, window, slot.season.status))
            if window is not None and slot.season.starts_at <= now:
                assert window.starts_at == slot.season.starts_at
                assert window.ends_at is None or window.ends_at >= now, "nobody's points are left without a season"
        for window in found.add:
            self.made += 1
            kept.append(self._slot(self.made, window, SeasonStatus.SCHEDULED))
        self.slots = kept
        return bool(found)

    def _slot(self, id_: int, window: Window, status: SeasonStatus) -> Slot:
        return Slot(Season(id_, "main", window.name, window.starts_at, window.ends_at, status), window.plan_key)

    def counting(self, moment: datetime) -> list[Slot]:
        return [slot for slot in self.slots if counts_at(slot.season, moment)]

    def close(self, now: datetime) -> None:
        self.slots = [
            Slot(
                Season(
                    *(slot.season.id, "main", slot.season.name, slot.season.starts_at, slot.season.ends_at),
                    SeasonStatus.CLOSED if slot.season.ends_at and slot.season.ends_at <= now else slot.season.status,
                ),
                slot.plan_key,
            )
            for slot in self.slots
        ]


def test_all_time_but_where_a_plan_says_otherwise() -> None:
    windows = planned_windows([plan("b", 20, 30, OnEnd.RESET), plan("a", 10, 15)])
    assert windows == [
        Window(EPOCH, day(10), "All time"),
        Window(day(10), day(15), "a", "a"),
        Window(day(20), day(30), "b", "b"),
        Window(day(30), None, "After b"),
    ]
    assert planned_windows([]) == [Window(EPOCH, None, "All time")]
    assert planned_windows([plan("a", 10, None, OnEnd.RESET)])[-1].plan_key == "a"


def test_a_plan_of_now_takes_over_in_a_moment_and_once() -> None:
    board = Board()
    board.fit([], day(0))
    cup = plan("cup", -5, 5)
    assert board.fit([cup], day(1))
    assert not board.fit([cup], day(1) + SWITCH / 2)
    assert not board.fit([cup], day(1) + SWITCH)
    [running] = board.counting(day(1) + SWITCH)
    assert (running.plan_key, running.season.starts_at) == ("cup", day(1) + SWITCH)
    [before] = board.counting(day(1))
    assert before.season.name == "All time"
    assert not board.counting(day(5))


def test_phases() -> None:
    def season(starts: float, ends: float | None, status: SeasonStatus = SeasonStatus.OPEN) -> Season:
        return Season(1, "main", "x", day(starts), None if ends is None else day(ends), status)

    assert phase_of([season(2, 3)], day(1)) is Phase.SCHEDULED
    assert phase_of([season(1, 3), season(2, 3)], day(1)) is Phase.ACTIVE
    assert phase_of([season(0, 1, SeasonStatus.CLOSED), season(0, 1)], day(1)) is Phase.CLOSING
    assert phase_of([season(0, 1, SeasonStatus.CLOSED)], day(1)) is Phase.ARCHIVED
    assert phase_of([], day(1)) is Phase.ARCHIVED


def test_overlap_is_about_boards_and_half_open() -> None:
    assert not overlap(plan("a", 0, 5), plan("b", 5, 9))
    assert overlap(plan("a", 0, None), plan("b", 5, 9))
    assert overlap(plan("a", 6, 7), plan("b", 5, 9))
    assert not overlap(plan("a", 0, 9), SeasonPlan("b", None, day(1), None, ("dense",)))


windows = st.tuples(st.integers(-3, 12), st.integers(1, 6) | st.none(), st.sampled_from(OnEnd))


@given(st.lists(st.tuples(st.lists(windows, max_size=3), st.floats(0.01, 3)), min_size=1, max_size=6))
def test_whatever_is_declared_when_no_two_seasons_count_at_once(
    story: list[tuple[list[tuple[int, int | None, OnEnd]], float]],
) -> None:
    """Plans come and go while time goes on; what the worker looks at again and again stays as it is."""
    board, now = Board(), day(0)
    for number, (wanted, passes) in enumerate(story):
        plans: list[SeasonPlan] = []
        for place, (starts, lasts, on_end) in enumerate(wanted):
            each = plan(f"{number}-{place}", starts, None if lasts is None else starts + lasts, on_end)
            if not any(overlap(each, other) for other in plans):
                plans.append(each)
        board.fit(plans, now)
        assert not board.fit(plans, now), "once is enough"
        moments = {now, now + SWITCH, *(slot.season.starts_at for slot in board.slots if slot.season.starts_at > now)}
        for moment in moments:
            assert len(board.counting(moment)) <= 1
        settled = now + SWITCH
        for each in plans:
            if each.starts_at <= settled and (each.ends_at is None or settled < each.ends_at):
                [running] = board.counting(settled)
                assert running.plan_key == each.key
        now += timedelta(days=passes)
        board.close(now)
