"""The tables of the analytics, in the metadata of ``tables``."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid

_MOMENT = DateTime(timezone=True)
_COUNTS = ("created", "completed", "held", "rejected", "voided", "abandoned")


def add_activity_tables(metadata: MetaData) -> None:
    """Tell ``metadata`` of these tables; their statements are written out in ``activity``.

    The last two are what the version before counts into.
    """
    Table(
        "activity_counts",
        metadata,
        Column("step", Text, primary_key=True),
        Column("starts", _MOMENT, primary_key=True),
        Column("kind_key", Text, primary_key=True),
        *(Column(name, BigInteger, nullable=False) for name in _COUNTS),
        Column("points", Numeric, nullable=False),
        Column("players", BigInteger, nullable=False),
    )
    Table(
        "activity_players",
        metadata,
        Column("step", Text, primary_key=True),
        Column("starts", _MOMENT, primary_key=True),
        Column("kind_key", Text, primary_key=True),
        Column("player_id", Uuid, primary_key=True),
    )
    Table(
        "activity",
        metadata,
        Column("minute", _MOMENT, primary_key=True),
        Column("kind_key", Text, primary_key=True),
        Column("created", Integer, nullable=False),
        Column("completed", Integer, nullable=False),
        Column("points", Numeric, nullable=False),
        Column("players", Integer, nullable=False),
    )
    Table(
        "daily_activity",
        metadata,
        Column("day", Date, primary_key=True),
        Column("created", Integer, nullable=False),
        Column("completed", Integer, nullable=False),
        Column("points", Numeric, nullable=False),
        Column("players", Integer, nullable=False),
    )
