"""The tables of what is declared, for the metadata of ``tables``. The migrations make them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

_MOMENT = DateTime(timezone=True)


def versioned(metadata: MetaData, name: str) -> Table:
    """A table of specifications: a change adds a version, one is current. Retired ones stay."""
    return Table(
        name,
        metadata,
        Column("key", Text, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("current", Boolean, nullable=False),
        Column("spec", JSONB, nullable=False),
        Column("managed_by", Text),
        Column("created_at", _MOMENT, nullable=False),
        Column("retired_at", _MOMENT),
    )


def owners(metadata: MetaData) -> Table:
    """Who declares what, so that two never overwrite each other in turn."""
    return Table(
        "declaration_owners",
        metadata,
        Column("resource", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("uid", Text),
        Column("name", Text, nullable=False),
        Column("generation", BigInteger),
        Column("since", _MOMENT, nullable=False),
    )
