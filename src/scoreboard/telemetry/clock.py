"""The process's clock, for what no transaction and no Redis call can date."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The process's clock, for what no transaction and no Redis call can date. Scores never use it."""
    return datetime.now(UTC)  # noqa: TID251 - the one place that reads it
