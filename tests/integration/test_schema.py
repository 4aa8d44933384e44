"""The migrations make what the code believes in, and what must never change cannot be changed."""

import asyncpg
import pytest
from sqlalchemy import ARRAY, Connection, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from scoreboard.storage.migrate import head_revision, migrate
from scoreboard.storage.tables import metadata
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.sign_seasons import sign_seasons
from tests.conftest import Api
from tests.stage import Stores, register


def plain(kind: TypeEngine[object]) -> str:
    if isinstance(kind, ARRAY):
        return f"{plain(kind.item_type)}[]"
    return kind.compile(postgresql.dialect()).replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")


def described(connection: Connection) -> dict[str, dict[str, tuple[str, bool, bool]]]:
    inspector = inspect(connection)
    tables = {}
    for name in inspector.get_table_names():
        keys = inspector.get_pk_constraint(name)["constrained_columns"]
        tables[name] = {
            column["name"]: (plain(column["type"]), bool(column["nullable"]), column["name"] in keys)
            for column in inspector.get_columns(name)
        }
    return tables


async def test_the_migrated_schema_is_the_one_the_code_knows(api: Api) -> None:
    expected = {
        table.name: {
            column.name: (plain(column.type), bool(column.nullable), bool(column.primary_key))
            for column in table.columns
        }
        for table in metadata.tables.values()
    }
    async with api.platform.database._engine.connect() as connection:
        actual = await connection.run_sync(described)
    assert actual.pop("alembic_version")
    assert actual == expected


async def test_migrating_again_changes_nothing(api: Api) -> None:
    await migrate(api.environment["DATABASE_URL"])
    assert [row[0] for row in await api.sql("SELECT version_num FROM alembic_version")] == [head_revision()]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET points = points + 1",
        "UPDATE ledger SET trace_id = 'x'",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "UPDATE audit_log SET event = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE season_roots SET entries = 0",
        "DELETE FROM season_roots",
        "TRUNCATE season_roots",
    ],
)
async def test_what_only_grows_cannot_be_changed_even_by_its_owner(api: Api, stores: Stores, statement: str) -> None:
    ada = await register(api.client)
    await ada.score("quiz")
    await sign_seasons(api.platform)
    connection = await asyncpg.connect(api.environment["DATABASE_URL"])
    try:
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_every_index_that_a_query_names_exists(api: Api, module_marker: OutboxMarker) -> None:
    """The keys that exactly-once rests on."""
    rows = await api.sql(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'"
    )
    definitions = " ".join(row[0] for row in rows)
    for key in (
        "actions USING btree (player_id, client_id)",
        "ledger_keys USING btree (action_id, entry_type, turn)",
        "idempotency_keys USING btree (player_id, key)",
        "scores USING btree (season_id, player_id)",
        "seasons USING btree (board_key, starts_at)",
        "players USING btree (username_key)",
    ):
        assert key in definitions
