"""The audit log becomes a hash chain with daily seals; security incidents get a table.

The database chains each row as it is inserted: whoever may insert cannot leave the chain out, needs no right to touch
its head, and the version before this one goes on writing as it did. What was written before is chained here, in the
order of its numbers, which become dense: an edit of an old row shows like one of a new row.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS = """
ALTER TABLE audit_log ALTER COLUMN id DROP IDENTITY, ADD COLUMN prev_hash bytea, ADD COLUMN hash bytea;
CREATE TABLE audit_head (
  shard smallint PRIMARY KEY CHECK (shard = 0),
  seq bigint NOT NULL,
  hash bytea NOT NULL,
  at timestamptz
) WITH (fillfactor = 10);
CREATE TABLE audit_seals (
  day date PRIMARY KEY,
  last_id bigint NOT NULL,
  last_hash bytea NOT NULL,
  prev_seal bytea NOT NULL,
  key_id text NOT NULL,
  signature bytea NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE security_incidents (
  id uuid PRIMARY KEY,
  what text NOT NULL,
  address inet,
  player_id uuid,
  failures integer NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  blocked_until timestamptz NOT NULL
);
CREATE INDEX security_incidents_last_at ON security_incidents (last_at);
"""

# The same as security/audit_chain.py, which verifies it; a test holds both against each other. Each column with its
# length in bytes before it, so that text cannot move from one column into the next.
_ROW_HASH = """
CREATE FUNCTION audit_row_hash(previous bytea, line audit_log) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(previous || string_agg(
    convert_to(coalesce(octet_length(convert_to(part, 'UTF8')) || ':' || part, '-') || ',', 'UTF8'), ''::bytea
    ORDER BY place))
  FROM unnest(ARRAY[
    '1', line.id::text, (extract(epoch FROM line.at) * 1000000)::bigint::text, line.actor_id::text, line.actor_role,
    line.event, line.subject, line.detail::text, line.request_id
  ]) WITH ORDINALITY AS parts (part, place)
$$
"""

_CHAIN_WHAT_IS_THERE = """
DO $$
DECLARE
  line audit_log;
  old_id bigint;
  seq bigint := 0;
  previous bytea := decode(repeat('00', 32), 'hex');
  latest timestamptz;
BEGIN
  FOR line IN SELECT * FROM audit_log ORDER BY id LOOP
    old_id := line.id;
    seq := seq + 1;
    line.id := seq;
    line.prev_hash := previous;
    previous := audit_row_hash(previous, line);
    UPDATE audit_log SET id = seq, prev_hash = line.prev_hash, hash = previous WHERE id = old_id;
    latest := greatest(latest, line.at);
  END LOOP;
  INSERT INTO audit_head (shard, seq, hash, at) VALUES (0, seq, previous, latest);
END $$
"""

# Runs with its owner's rights, so it names its schema and lets nobody's temporary table stand in for the head. The
# moment is the head's at least: a clock that is set back does not put a row into a day that is sealed.
_CHAIN = """
DO $do$
BEGIN
  EXECUTE format($outer$
    CREATE FUNCTION chain_audit_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = %I, pg_temp AS $$
    DECLARE
      head audit_head;
    BEGIN
      SELECT * INTO STRICT head FROM audit_head WHERE shard = 0 FOR UPDATE;
      NEW.id := head.seq + 1;
      NEW.at := greatest(clock_timestamp(), head.at);
      NEW.prev_hash := head.hash;
      NEW.hash := audit_row_hash(head.hash, NEW);
      UPDATE audit_head SET seq = NEW.id, hash = NEW.hash, at = NEW.at WHERE shard = 0;
      RETURN NEW;
    END $$
  $outer$, current_schema());
END $do$
"""

_TRIGGERS = """
CREATE TRIGGER audit_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION chain_audit_row();
CREATE TRIGGER seals_append_only BEFORE UPDATE OR DELETE ON audit_seals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seals_no_truncate BEFORE TRUNCATE ON audit_seals EXECUTE FUNCTION refuse_change();
"""


def _each(statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            op.execute(statement)


def upgrade() -> None:
    _each(_COLUMNS)
    op.execute(_ROW_HASH)
    op.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_append_only")
    op.execute(_CHAIN_WHAT_IS_THERE)
    op.execute("ALTER TABLE audit_log ENABLE TRIGGER audit_append_only")
    op.execute("ALTER TABLE audit_log ALTER COLUMN prev_hash SET NOT NULL, ALTER COLUMN hash SET NOT NULL")
    op.execute(_CHAIN)
    _each(_TRIGGERS)


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_chain ON audit_log")
    op.execute("DROP FUNCTION chain_audit_row()")
    op.execute("DROP FUNCTION audit_row_hash(bytea, audit_log)")
    op.execute("DROP TABLE audit_head, audit_seals, security_incidents")
    op.execute("ALTER TABLE audit_log DROP COLUMN prev_hash, DROP COLUMN hash")
    op.execute(
        "DO $$ BEGIN EXECUTE format('ALTER TABLE audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY"
        " (START WITH %s)', (SELECT coalesce(max(id), 0) + 1 FROM audit_log)); END $$"
    )
