"""Boards: how scores are combined and in which order entries stand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from scoreboard.domain.clock import EPOCH, microseconds

SCORE_LIMIT = 2**53
"""Scores lie within ±2^53: the range in which doubles, and so Redis and JavaScript, hold integers exactly."""

TIE_DIGITS = 16
_TIE_CEILING = 10**TIE_DIGITS - 1
_TIE_FORMAT = f"%0{TIE_DIGITS}d"


class Order(StrEnum):
    """Whether the highest or the lowest score leads."""

    DESC = "desc"
    ASC = "asc"


class Operator(StrEnum):
    """How an action's points become the score."""

    SUM = "sum"
    BEST = "best"
    LATEST = "latest"


class TieRule(StrEnum):
    """Who stands first among equal scores: who reached it earliest, or latest."""

    EARLIEST = "earliest"
    LATEST = "latest"


class RankStyle(StrEnum):
    """Equal scores: 1,2,2,4 (standard), 1,2,2,3 (dense) or 1,2,3,4 (ordinal)."""

    STANDARD = "standard"
    DENSE = "dense"
    ORDINAL = "ordinal"


class Visibility(StrEnum):
    """Public boards are readable by anyone; private ones need a signed-in player."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a board's seasons begin: never (both None), by cron in a time zone, or at fixed dates."""

    cron: str | None = None
    time_zone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """A configured ranking. ``size`` is how many entries its live view shows.

    From ``frozen_from`` on the public sees it as it was then, until ``frozen_until`` or, without that, until the freeze
    is taken out. What that means for a caller is said in ``domain/freeze``.
    """

    key: str
    title: str
    version: int = 1
    order: Order = Order.DESC
    operator: Operator = Operator.SUM
    tie_rule: TieRule = TieRule.EARLIEST
    rank_style: RankStyle = RankStyle.STANDARD
    size: int = 10
    visibility: Visibility = Visibility.PUBLIC
    refresh: str = "eager"
    schedule: Schedule = Schedule()
    frozen_from: datetime | None = None
    frozen_until: datetime | None = None


def sort_score(board: Board, score: int) -> int:
    """The score as it sorts in ascending order: negated where the highest leads. Exact within ±2^53."""
    return -score if board.order is Order.DESC else score


def tie_key(board: Board, reached_at: datetime) -> str:
    """Sixteen digits that sort ascending as the tie rule wants, to the microsecond."""
    micros = microseconds(reached_at)
    return _TIE_FORMAT % (micros if board.tie_rule is TieRule.EARLIEST else _TIE_CEILING - micros)


def reached_at_of(board: Board, key: str) -> datetime:
    """The moment that :func:`tie_key` encoded."""
    micros = int(key)
    return EPOCH + timedelta(microseconds=micros if board.tie_rule is TieRule.EARLIEST else _TIE_CEILING - micros)
