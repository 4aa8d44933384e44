"""Suspicion, review cases, corrections, policies and models.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE players ADD COLUMN protected boolean NOT NULL DEFAULT false;
ALTER TABLE scores ADD COLUMN empty boolean NOT NULL DEFAULT false;
CREATE INDEX actions_held ON actions (player_id) WHERE status = 'held';
CREATE TABLE policies (
  key text NOT NULL,
  version integer NOT NULL,
  current boolean NOT NULL DEFAULT true,
  spec jsonb NOT NULL,
  managed_by text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (key, version)
);
CREATE UNIQUE INDEX policies_current ON policies (key) WHERE current;
CREATE TABLE player_suspicion (
  player_id uuid PRIMARY KEY REFERENCES players ON DELETE CASCADE,
  suspicion double precision NOT NULL DEFAULT 0,
  suspicion_at timestamptz,
  recent bytea NOT NULL DEFAULT '',
  holding boolean NOT NULL DEFAULT false,
  cleared_signals text[] NOT NULL DEFAULT '{}',
  cleared_until timestamptz
) WITH (fillfactor = 70);
CREATE TABLE review_cases (
  id uuid PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  player_id uuid NOT NULL REFERENCES players,
  source text NOT NULL,
  verdict text NOT NULL,
  status text NOT NULL DEFAULT 'open',
  priority integer NOT NULL,
  stakes text[] NOT NULL DEFAULT '{}',
  opened_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  auto_release boolean NOT NULL DEFAULT true,
  claimed_by uuid REFERENCES players,
  claimed_until timestamptz,
  proposed_decision text,
  proposed_by uuid REFERENCES players,
  proposed_at timestamptz,
  decision text,
  decided_by uuid REFERENCES players,
  decided_at timestamptz,
  note text,
  evidence jsonb,
  appeal_of uuid REFERENCES review_cases
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX review_cases_open ON review_cases (player_id) WHERE status = 'open';
CREATE INDEX review_cases_queue ON review_cases (priority DESC, opened_at) WHERE status = 'open';
CREATE INDEX review_cases_due ON review_cases (due_at) WHERE status = 'open';
CREATE INDEX review_cases_player ON review_cases (player_id, opened_at);
CREATE INDEX review_cases_decided ON review_cases (decided_at) WHERE status = 'decided';
CREATE TABLE suspicion_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  player_id uuid NOT NULL REFERENCES players ON DELETE CASCADE,
  case_id uuid REFERENCES review_cases,
  at timestamptz NOT NULL,
  source text NOT NULL,
  signal text NOT NULL,
  value double precision,
  reference text,
  weight double precision NOT NULL,
  suspicion double precision NOT NULL,
  verdict text NOT NULL,
  action_id uuid,
  detail jsonb
);
CREATE INDEX suspicion_events_player ON suspicion_events (player_id, id);
CREATE INDEX suspicion_events_case ON suspicion_events (case_id, id);
CREATE INDEX suspicion_events_at ON suspicion_events USING brin (at);
CREATE TABLE reports (
  id uuid PRIMARY KEY,
  reporter_id uuid NOT NULL REFERENCES players ON DELETE CASCADE,
  player_id uuid NOT NULL REFERENCES players ON DELETE CASCADE,
  reason text NOT NULL,
  note text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  case_id uuid REFERENCES review_cases
);
CREATE INDEX reports_player ON reports (player_id, created_at);
CREATE INDEX reports_reporter ON reports (reporter_id, created_at);
CREATE INDEX reports_case ON reports (case_id);
CREATE TABLE appeals (
  id uuid PRIMARY KEY,
  case_id uuid NOT NULL UNIQUE REFERENCES review_cases,
  player_id uuid NOT NULL REFERENCES players,
  words text NOT NULL,
  created_at timestamptz NOT NULL,
  opened_case_id uuid REFERENCES review_cases
);
CREATE INDEX appeals_opened_case ON appeals (opened_case_id);
CREATE TABLE corrections (
  id uuid PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  scope jsonb NOT NULL,
  reason text NOT NULL,
  case_id uuid REFERENCES review_cases,
  actions integer NOT NULL,
  players integer NOT NULL,
  points numeric NOT NULL,
  boards jsonb NOT NULL,
  applied_by uuid REFERENCES players,
  applied_at timestamptz NOT NULL,
  first_seq bigint,
  last_seq bigint,
  undone_by uuid REFERENCES players,
  undone_at timestamptz,
  undo_first_seq bigint,
  undo_last_seq bigint
);
CREATE TABLE correction_actions (
  correction_id uuid NOT NULL REFERENCES corrections,
  action_id uuid NOT NULL,
  PRIMARY KEY (correction_id, action_id)
);
CREATE TABLE models (
  id text PRIMARY KEY,
  stage text NOT NULL DEFAULT 'candidate',
  stage_since timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  artefact bytea NOT NULL,
  sidecar jsonb NOT NULL,
  sha256 bytea NOT NULL,
  signature bytea NOT NULL,
  key_id text NOT NULL
);
CREATE TABLE model_windows (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  player_id uuid NOT NULL REFERENCES players ON DELETE CASCADE,
  model_id text NOT NULL,
  end_seq bigint NOT NULL,
  events integer NOT NULL,
  size integer NOT NULL,
  score double precision NOT NULL,
  probability double precision NOT NULL,
  verdict text NOT NULL,
  detectors text[] NOT NULL,
  applied boolean NOT NULL,
  at timestamptz NOT NULL,
  UNIQUE (player_id, model_id, end_seq)
);
CREATE INDEX model_windows_at ON model_windows USING brin (at);
CREATE TABLE consumer_positions (
  consumer text PRIMARY KEY,
  seq bigint NOT NULL,
  updated_at timestamptz NOT NULL
) WITH (fillfactor = 50);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for table in (
        *("consumer_positions", "model_windows", "models", "correction_actions", "corrections", "appeals", "reports"),
        *("suspicion_events", "review_cases", "player_suspicion", "policies"),
    ):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP INDEX actions_held")
    op.execute("ALTER TABLE scores DROP COLUMN empty")
    op.execute("ALTER TABLE players DROP COLUMN protected")
