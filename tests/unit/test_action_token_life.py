"""An action token's life: every state is reached, no end is left again."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.action import Action, ActionStatus
from scoreboard.domain.action_token_life import NEXT, TokenState, shown_status, token_state

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
TTL = timedelta(minutes=10)
# How an attempt's row may change (see ActionStatus); time may pass before and after.
CHANGES = {
    ActionStatus.CREATED: {ActionStatus.COMPLETED, ActionStatus.HELD, ActionStatus.EXPIRED, ActionStatus.REJECTED},
    ActionStatus.HELD: {ActionStatus.COMPLETED},
}


def attempt(status: ActionStatus) -> Action:
    return Action(uuid4(), uuid4(), "quiz", 1, status, BEGUN, BEGUN + TTL)


def test_the_states_of_the_blueprint() -> None:
    during, after = BEGUN + TTL, BEGUN + TTL + timedelta(microseconds=1)
    assert token_state(attempt(ActionStatus.CREATED), during) is TokenState.ACTIVE
    assert token_state(attempt(ActionStatus.CREATED), after) is TokenState.EXPIRED
    for status in (ActionStatus.COMPLETED, ActionStatus.HELD):
        assert token_state(attempt(status), during) is TokenState.CONSUMED
        assert token_state(attempt(status), after) is TokenState.CONSUMED
    assert token_state(attempt(ActionStatus.REJECTED), during) is TokenState.INVALID
    assert token_state(None, during) is TokenState.INVALID


def test_a_player_sees_that_an_attempt_has_expired() -> None:
    assert shown_status(attempt(ActionStatus.CREATED), BEGUN + 2 * TTL) is ActionStatus.EXPIRED
    assert shown_status(attempt(ActionStatus.HELD), BEGUN + 2 * TTL) is ActionStatus.HELD


@given(
    st.lists(st.sampled_from(ActionStatus), max_size=4),
    st.lists(st.integers(0, 1200), min_size=1, max_size=6).map(sorted),
)
def test_only_the_steps_of_the_machine_are_taken(wished: list[ActionStatus], seconds: list[int]) -> None:
    """A row changes while time passes, in any order: the token never does what the machine forbids."""
    status, state = ActionStatus.CREATED, TokenState.ACTIVE
    for moment in seconds:
        now = BEGUN + timedelta(seconds=moment)
        active = token_state(attempt(status), now) is TokenState.ACTIVE
        if wished and wished[0] in CHANGES.get(status, ()) and (active or status is not ActionStatus.CREATED):
            status = wished.pop(0)
        following = token_state(attempt(status), now)
        assert following is state or following in NEXT[state]
        state = following


def test_every_state_can_be_reached() -> None:
    reached, todo = {TokenState.CREATED}, [TokenState.CREATED]
    while todo:
        for state in NEXT[todo.pop()] - reached:
            reached.add(state)
            todo.append(state)
    assert reached == set(TokenState)
