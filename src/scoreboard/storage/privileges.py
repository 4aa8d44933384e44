"""What the services may do to the tables: the role ``scoreboard_writer``, which nobody logs in as.

A login role that is a member of it runs the platform and can neither change what only grows nor a single table's form.
Granted after every migration, so that a new table is never forgotten: what is not named below may be read and written.
"""

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from scoreboard.storage.database import driver_url
from scoreboard.storage.tables import metadata

WRITER = "scoreboard_writer"
_ALL = "SELECT, INSERT, UPDATE, DELETE"
_GRANTS = {
    "ledger": "SELECT, INSERT",
    "audit_log": "SELECT, INSERT",
    "audit_seals": "SELECT, INSERT",
    "season_roots": "SELECT, INSERT",
    "ledger_head": "SELECT, UPDATE",
    # A column that a check keeps at one value: enough to lock the row, useless to change it.
    "audit_head": "SELECT, UPDATE (shard)",
    "security_incidents": "SELECT, INSERT, UPDATE",
    "snapshots": "SELECT, INSERT",
    "snapshot_totals": "SELECT, INSERT",
    "untimed_actions": "SELECT, INSERT",
    "alembic_version": "SELECT",
}
# Roles belong to the cluster: another database's migration may make this one at the same moment.
_CREATE = """
DO $$ BEGIN
  CREATE ROLE {role} NOLOGIN;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN RAISE NOTICE 'this user may not create roles: {role} is left out';
END $$
"""
_EXISTS = text("SELECT 1 FROM pg_roles WHERE rolname = :role")
_UNUSABLE_SCHEMA = text(
    "SELECT quote_ident(current_schema()) WHERE NOT has_schema_privilege(:role, current_schema(), 'USAGE')"
)
_HELD = text(
    "SELECT c.relname, string_agg(DISTINCT a.privilege_type || coalesce(' (' || a.attname || ')', ''), ','"
    " ORDER BY a.privilege_type || coalesce(' (' || a.attname || ')', ''))"
    " FROM pg_class c, LATERAL (SELECT grantee, privilege_type, NULL::name AS attname FROM aclexplode(c.relacl)"
    " UNION ALL SELECT e.grantee, e.privilege_type, t.attname FROM pg_attribute t, aclexplode(t.attacl) e"
    " WHERE t.attrelid = c.oid AND NOT t.attisdropped) a"
    " WHERE c.relnamespace = current_schema()::regnamespace AND a.grantee = CAST(:role AS regrole) GROUP BY 1"
)


def has_writer(connection: Connection, role: str = WRITER) -> bool:
    """Whether the role is there."""
    return connection.execute(_EXISTS, {"role": role}).first() is not None


def grant_writer(connection: Connection, role: str = WRITER) -> bool:
    """Make the role where this user may, and give it exactly what the services need.

    Returns:
        False where the role is not there and could not be made; an administrator has to, then migrate again.

    Raises:
        sqlalchemy.exc.DBAPIError: this user does not own the tables.
    """
    if not has_writer(connection, role):
        connection.execute(text(_CREATE.format(role=role)))
        if not has_writer(connection, role):
            return False
    schema = connection.execute(_UNUSABLE_SCHEMA, {"role": role}).scalar()
    if schema is not None:
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))
    held: dict[str, str] = {row[0]: row[1] for row in connection.execute(_HELD, {"role": role})}
    for table in (*metadata.tables, "alembic_version"):
        wanted = _GRANTS.get(table, _ALL)
        # Only what differs is granted: rows of the catalogue that nobody touches disturb nobody.
        if held.get(table) != ",".join(sorted(wanted.split(", "))):
            connection.execute(text(f"REVOKE ALL ON {table} FROM {role}"))
            connection.execute(text(f"GRANT {wanted} ON {table} TO {role}"))
    return True


# The password is quoted by the server, as a parameter cannot stand in such a statement.
_LOGIN = text(
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :login)"
    " THEN format('ALTER ROLE %I LOGIN PASSWORD %L', CAST(:login AS text), CAST(:password AS text))"
    " ELSE format('CREATE ROLE %I LOGIN PASSWORD %L', CAST(:login AS text), CAST(:password AS text)) END"
)


async def make_login(database_url: str, login: str, password: str) -> None:
    """Make a login role that has the group's rights, or give it this password. The schema must be there.

    Raises:
        sqlalchemy.exc.DBAPIError, OSError: this user may not make roles, or Postgres cannot be reached.
    """
    engine = create_async_engine(driver_url(database_url))
    try:
        async with engine.begin() as connection:
            statement = (await connection.execute(_LOGIN, {"login": login, "password": password})).scalar_one()
            await connection.exec_driver_sql(statement)
            await connection.exec_driver_sql(f'GRANT {WRITER} TO "{login}"')
    finally:
        await engine.dispose()
