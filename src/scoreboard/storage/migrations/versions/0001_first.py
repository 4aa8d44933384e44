"""The first schema: players, catalogue, actions, ledger, projections, outbox.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Fill factors below 100 leave room in the page, so that an update of a column without an index stays in the page (HOT).
TABLES = """
CREATE TABLE players (
  id uuid PRIMARY KEY,
  username text NOT NULL,
  username_key text NOT NULL UNIQUE,
  email text UNIQUE,
  password_hash text,
  role text NOT NULL DEFAULT 'player',
  status text NOT NULL DEFAULT 'active',
  suspended_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  player_id uuid NOT NULL REFERENCES players ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_reason text
);
CREATE INDEX sessions_player ON sessions (player_id);
CREATE TABLE refresh_tokens (
  hash bytea PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
  issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE TABLE boards (
  key text NOT NULL,
  version integer NOT NULL,
  current boolean NOT NULL DEFAULT true,
  spec jsonb NOT NULL,
  managed_by text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (key, version)
);
CREATE UNIQUE INDEX boards_current ON boards (key) WHERE current;
CREATE TABLE action_kinds (
  key text NOT NULL,
  version integer NOT NULL,
  current boolean NOT NULL DEFAULT true,
  spec jsonb NOT NULL,
  managed_by text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (key, version)
);
CREATE UNIQUE INDEX action_kinds_current ON action_kinds (key) WHERE current;
CREATE TABLE seasons (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  board_key text NOT NULL,
  name text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz,
  status text NOT NULL DEFAULT 'scheduled',
  closed_at timestamptz,
  checksum bytea,
  UNIQUE (board_key, starts_at)
);
CREATE TABLE season_standings (
  season_id bigint NOT NULL REFERENCES seasons,
  position integer NOT NULL,
  rank integer NOT NULL,
  player_id uuid NOT NULL,
  username text NOT NULL,
  score bigint NOT NULL,
  reached_at timestamptz NOT NULL,
  PRIMARY KEY (season_id, position)
);
CREATE UNIQUE INDEX season_standings_player ON season_standings (season_id, player_id);
CREATE TABLE actions (
  id uuid PRIMARY KEY,
  player_id uuid NOT NULL,
  kind_key text NOT NULL,
  kind_version integer NOT NULL,
  status text NOT NULL DEFAULT 'created',
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  client_id text,
  completed_at timestamptz,
  points bigint,
  request_hash bytea,
  ledger_seq bigint
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX actions_client_id ON actions (player_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX actions_created_at ON actions USING brin (created_at);
CREATE TABLE player_kinds (
  player_id uuid NOT NULL,
  kind_key text NOT NULL,
  completed integer NOT NULL DEFAULT 0,
  last_completed_at timestamptz,
  window_started_at timestamptz,
  window_completed integer NOT NULL DEFAULT 0,
  PRIMARY KEY (player_id, kind_key)
) WITH (fillfactor = 70);
CREATE TABLE scores (
  season_id bigint NOT NULL,
  player_id uuid NOT NULL,
  score bigint NOT NULL,
  reached_at timestamptz NOT NULL,
  version bigint NOT NULL,
  visible boolean NOT NULL DEFAULT true,
  last_action_id uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (season_id, player_id)
) WITH (fillfactor = 70);
CREATE TABLE ledger (
  seq bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  entry_type text NOT NULL,
  action_id uuid NOT NULL,
  player_id uuid NOT NULL,
  kind_key text NOT NULL,
  kind_version integer NOT NULL,
  points bigint NOT NULL,
  season_ids bigint[] NOT NULL,
  previous bigint[] NOT NULL,
  current bigint[] NOT NULL,
  verdict text NOT NULL,
  trace_id text,
  signature text,
  key_id text,
  nonce text,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL
);
CREATE INDEX ledger_player ON ledger (player_id, seq);
CREATE INDEX ledger_at ON ledger USING brin (at);
CREATE TABLE ledger_keys (
  action_id uuid NOT NULL,
  entry_type text NOT NULL,
  turn smallint NOT NULL DEFAULT 0,
  seq bigint NOT NULL,
  PRIMARY KEY (action_id, entry_type, turn)
);
CREATE TABLE ledger_head (
  shard smallint PRIMARY KEY,
  seq bigint NOT NULL,
  hash bytea NOT NULL
) WITH (fillfactor = 10);
INSERT INTO ledger_head VALUES (0, 0, decode(repeat('00', 32), 'hex'));
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  first_seq bigint,
  last_seq bigint,
  payload jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE idempotency_keys (
  player_id uuid NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  status integer NOT NULL,
  reply jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (player_id, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);
CREATE TABLE jobs (
  id uuid PRIMARY KEY,
  player_id uuid NOT NULL,
  payload jsonb NOT NULL,
  status text NOT NULL DEFAULT 'queued',
  tries integer NOT NULL DEFAULT 0,
  run_after timestamptz NOT NULL DEFAULT clock_timestamp(),
  result jsonb,
  problem jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz
);
CREATE INDEX jobs_due ON jobs (run_after) WHERE status IN ('queued', 'running');
CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor_id uuid,
  actor_role text NOT NULL,
  event text NOT NULL,
  subject text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  request_id text
);
CREATE TABLE activity (
  minute timestamptz NOT NULL,
  kind_key text NOT NULL,
  created integer NOT NULL DEFAULT 0,
  completed integer NOT NULL DEFAULT 0,
  points numeric NOT NULL DEFAULT 0,
  players integer NOT NULL DEFAULT 0,
  PRIMARY KEY (minute, kind_key)
);
CREATE TABLE daily_activity (
  day date PRIMARY KEY,
  created integer NOT NULL DEFAULT 0,
  completed integer NOT NULL DEFAULT 0,
  points numeric NOT NULL DEFAULT 0,
  players integer NOT NULL DEFAULT 0
);
"""

# The ledger and the audit log only grow. A privilege alone would not stop the owner of the tables, a trigger does.
APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_log EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    function, *triggers = APPEND_ONLY.split("END $$;")
    op.execute(function + "END $$;")
    for trigger in triggers[0].split(";\n"):
        if trigger.strip():
            op.execute(trigger)


def downgrade() -> None:
    raise NotImplementedError("the first schema has nothing to go back to; drop the database")
