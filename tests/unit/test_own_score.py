"""An own score goes on from what was told, or a snapshot is due."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scoreboard_realtime.own_score import Heard, Step, step, unbroken
from scoreboard_realtime.parcel import Parcel


def news(previous: int | None, current: int | None, season: int = 1) -> Parcel:
    score = {"previous": previous, "current": current}
    return Parcel({"type": "score.update", "season": season, "data": {"score": score}})


def without_score(**data: Any) -> Parcel:
    return Parcel({"type": "score.update", "season": None, "data": {"score": None, **data}})


def test_the_first_message_is_believed_and_the_next_has_to_fit() -> None:
    heard: Heard = {}
    assert step(heard, news(3, 5)) is Step.NEXT
    assert step(heard, news(5, 9)) is Step.NEXT
    assert step(heard, news(None, 4, season=2)) is Step.NEXT
    assert heard == {1: 9, 2: 4}


def test_one_that_came_too_early_and_one_that_came_too_late_break_it_and_change_nothing() -> None:
    heard: Heard = {1: 5}
    assert step(heard, news(7, 9)) is Step.BROKEN
    assert step(heard, news(3, 4)) is Step.BROKEN
    assert heard == {1: 5}


def test_what_a_snapshot_held_already_is_not_told_again() -> None:
    assert step({1: 9}, news(5, 9)) is Step.CONTAINED


def test_what_tells_of_no_score_is_always_told() -> None:
    heard: Heard = {1: 5}
    for parcel in (without_score(), without_score(board=None), Parcel({"type": "job.completed", "data": {}})):
        assert step(heard, parcel) is Step.NEXT


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.data())
def test_a_history_is_unbroken_in_its_own_order_only(points: list[int], data: st.DataObject) -> None:
    totals = [sum(points[:n]) for n in range(len(points) + 1)]
    history = [news(before, after) for before, after in itertools.pairwise(totals)]
    assert unbroken(history)
    place = data.draw(st.integers(0, len(history) - 2))
    swapped = [*history[:place], history[place + 1], history[place], *history[place + 2 :]]
    assert not unbroken(swapped)
