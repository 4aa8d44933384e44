"""The life of an action token, as blueprint 5 draws it.

::

    created → active → consumed        a completion was saved (counted or held); the row keeps it for good
                     → expired         its ten minutes are over; the row goes a day later
                     → invalid         it never was one of ours, or its attempt was rejected

The state is read from the attempt's row and the clock, never stored: a mark of its own in Redis could disagree with
the row, and a failed transaction would have to take it back. *Invalid* leaves no trace but the line in the rejection
log: whoever makes tokens up shall not fill a table with them.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from scoreboard.domain.action import Action, ActionStatus

LEAST_KEPT = timedelta(hours=1)
"""Blueprint 5 remembers an ended token for an hour. A younger one without a row was not forgotten: it never was."""


class TokenState(StrEnum):
    """Where in its life a token is. A created token is active as soon as its client has it."""

    CREATED = "created"
    ACTIVE = "active"
    CONSUMED = "consumed"
    EXPIRED = "expired"
    INVALID = "invalid"


NEXT: dict[TokenState, frozenset[TokenState]] = {
    TokenState.CREATED: frozenset({TokenState.ACTIVE}),
    TokenState.ACTIVE: frozenset({TokenState.CONSUMED, TokenState.EXPIRED, TokenState.INVALID}),
    TokenState.CONSUMED: frozenset(),
    TokenState.EXPIRED: frozenset(),
    TokenState.INVALID: frozenset(),
}
"""Every step that there is. An end is an end: nothing comes back from it."""

_BY_STATUS = {
    ActionStatus.COMPLETED: TokenState.CONSUMED,
    ActionStatus.HELD: TokenState.CONSUMED,
    ActionStatus.EXPIRED: TokenState.EXPIRED,
    ActionStatus.REJECTED: TokenState.INVALID,
    ActionStatus.VOIDED: TokenState.CONSUMED,
}


def token_state(action: Action | None, now: datetime) -> TokenState:
    """The state of the token of an attempt; None: there is no such attempt, or no more."""
    if action is None:
        return TokenState.INVALID
    if action.status is ActionStatus.CREATED:
        return TokenState.EXPIRED if now > action.expires_at else TokenState.ACTIVE
    return _BY_STATUS[action.status]


def shown_status(action: Action, now: datetime) -> ActionStatus:
    """The attempt's status as its player sees it: one whose token has expired cannot be completed any more."""
    return ActionStatus.EXPIRED if token_state(action, now) is TokenState.EXPIRED else action.status
