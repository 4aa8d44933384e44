"""Cases by their rules: when time runs out, which place releasing would give, and in which words."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.board import Board, Operator, Order
from scoreboard.domain.events import Verdict
from scoreboard.domain.provisional import HeldSum, provisional_score, provisional_total
from scoreboard.domain.review import (
    ReviewDecision,
)
from scoreboard.domain.review_decision import (
    clears,
    lapse,
)
from scoreboard.domain.signal_words import words_of
from scoreboard.domain.signals import MEANING, Signal
from tests.unit.test_review_rules import NOW, a_case, verdicts

# --- Deadlines ------------------------------------------------------------------------------------------------------


@given(verdicts, st.integers(0, 3), st.booleans(), st.integers(-5, 5))
def test_only_held_points_are_released_by_time_and_only_where_policy_wants_it(
    verdict: Verdict, held: int, auto_release: bool, late: int
) -> None:
    case = replace(a_case(verdict), auto_release=auto_release)
    done = lapse(case, held, case.due_at + timedelta(seconds=late))
    holding = held > 0 or verdict is not Verdict.FLAG
    assert (done is not None) == (late >= 0 and auto_release and holding)
    if done is not None:
        assert (done.decision, done.decided_by) == (ReviewDecision.RELEASE, None)
        assert not clears(done)


# --- Places and words -----------------------------------------------------------------------------------------------


@given(
    st.sampled_from([Operator.SUM, Operator.BEST]),
    st.sampled_from(list(Order)),
    st.lists(st.integers(-100, 100), max_size=6),
    st.integers(0, 6),
)
def test_a_provisional_score_is_what_releasing_would_make(
    operator: Operator, order: Order, points: list[int], counted: int
) -> None:
    board = Board("b", "B", order=order, operator=operator)
    moments = [NOW + timedelta(seconds=place) for place in range(len(points))]
    all_of_it, _ = provisional_score(board, None, None, zip(moments, points, strict=True))
    score, reached = provisional_score(board, None, None, zip(moments[:counted], points[:counted], strict=True))
    rest = zip(moments[counted:], points[counted:], strict=True)
    assert provisional_score(board, score, reached, rest)[0] == all_of_it


@given(
    st.sampled_from(list(Operator)),
    st.sampled_from(list(Order)),
    st.none() | st.integers(-100, 100),
    st.none() | st.integers(0, 6),
    st.lists(st.integers(-100, 100), min_size=1, max_size=6),
)
def test_the_figures_of_what_is_held_tell_the_same_score(
    operator: Operator, order: Order, score: int | None, reached: int | None, points: list[int]
) -> None:
    board = Board("b", "B", order=order, operator=operator)
    moments = [NOW + timedelta(seconds=place) for place in range(len(points))]
    reached_at = None if reached is None else NOW + timedelta(seconds=reached)
    figures = HeldSum(sum(points), min(points), max(points), points[-1], moments[-1])
    one_by_one, _ = provisional_score(board, score, reached_at, zip(moments, points, strict=True))
    assert provisional_total(board, score, reached_at, figures) == one_by_one


def test_more_than_a_board_can_hold_is_as_much_as_it_can() -> None:
    board = Board("b", "B")
    assert provisional_total(board, 2**53, NOW, HeldSum(2**60, 1, 2**53, 1, NOW)) == 2**53
    assert provisional_total(board, None, None, HeldSum(-(2**60), -(2**53), 1, 1, NOW)) == -(2**53)


def test_a_later_result_stays_the_latest() -> None:
    board = Board("b", "B", operator=Operator.LATEST)
    later = NOW + timedelta(seconds=9)
    assert provisional_score(board, 5, later, [(NOW, 70)]) == (5, later)
    assert provisional_score(board, 5, NOW, [(later, 70)]) == (70, later)


def test_every_signal_has_words() -> None:
    for signal in Signal:
        assert words_of(signal) == MEANING[signal].words
    assert words_of("steady_hand", "keeps the same pause") == "keeps the same pause"
    assert words_of("odd_one") == "odd one"
