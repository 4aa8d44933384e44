"""Arithmetic on moments. Nothing here asks what time it is."""

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC, without the rounding of ``datetime.timestamp``."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Seconds from one moment to another; negative when they are the other way round."""
    return (later - earlier).total_seconds()


def in_utc(moment: datetime) -> datetime:
    """A moment that somebody named, in UTC. What lies before 1970 counts as 1970: nothing was done before."""
    if moment < EPOCH:
        return EPOCH
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
