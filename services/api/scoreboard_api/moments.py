"""The query's ``at``: a past moment, read in the same way by hot routes and by the others."""

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Depends, Query

from scoreboard.domain.clock import in_utc
from scoreboard.domain.errors import ErrorCode, Refusal

_LONGEST = 40


def read_moment(text: str | None) -> datetime | None:
    """The moment in UTC; None without one.

    Raises:
        Refusal: VALIDATION_ERROR unless it is RFC 3339 with its time zone.
    """
    if text is None:
        return None
    try:
        moment = msgspec.convert(text[:_LONGEST], datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        fault = {"pointer": "#/query/at", "detail": "A moment with its time zone, as in 2026-01-31T18:00:00Z."}
        raise Refusal(ErrorCode.VALIDATION_ERROR, "The query is not valid.", extra={"errors": [fault]})
    return in_utc(moment)


def _parameter(
    at: Annotated[
        str | None,
        Query(
            description="a past moment, with its time zone; now when left out",
            json_schema_extra={"format": "date-time"},
        ),
    ] = None,
) -> datetime | None:
    return read_moment(at)


PastMoment = Annotated[datetime | None, Depends(_parameter)]
