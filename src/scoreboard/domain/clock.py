"""Arithmetic on moments. Nothing here asks what time it is."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC, without the rounding of ``datetime.timestamp``."""
    return (moment - EPOCH) // _MICROSECOND


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Seconds from one moment to another; negative when they are the other way round."""
    return (later - earlier).total_seconds()
