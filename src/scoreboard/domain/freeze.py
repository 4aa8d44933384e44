"""Freezes: from a moment on everybody but moderators and admins sees a board as it was then.

Every view asks :func:`shown_as_of` which state it may show: pages, live messages, completion replies, ranks. The
frozen state is what was done up to the freeze, as far as it counts today: what is voided afterwards leaves it, what is
released afterwards joins it with its own moment.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.domain.season import Season

_SEE_REAL = (Role.MODERATOR, Role.ADMIN)


class Sight(StrEnum):
    """What a caller may see of a frozen board: what the public sees, or the real state."""

    PUBLIC = "public"
    REAL = "real"


@dataclass(frozen=True, slots=True)
class Look:
    """How a caller looks at a board. ``at`` asks for a past moment; None is now."""

    sight: Sight = Sight.PUBLIC
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze that is on. ``until`` None: until it is taken out. ``real``: this caller sees the real state all the
    same.
    """

    since: datetime
    until: datetime | None
    real: bool = False


def require_freeze(board: Board) -> None:
    """Raises Refusal VALIDATION_ERROR when a board's freeze could never be on, or its moments have no time zone."""
    since, until = board.frozen_from, board.frozen_until
    if any(moment is not None and moment.tzinfo is None for moment in (since, until)):
        raise Refusal(ErrorCode.VALIDATION_ERROR, "The moments of a freeze need a time zone.")
    if until is not None and since is None:
        raise Refusal(ErrorCode.VALIDATION_ERROR, "A freeze that ends must begin: say from when.")
    if since is not None and until is not None and until <= since:
        raise Refusal(ErrorCode.VALIDATION_ERROR, "A freeze must end after it begins.")


def sight_of(role: Role | None) -> Sight:
    """What a caller with this role may see; None is somebody without a token."""
    return Sight.REAL if role in _SEE_REAL else Sight.PUBLIC


def freeze_on(board: Board, now: datetime, sight: Sight = Sight.PUBLIC) -> Freeze | None:
    """The board's freeze, if one is on at this moment."""
    since, until = board.frozen_from, board.frozen_until
    if since is None or now < since or (until is not None and now >= until):
        return None
    return Freeze(since, until, sight is Sight.REAL)


def touches(freeze: Freeze, season: Season) -> bool:
    """Whether anything of the season can have happened in the freeze. What ended before it stays open to all."""
    return season.ends_at is None or season.ends_at > freeze.since


def shown_freeze(board: Board, season: Season, look: Look, now: datetime) -> Freeze | None:
    """The freeze that whoever looks at this season has to be told of."""
    freeze = freeze_on(board, now, look.sight)
    return freeze if freeze is not None and touches(freeze, season) else None


def shown_as_of(board: Board, season: Season, look: Look, now: datetime) -> datetime | None:
    """The moment as of which a caller sees a board season; None: as it is now.

    Raises:
        Refusal: VALIDATION_ERROR for a moment that is still to come, or that the freeze keeps back.
    """
    if look.at is not None and look.at > now:
        raise _not_open("This moment has not come yet.")
    freeze = shown_freeze(board, season, look, now)
    if freeze is None or freeze.real:
        return look.at
    if look.at is not None and look.at > freeze.since:
        raise _not_open("This board is frozen; what came after that is not shown yet.")
    return freeze.since if look.at is None else look.at


def _not_open(words: str) -> Refusal:
    errors = [{"pointer": "#/query/at", "detail": words}]
    return Refusal(ErrorCode.VALIDATION_ERROR, "The board cannot be shown as of this moment.", extra={"errors": errors})
