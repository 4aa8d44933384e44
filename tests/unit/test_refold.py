"""Totals that are counted again: whatever was held, released, voided and restored, they equal a fold of what counts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.action import ActionStatus
from scoreboard.domain.board import SCORE_LIMIT, Board, Operator, Order, TieRule
from scoreboard.domain.correction import Scope, digest_of, require_scope
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType
from scoreboard.domain.refold import Effective, amended_status, counts_after, refold, settle
from scoreboard.domain.score import Total, advance
from tests.amending import fold

START = datetime(2026, 1, 1, tzinfo=UTC)
ADA = UUID(int=1)
BOARDS = st.builds(
    Board,
    st.just("main"),
    st.just("Main"),
    order=st.sampled_from(Order),
    operator=st.sampled_from(Operator),
    tie_rule=st.sampled_from(TieRule),
)
AMENDMENTS = (EntryType.RELEASED, EntryType.REJECTED, EntryType.VOIDED, EntryType.RESTORED)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("complete", "complete", "hold", *AMENDMENTS)),
        st.integers(-3, 3),
        st.lists(st.integers(0, 30), min_size=1, max_size=4),
    ),
    max_size=40,
)


@dataclass
class Play:
    """One player's season: the total as the platform keeps it, and what happened to each action."""

    board: Board
    total: Total | None = None
    actions: list[Effective] = field(default_factory=list)
    status: dict[UUID, ActionStatus] = field(default_factory=dict)

    def attempt(self, points: int, status: ActionStatus) -> None:
        number = len(self.actions) + 1
        # Several in the same microsecond: the number decides.
        one = Effective(number, UUID(int=number), START + timedelta(microseconds=number // 2), points)
        self.actions.append(one)
        self.status[one.action_id] = status
        if status is ActionStatus.COMPLETED:
            self.total = advance(self.board, 1, ADA, self.total, points, one.at, one.action_id)

    def counting(self) -> list[Effective]:
        return [one for one in self.actions if self.status[one.action_id] is ActionStatus.COMPLETED]

    def amend(self, entry_type: EntryType, picks: list[int]) -> None:
        for pick in picks:
            if self.actions:
                chosen = self.actions[pick % len(self.actions)].action_id
                try:
                    after = amended_status(self.status[chosen], entry_type)
                except Refusal:
                    continue
                assert counts_after(entry_type) is (after is ActionStatus.COMPLETED)
                self.status[chosen] = after
        self.total = settle(self.total, refold(self.board, 1, ADA, self.counting())) or self.total


@given(BOARDS, STEPS)
def test_a_total_is_what_counts_and_nothing_else(board: Board, steps: list[tuple[str, int, list[int]]]) -> None:
    play = Play(board)
    for step, points, picks in steps:
        before = play.total
        if step == "complete":
            play.attempt(points, ActionStatus.COMPLETED)
        elif step == "hold":
            play.attempt(points, ActionStatus.HELD)
        else:
            play.amend(EntryType(step), picks)
        expected = fold(board, [(one.seq, one.at, one.points) for one in play.counting()])
        if expected is None:
            assert play.total is None or play.total.standing is None
        else:
            assert play.total is not None
            assert (play.total.standing, play.total.reached_at) == expected
        if before is not None:
            assert play.total is not None
            assert play.total.version == before.version + (play.total != before)


@given(BOARDS, st.lists(st.integers(-3, 3), max_size=12), st.integers(0, 12))
def test_a_history_can_be_folded_in_two_parts(board: Board, points: list[int], cut: int) -> None:
    played = [Effective(n, UUID(int=n), START + timedelta(seconds=n), each) for n, each in enumerate(points)]
    whole = refold(board, 1, ADA, reversed(played))
    assert refold(board, 1, ADA, played[cut:], refold(board, 1, ADA, played[:cut])) == whole


@given(BOARDS, STEPS)
def test_void_and_restore_leave_nothing_behind_but_versions(
    board: Board, steps: list[tuple[str, int, list[int]]]
) -> None:
    play = Play(board)
    for _, points, _ in steps:
        play.attempt(points, ActionStatus.COMPLETED)
    before = play.total
    everything = list(range(len(play.actions)))
    play.amend(EntryType.VOIDED, everything)
    assert play.total is None or play.total.empty
    play.amend(EntryType.RESTORED, everything)
    if before is not None and play.total is not None:
        assert play.total.version > before.version
        assert play.total.last_action_id == before.last_action_id
        assert (play.total.standing, play.total.reached_at) == (before.standing, before.reached_at)


def test_an_action_is_only_amended_from_where_it_stands() -> None:
    allowed = {
        (ActionStatus.HELD, EntryType.RELEASED): ActionStatus.COMPLETED,
        (ActionStatus.HELD, EntryType.REJECTED): ActionStatus.REJECTED,
        (ActionStatus.COMPLETED, EntryType.VOIDED): ActionStatus.VOIDED,
        (ActionStatus.VOIDED, EntryType.RESTORED): ActionStatus.COMPLETED,
        (ActionStatus.REJECTED, EntryType.RESTORED): ActionStatus.COMPLETED,
    }
    for status in ActionStatus:
        for entry_type in AMENDMENTS:
            if (status, entry_type) in allowed:
                assert amended_status(status, entry_type) is allowed[status, entry_type]
                continue
            with pytest.raises(Refusal) as refused:
                amended_status(status, entry_type)
            assert refused.value.code is ErrorCode.CONFLICT
    with pytest.raises(ValueError, match="not an amendment"):
        amended_status(ActionStatus.HELD, EntryType.APPLIED)


def test_a_total_that_the_board_cannot_hold_is_refused() -> None:
    board = Board("main", "Main")
    played = [Effective(1, UUID(int=1), START, SCORE_LIMIT), Effective(2, UUID(int=2), START, 1)]
    with pytest.raises(Refusal) as refused:
        refold(board, 1, ADA, played)
    assert refused.value.code is ErrorCode.INVALID_SCORE


def test_a_digest_stands_for_the_actions_and_not_for_their_order() -> None:
    one, two = (1, UUID(int=1)), (2, UUID(int=2))
    assert digest_of([one, two]) == digest_of([two, one])
    assert len({digest_of(some) for some in ([], [one], [two], [one, two], [(2, UUID(int=1))])}) == 5
    assert len(digest_of([])) == 64


def test_a_scope_is_never_everything() -> None:
    for fine in (Scope(kind="quiz"), Scope(since=START), Scope(since=START, until=START + timedelta(microseconds=1))):
        require_scope(fine)
    for refused in (Scope(), Scope(since=START, until=START), Scope(kind="quiz", since=START, until=START)):
        with pytest.raises(Refusal) as told:
            require_scope(refused)
        assert told.value.code is ErrorCode.VALIDATION_ERROR
