"""The tables about the past, in the metadata of ``tables``: snapshots, signed roots of seasons, and actions whose
moment tells nothing.
"""

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid

_MOMENT = DateTime(timezone=True)


def add_past_tables(metadata: MetaData) -> None:
    """Tell ``metadata`` of these tables; their statements are written out in the modules that own them."""
    Table(
        "snapshots",
        metadata,
        Column("id", BigInteger, primary_key=True),
        Column("season_id", BigInteger, nullable=False),
        Column("at", _MOMENT, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("fold", Text, nullable=False),
        Column("taken_at", _MOMENT, nullable=False),
    )
    Table(
        "snapshot_totals",
        metadata,
        Column("snapshot_id", BigInteger, primary_key=True),
        Column("player_id", Uuid, primary_key=True),
        Column("score", BigInteger, nullable=False),
        Column("reached_at", _MOMENT, nullable=False),
    )
    Table("untimed_actions", metadata, Column("action_id", Uuid, primary_key=True))
    Table(
        "season_roots",
        metadata,
        Column("number", BigInteger, primary_key=True),
        Column("season_id", BigInteger, nullable=False),
        Column("board_key", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("through", BigInteger, nullable=False),
        Column("chain", LargeBinary, nullable=False),
        Column("entries", BigInteger, nullable=False),
        Column("root", LargeBinary, nullable=False),
        Column("checksum", LargeBinary),
        Column("signed_at", _MOMENT, nullable=False),
        Column("previous", LargeBinary, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("signature", LargeBinary, nullable=False),
        Column("peaks", LargeBinary, nullable=False),
    )
