"""The one rule of what a caller may see of a frozen board."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Look, Sight, freeze_on, require_freeze, shown_as_of, shown_freeze, sight_of
from scoreboard.domain.player import Role
from scoreboard.domain.season import Season, SeasonStatus

START = datetime(2026, 1, 1, tzinfo=UTC)


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


hours = st.integers(0, 12).map(hour)
perhaps = st.none() | hours


def board(since: datetime | None, until: datetime | None) -> Board:
    return Board("b", "B", frozen_from=since, frozen_until=until)


@given(since=perhaps, until=perhaps, ends=perhaps, at=perhaps, now=hours, sight=st.sampled_from(Sight))
def test_nobody_but_those_who_may_sees_what_was_done_in_a_freeze(
    since: datetime | None,
    until: datetime | None,
    ends: datetime | None,
    at: datetime | None,
    now: datetime,
    sight: Sight,
) -> None:
    frozen, look = board(since, until), Look(sight, at)
    season = Season(1, "b", "S", START, ends, SeasonStatus.OPEN)
    on = since is not None and since <= now and (until is None or now < until)
    hidden_after = since if on and sight is Sight.PUBLIC and (ends is None or (since and ends > since)) else None
    if at is not None and (at > now or (hidden_after is not None and at > hidden_after)):
        with pytest.raises(Refusal) as raised:
            shown_as_of(frozen, season, look, now)
        assert raised.value.code is ErrorCode.VALIDATION_ERROR
        return
    as_of = shown_as_of(frozen, season, look, now)
    if hidden_after is not None:
        assert as_of is not None
        assert as_of <= hidden_after
    assert as_of == (at or hidden_after)
    assert at is None or at <= now
    told = shown_freeze(frozen, season, look, now)
    assert (told is not None) == (on and (ends is None or (since is not None and ends > since)))
    assert told is None or told.real == (sight is Sight.REAL)


@pytest.mark.parametrize(
    ("since", "until", "good"),
    [
        (None, None, True),
        (hour(1), None, True),
        (hour(1), hour(2), True),
        (hour(1), hour(1), False),
        (hour(2), hour(1), False),
        (None, hour(1), False),
        (hour(1).replace(tzinfo=None), None, False),
        (hour(1), hour(2).replace(tzinfo=None), False),
    ],
)
def test_a_freeze_must_be_able_to_be_on(since: datetime | None, until: datetime | None, good: bool) -> None:
    if good:
        require_freeze(board(since, until))
        return
    with pytest.raises(Refusal) as raised:
        require_freeze(board(since, until))
    assert raised.value.code is ErrorCode.VALIDATION_ERROR


def test_only_moderators_and_admins_see_the_real_board() -> None:
    assert {role for role in Role if sight_of(role) is Sight.REAL} == {Role.MODERATOR, Role.ADMIN}
    assert sight_of(None) is Sight.PUBLIC


def test_a_freeze_is_on_from_its_first_moment_and_off_at_its_last() -> None:
    frozen = board(hour(1), hour(2))
    moments = [hour(1) - timedelta(microseconds=1), hour(1), hour(2) - timedelta(microseconds=1), hour(2)]
    assert [freeze_on(frozen, moment) is not None for moment in moments] == [False, True, True, False]
